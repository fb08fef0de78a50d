"""What the README shows is run here."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest

from partbench.backbones.backbone import Backbone
from partbench.backbones.checks import CHECKS

README = Path(__file__).parents[1] / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="the sources are not here")


@pytest.fixture(scope="module")
def plugin() -> Backbone:
    code = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    module = types.ModuleType("partbench_resnet")
    exec(code, module.__dict__)
    (record,) = module.partbench_backbones()
    assert isinstance(record, Backbone)
    return record


@pytest.mark.parametrize("check", CHECKS)
def test_the_plugin_of_the_readme_keeps_the_contract(check, plugin: Backbone) -> None:
    check(plugin)


def test_every_picture_of_the_readme_is_there() -> None:
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README.read_text()):
        assert (README.parent / path).exists(), path


def test_the_readme_holds_a_leaderboard() -> None:
    assert "paper_weighted IoU" in README.read_text()
