"""Which backbones of today are on a machine follows from what their families say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plugins.catalogue import Catalogue, Offer
from partbench.benchmark.plugins.today import default_backbones, find_today


def _never(*_: Any) -> Any:
    raise AssertionError


def _members() -> Iterator[dict[str, object]]:
    yield {"name": "vit:small", "here": True, "licence": "mit"}
    yield {"name": "vit:large", "here": False, "licence": "mit"}


CATALOGUE = Catalogue(
    backbones={
        "stylegan2": Offer(Backbone("stylegan2", 8, (2,), load=_never, untrained=_never), "partbench"),
        "vit": Offer(Backbone("vit", 8, (), load=_never, members=_members, by_default=False), "partbench-vit 1"),
        "pixels": Offer(Backbone("pixels", 8, (2,), load=_never), "partbench"),
    },
    heads={},
    datasets={},
)


def test_a_member_is_here_or_missing() -> None:
    """As its family says; nothing is loaded."""
    today = find_today(CATALOGUE)
    assert (today.here, today.missing) == (("vit:small",), ("vit:large",))


def test_the_default_is_what_every_machine_has() -> None:
    """Families without weights are no part of it, the copied mask and one untrained network are."""
    assert default_backbones(CATALOGUE) == ("stylegan2", "pixels", "copy", "random:stylegan2")
