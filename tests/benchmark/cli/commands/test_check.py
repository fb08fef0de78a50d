"""`partbench check` signs off what a record keeps of its contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from partbench.benchmark.cli.commands.check import names_of
from partbench.benchmark.cli.main import app
from partbench.benchmark.plugins.catalogue import load_catalogue

Call = Callable[..., Any]


def test_a_record_can_be_checked(call: Call) -> None:
    """Exit code 0 if it keeps its contract; with --json each check by name."""
    shown = call("check", "linear")
    assert shown.code == 0 and "in a stack with others of its kind" in shown.out
    outcomes = json.loads(call("check", "linear", "--json").out)["outcomes"]
    assert outcomes
    assert {outcome["word"] for outcome in outcomes.values()} == {"passes"}


def test_a_pattern_checks_every_record_that_it_matches(call: Call) -> None:
    """Each under its name, and with --json one object per record; a family's examples stand for the family."""
    assert call("check", "posit*").out.startswith("import ")
    both = json.loads(call("check", "mlp-*", "--json").out)
    assert [each["name"] for each in both] == ["mlp-1", "mlp-2"]
    assert "mlp-2" in call("check", "mlp-*").out.splitlines()
    names = names_of(load_catalogue(), "timm:*")
    assert len(names) >= 12
    assert all(name.endswith(",untrained") for name in names)


REASON = "its maps are printed mirrored"


PLUGIN = """
import partbench
from partbench.backbones.backbone import Backbone

def load():
    import torch.nn.functional as F
    return lambda images: [F.avg_pool2d(images, 2){end}]

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("mirror", 32, (3,), load, known_failures={known})
"""


KNOWN = {"aligned": REASON, "shift": REASON}


@pytest.fixture
def offer() -> Callable[..., Any]:
    """The command line beside a plugin whose maps end so, and whose failures are known."""

    def offer(*arguments: str, end: str = "", known: object = None) -> Any:
        Path("partbench_plugins.py").write_text(PLUGIN.format(end=end, known=known or {}))
        return CliRunner().invoke(app, arguments)

    return offer


RUN = ("run", "--backbone", "mirror", "--head", "linear", "--shots", "1", "--draws", "1", "--test", "2", "--pool", "4")


@pytest.mark.usefixtures("short_trainings")
def test_a_leaderboard_shows_who_keeps_the_contract(offer: Callable[..., Any], tmp_path: Path) -> None:
    """Not checked, checked, of other code, failing, with a known failure: told under it, and by --checks."""
    plan = (*RUN, "--size", "32", "--out", "run")
    assert "contract: all 3: not checked" in offer(*plan).output
    done = offer("check", "mirror", "--out", "signed.json")
    assert done.exit_code == 0, done.output
    assert "shift                passes" in done.output and "signed off in signed.json" in done.output
    assert json.loads(Path("signed.json").read_text())["subject"]["provider"] == "partbench_plugins.py"
    told = offer("leaderboard", "run").output
    assert "contract: mirror: checked; linear, faces: not checked (partbench check NAME)" in told
    failed = offer("check", "mirror", end=".flip(3)")
    assert failed.exit_code == 1 and "aligned              fails  mirror answers a change" in failed.output
    assert "contract: mirror: stale: the code changed since; linear" in offer("leaderboard", "run").output
    offer(*plan, end=".flip(3)")
    assert "contract: mirror: fails aligned, shift; linear" in offer("leaderboard", "run").output
    known = offer("check", "mirror", end=".flip(3)", known=KNOWN)
    offer(*plan, end=".flip(3)", known=KNOWN)
    assert known.exit_code == 0 and f"known: {REASON}" in known.output
    (found,) = json.loads(offer("leaderboard", "run", "--checks", "--format", "json").stdout)
    standing = f"checked, known to fail aligned ({REASON}), shift ({REASON})"
    assert [(one["name"], one["standing"]) for one in found["checks"]] == [
        ("mirror", standing), ("linear", "not checked"), ("faces", "not checked"),
    ]  # fmt: skip
    assert standing in " ".join(offer("leaderboard", "run", "--checks").output.split())
    assert "| backbone | mirror |" in offer("leaderboard", "run", "--checks", "--format", "md").output


def test_one_file_takes_one_signoff(offer: Callable[..., Any]) -> None:
    """A pattern of several names with --out is refused before anything is checked."""
    done = offer("check", "mlp-*", "--out", "signed.json")
    assert done.exit_code and "'mlp-*'" in str(done.exception)
    assert not Path("signed.json").exists()
