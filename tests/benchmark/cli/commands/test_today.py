"""`--preset today`: a choice of backbones that leaves the rest to the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from partbench.backbones.backbone import Backbone
from partbench.backbones.timm_models.lite0 import PACKAGE
from partbench.benchmark.cli.commands.today import backbones_today
from partbench.benchmark.cli.verbs.run import with_today
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.today import default_backbones

Call = Callable[..., Any]


def test_what_is_here_stands_beside_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Every member of a family is named, be it among the backbones or as missing."""
    names = backbones_today()
    assert names[: len(default_backbones(load_catalogue()))] == default_backbones(load_catalogue())
    said = capsys.readouterr().err
    records = [offer.record for offer in load_catalogue().backbones.values()]
    members = [str(row["name"]) for record in records if isinstance(record, Backbone) and record.members
               for row in record.members()]  # fmt: skip
    assert {"lite0", "hed@package"} < set(members)
    assert all(name in said for name in members)
    assert ("lite0" in names) == (PACKAGE.path is not None)


def test_further_backbones_come_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """And a preset of the paper is left as it is."""
    named, preset = with_today(["vae"], "today")
    assert named is not None
    assert (named[-1], preset) == ("vae", None)
    assert with_today(["vae"], "table-g") == (["vae"], "table-g")
    assert "today: beside the default backbones" in capsys.readouterr().err


def test_it_takes_nothing_of_the_presets_of_the_paper(call: Call) -> None:
    """A scale of the paper's experiments is refused before anything runs."""
    assert call("run", "--preset", "today", "--scale", "paper").code == 2
