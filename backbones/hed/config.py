"""The shape of a HED: VGG16 at some width, and the names of its convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError

DEPTHS = (2, 2, 3, 3, 3)
"""Convolutions of each block of VGG16 (Simonyan and Zisserman 2014, table 1, column D)."""
WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each block (same place)."""
NAMES = tuple(f"{block}_{i}" for block, depth in enumerate(DEPTHS, 1) for i in range(1, depth + 1))
"""Names of the 13 convolutions in order: 1_1, 1_2, 2_1, ... 5_3."""
SMALLEST = 16
"""The last block sees an image at a sixteenth of its side."""


@dataclass(frozen=True)
class HEDConfig:
    """The shape of a HED; the defaults are those of the paper."""

    size: int = 320
    """Side of its images, pixels; those of BSDS500, on which HED was published, have 481 x 321."""
    width: float = 1.0
    """Channels are those of VGG16 times this."""

    def __post_init__(self) -> None:
        if self.size < SMALLEST:
            raise BackboneError(f"hed has no size of {self.size} pixels; choose {SMALLEST} or more")
        if WIDTHS[0] * self.width < 1:
            raise BackboneError(f"hed of width {self.width:g} has no channels; choose 1/{WIDTHS[0]} or more")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each of the five blocks."""
        return tuple(round(width * self.width) for width in WIDTHS)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each of the 13 convolutions."""
        return tuple(width for width, depth in zip(self.widths, DEPTHS, strict=True) for _ in range(depth))


EMBEDDED = HEDConfig(size=64, width=0.25)
"""The network whose weights are shipped: small enough to be trained on a CPU."""
