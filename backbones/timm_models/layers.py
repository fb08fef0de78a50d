"""Which blocks or stages of a model of timm become maps, by a word of its name.

=============  =========================================================================================
word           maps
=============  =========================================================================================
(none)         of a plain model the ends of four quarters, each through the final norm; else every stage
`last+norm`    the last alone, through the final norm; of SAM through its neck, which has two norms in it
`last`         the last alone, as it is
`four-even`    the four of DINOv3's evaluations: blocks 2, 5, 8, 11 of 12 and 4, 11, 17, 23 of 24
=============  =========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from ..backbone import BackboneError
from . import FOUR_EVEN, LAST, LAST_NORM

QUARTERS = 4
"""Maps of a plain model: the ends of so many equal parts of its depth."""
DEPTH_OF_LARGE, FOUR_OF_LARGE = 24, (4, 11, 17, 23)
"""Blocks of a ViT-L, and the four that DINOv3's evaluations take of them; the first is no quarter's end."""


def choose(word: str, network: nn.Module, model: str, count: int, plain: bool) -> tuple[tuple[int, ...], bool]:
    """Which of `count` entries of `feature_info` become maps, and whether through the final norm."""
    norm = isinstance(getattr(network, "norm", None), nn.Module)
    if word == LAST:
        return (count - 1,), False
    if word == LAST_NORM:
        if not (ends_in_norm(network) and hasattr(network, "forward_intermediates")):
            raise BackboneError(
                f"{model} gives no map through a final norm; read its last map as it is, with the word {LAST}"
            )
        return (count - 1,), True
    if word == FOUR_EVEN:
        if not plain and count != QUARTERS:
            raise BackboneError(f"{model} has {count} stages, of which no four are even; leave out {FOUR_EVEN}")
        return four_even(count), plain and norm
    return (quarters(count), norm) if plain else (tuple(range(count)), False)


def ends_in_norm(network: nn.Module) -> bool:
    """Whether what a model gives has passed a norm, or the neck of SAM."""
    last = (getattr(network, name, None) for name in ("norm", "neck"))
    return any(isinstance(module, nn.Module) and not isinstance(module, nn.Identity) for module in last)


def four_even(depth: int) -> tuple[int, ...]:
    """Four blocks at even intervals, as DINOv3's evaluations count them; every block of four."""
    if depth < QUARTERS:
        raise BackboneError(f"four-even needs four blocks, and here are {depth}; leave it out")
    even = tuple(depth // QUARTERS * part - 1 for part in range(1, QUARTERS + 1))
    return FOUR_OF_LARGE if depth == DEPTH_OF_LARGE else even


def quarters(depth: int) -> tuple[int, ...]:
    """The last block of each quarter of `depth` blocks: (2, 5, 8, 11) of 12; every block of four and fewer."""
    ends: Iterator[int] = (depth * part // QUARTERS - 1 for part in range(1, QUARTERS + 1))
    return tuple(sorted({end for end in ends if end >= 0}))
