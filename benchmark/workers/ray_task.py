"""What a Ray worker does: a group of a run, whose cells it writes into the run's folder; nothing travels but words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from ..plugins.catalogue import load_catalogue
from ..run.groups import Group
from ..run.relay import Relay
from .recipe import RunRecipe, Slot
from .told import BEGAN, ToldFile
from .worker import portable, score_apart


def do(recipe: RunRecipe, group: Group, slot: Slot, apart: bool, told: Path, home: Path) -> str | Exception:
    """Do a group; '' if all is well, how its own process ended if it has one, or what no group is to blame for.

    `home` is where the run was started, which paths and plugins are relative to.
    """
    try:
        os.chdir(home)
        outlet = ToldFile(told)
        outlet.send((BEGAN, (platform.node(), os.getpid())))
        runner = slot.recipe(recipe).open_elsewhere(load_catalogue(), Relay(outlet))
        if apart:
            return score_apart(recipe.of(runner), group, Relay(outlet), slot)
        runner.score(group)
        return ""
    except Exception as error:
        return portable(error)
