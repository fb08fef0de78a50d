"""What a Ray worker does: a group of a run, whose cells it writes into the run's folder.

Nothing travels but words, and weights files to machines that lack them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..file_cache import OUTLET
from ..plugins.catalogue import load_catalogue
from ..run.groups import Group
from ..run.relay import Relay
from .needs import Need, pieces_of
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
        OUTLET.tell = Relay(outlet).problem
        recipe = recipe.here(group.backbone, recipe.keeper and (lambda need: sent_by(recipe.keeper, need)))
        runner = slot.recipe(recipe).open_elsewhere(load_catalogue(), Relay(outlet))
        if apart:
            return score_apart(recipe.of(runner), group, Relay(outlet), slot)
        runner.score(group)
        return ""
    except Exception as error:
        return portable(error)


class FileKeeper:
    """Lives where the run was started, and puts files from there into the store of Ray for machines that lack them."""

    def __init__(self, home: Path) -> None:
        os.chdir(home)
        self.put: dict[str, list[Any]] = {}

    def pieces(self, need: Need) -> list[Any]:
        """References to the pieces of a file, which is read when somebody asks for it first."""
        import ray

        if need.word not in self.put:
            self.put[need.word] = [ray.put(piece) for piece in pieces_of(need)]
        return self.put[need.word]


def sent_by(keeper: Any, need: Need) -> Iterator[bytes]:
    """The pieces of a file, from whoever keeps it."""
    import ray

    yield from map(ray.get, ray.get(keeper.pieces.remote(need)))
