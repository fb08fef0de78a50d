"""What the README shows is run here, or held against the page that has all of it."""

from __future__ import annotations

import re
import shlex
import types
from pathlib import Path

import pytest
from typer.main import get_command

from partbench.backbones.backbone import Backbone
from partbench.backbones.checks import CHECKS
from partbench.benchmark.cli.commands.plan_options import resolve
from partbench.benchmark.cli.main import app
from partbench.benchmark.plan import COPY, Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.scores.convergence import MARK

SUMMARY = re.compile(r"^\| `(\S+)` \| (\d.*) \| (\d.*) \| (\d.*) \|$", re.MULTILINE)
BLOCK = re.compile(r"^faces: paper_weighted IoU.*?\n(?=\n\S|```)", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    """The text of README.md."""
    return (repository / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scores(repository: Path) -> dict[tuple[int, str], dict[str, str]]:
    """The whole leaderboard of the docs by `paper_weighted`: the text of a score by shots, backbone and head."""
    (block,) = BLOCK.findall((repository / "docs/pages/results.md").read_text(encoding="utf-8"))
    heads = block.partition("rank")[2].partition("\n")[0].split()
    shots, found = 0, {}
    for words in map(str.split, block.partition("─\n")[2].splitlines()):
        if words[1:] in (["shot"], ["shots"]):
            shots = int(words[0])
        elif words:
            backbone, _, *row = words
            found[shots, backbone] = dict(zip(heads, row, strict=True))
    return found


@pytest.fixture(scope="module")
def plugin(readme: str) -> Backbone:
    code = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    module = types.ModuleType("partbench_resnet")
    exec(code, module.__dict__)
    (record,) = module.partbench_backbones()
    assert isinstance(record, Backbone)
    return record


@pytest.mark.parametrize("check", CHECKS)
def test_the_plugin_of_the_readme_keeps_the_contract(check, plugin: Backbone) -> None:
    check(plugin)


def test_the_readme_is_read_in_a_minute(readme: str) -> None:
    """It has at most 9,000 characters."""
    assert len(readme) <= 9000


def test_every_link_and_picture_of_the_readme_is_there(readme: str, repository: Path) -> None:
    for path in re.findall(r"\]\((.*?)\)", readme):
        assert (repository / path).exists(), path


def test_every_command_of_the_readme_is_understood(readme: str) -> None:
    """Its verb is there and takes these arguments and options."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", readme, re.DOTALL))
    lines = re.findall(r"^partbench .*$", blocks, re.MULTILINE) + re.findall(r"`(partbench\s[^`]+)`", readme)
    assert len(lines) >= 10
    for line in lines:
        _, *words = shlex.split(line, comments=True)
        verb = get_command(app)
        while hasattr(verb, "commands"):
            verb, words = verb.commands[words[0]], words[1:]
        verb.make_context(line, words)


def test_the_leaderboard_is_that_of_a_default_run(scores: dict[tuple[int, str], dict[str, str]]) -> None:
    """The page has a score for everything that `partbench run` crosses when nothing is named, and no other."""
    plan = resolve(Plan("faces", (), ()), load_catalogue())
    assert set(scores) == {(shots, backbone) for shots in plan.shots for backbone in plan.backbones}
    assert all(tuple(row) == plan.heads for row in scores.values())


def test_the_readme_summarises_the_leaderboard(readme: str, scores: dict[tuple[int, str], dict[str, str]]) -> None:
    """Of every backbone and number of shots it has the best head that converged, in the order of ten shots."""
    lines = SUMMARY.findall(readme)
    shown = {(shots, name): text for name, *texts in lines for shots, text in zip((1, 5, 10), texts, strict=True)}
    assert set(shown) == set(scores)
    for key, text in shown.items():
        score, _, head = text.partition(" `")
        row = scores[key]
        assert _mean(score) == max(_mean(text) for text in row.values() if not text.endswith(MARK)), key
        # A control without a head stands under every head.
        assert score.replace(" ", "") == row[head.removesuffix("`") or next(iter(row))], key
        assert bool(head) == (key[1] != COPY), key
    last = [_mean(line[-1]) for line in lines]
    assert last == sorted(last, reverse=True)


def _mean(text: str) -> float:
    """Of `54.3±2.1`."""
    return float(text.partition("±")[0])
