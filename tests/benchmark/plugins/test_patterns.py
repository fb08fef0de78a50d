"""Patterns stand for the names that they match, and a name stands for itself."""

from __future__ import annotations

from typing import Any

import pytest

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plugins.backbone_names import NamingError
from partbench.benchmark.plugins.catalogue import Catalogue, Offer
from partbench.benchmark.plugins.patterns import backbone_names, expand
from partbench.heads.head import Head


def _never(*_: Any) -> Any:
    raise AssertionError


CATALOGUE = Catalogue(
    backbones={
        "jigsaw": Offer(Backbone("jigsaw", 8, (2,), load=_never, untrained=_never), "partbench-foo 1.2"),
        "pixels": Offer(Backbone("pixels", 8, (2,), load=_never), "partbench"),
    },
    heads={"linear": Offer(Head("linear", build=_never), "partbench")},
    datasets={},
)


def test_patterns_choose_from_the_catalogue_and_its_twins() -> None:
    """`*` is everything; twins are there for the backbones that have one."""
    names = backbone_names(CATALOGUE)
    assert names == ("jigsaw", "pixels", "random:jigsaw")
    assert expand(["*"], names) == names
    assert expand(["random:*"], names) == ("random:jigsaw",)
    assert expand(["p*", "?igsaw", "*"], names) == ("pixels", "jigsaw", "random:jigsaw")


def test_a_pattern_without_wildcard_stands_for_itself() -> None:
    """Variants and paths are in no list, so they are left to `find`."""
    assert expand(["jigsaw:B", "folder:/a[1]/*", "jigsaw:B"], ()) == ("jigsaw:B", "folder:/a[1]/*")


def test_a_pattern_that_matches_nothing() -> None:
    """An empty choice is an error, not a run of nothing."""
    with pytest.raises(NamingError, match=r"^no head matches 'x\*'; there are linear$"):
        expand(["x*"], CATALOGUE.heads, "head")
