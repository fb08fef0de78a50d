"""The layers of configuration F and the groups of Table F."""

from __future__ import annotations

import pytest

from partbench.backbones.backbone import BackboneError
from partbench.backbones.stylegan2.config import FULL, GROUPS, StyleGAN2Config, select


def test_the_layers_of_configuration_f() -> None:
    """At 1024 pixels: one convolution at 4, then pairs, with the paper's channels."""
    pairs = {8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
    expected = [(4, 512), *((r, c) for r, c in pairs.items() for _ in range(2))]
    assert list(StyleGAN2Config().layers) == expected


@pytest.mark.parametrize(
    ("group", "sides", "channels"),
    [
        ("A", {4, 8}, 1536),
        ("B", {16, 32}, 2048),
        ("C", {64, 128, 256, 512}, 1920),
        ("A-B", {4, 8, 16, 32}, 3584),
        ("B-C", {16, 32, 64, 128, 256, 512}, 3968),
        ("all", {4, 8, 16, 32, 64, 128, 256, 512}, 5504),
        (FULL, {4, 8, 16, 32, 64, 128, 256, 512, 1024}, 5568),
    ],
)
def test_the_groups_of_table_f(group: str, sides: set[int], channels: int) -> None:
    """At 1024 pixels the groups have the paper's sides; `all` leaves out the last pair, `full` reads it too."""
    chosen = [StyleGAN2Config().layers[i] for i in select(StyleGAN2Config(), group)]
    assert {r for r, _ in chosen} == sides
    assert sum(c for _, c in chosen) == channels


def test_a_group_may_be_empty_at_a_small_size() -> None:
    """At 64 pixels, group C has no pair but the last, which is left out: the sentence says what to choose."""
    small = StyleGAN2Config(size=64)
    message = "group C has no layer in a StyleGAN2 of 64 pixels.*choose A, B, all, or full to read the last pair too"
    with pytest.raises(BackboneError, match=message):
        select(small, "C")
    assert all(select(small, group) for group in [*GROUPS, FULL] if group != "C")


def test_a_size_that_is_none() -> None:
    """Sides are powers of two."""
    with pytest.raises(BackboneError, match="StyleGAN2 has no size of 100 pixels; choose 32, 64"):
        StyleGAN2Config(size=100)
