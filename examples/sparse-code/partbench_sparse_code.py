"""`sparse-code`: an image as few cosine waves, found by an optimisation of its own for every image.

A backbone of two stages. The first is slow: of all ways to write an image as a sum of overlapping waves it looks for
one with few of them (sparse coding, Olshausen and Field 1996; by FISTA, Beck and Teboulle 2009). The second is quick:
maps from the code. partbench keeps the codes on disk and never asks twice for the same image, which is all that a
backbone gets for having `invert` and `maps` (the protocol `Inverts`). Nothing is learnt, so there are no weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import partbench
from partbench.backbones.backbone import Backbone, Extractor

SIZE = 64
WAVES = 3 * 8 * 8
"""Waves in a block of 8 x 8 pixels: every frequency in each of three colour directions."""


def load() -> Extractor:
    """The extractor; torch is imported now, and not when somebody lists what there is."""
    from partbench_sparse_code_extractor import SparseCode

    return SparseCode()


@partbench.hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The one backbone."""
    yield Backbone(
        "sparse-code",
        size=SIZE,
        channels=(2 * WAVES, WAVES),
        load=load,
        summary="few waves that sum up to the image, found per image; nothing learnt",
        by_default=False,
        learnt=False,
    )
