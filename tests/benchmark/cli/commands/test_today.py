"""`--preset today`: a choice of backbones that leaves the rest to the options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from partbench.backbones.backbone import Backbone
from partbench.backbones.timm_models.lite0 import PACKAGE
from partbench.benchmark.cli.commands.plan_options import resolve
from partbench.benchmark.cli.commands.today import backbones_today
from partbench.benchmark.cli.verbs.run import with_today
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins import catalogue
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.today import default_backbones

Call = Callable[..., Any]


def test_what_is_here_stands_beside_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Every member of a family is named, be it among the backbones or as missing."""
    found = load_catalogue()
    names = backbones_today(found)
    assert names[: len(default_backbones(found))] == default_backbones(found)
    said = capsys.readouterr().err
    records = [offer.record for offer in found.backbones.values()]
    members = [str(row["name"]) for record in records if isinstance(record, Backbone) and record.members
               for row in record.members()]  # fmt: skip
    assert {"lite0", "hed@package"} < set(members)
    assert all(name in said for name in members)
    assert ("lite0" in names) == (PACKAGE.path is not None)


def test_further_backbones_come_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """And a preset of the paper is left as it is."""
    named, preset = with_today(["timm:a", "vae"], "today")
    assert named is not None and preset is None
    found = load_catalogue()
    plan = resolve(Plan("faces", tuple(named), ("ridge",)), found)
    assert plan.backbones == tuple(dict.fromkeys((*backbones_today(found), "timm:a")))
    assert with_today(["vae"], "table-g") == (["vae"], "table-g")
    assert "today: beside the default backbones" in capsys.readouterr().err


def test_plugins_are_asked_once(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they offer is looked up in the same catalogue that the plan is carried out with."""
    asked, ask = [], catalogue.find_plugins
    monkeypatch.setattr(catalogue, "find_plugins", lambda: asked.append(1) or ask())
    answer = call("plan", "--preset", "today", "--dataset", "nowhere")
    assert answer.code == 2 and "today: beside the default backbones" in answer.err
    assert asked == [1]


def test_it_takes_nothing_of_the_presets_of_the_paper(call: Call) -> None:
    """A scale of the paper's experiments is refused before anything runs."""
    assert call("run", "--preset", "today", "--scale", "paper").code == 2
