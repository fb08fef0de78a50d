"""The shape of a denoising network, its noise, and what is read of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError

FAMILY = "ddpm"
STEPS = 1000
"""Of the diffusion (Ho et al. 2020, section 4)."""
READ = (50, 150, 250)
"""Those at which a network is read: the three of Baranchuk et al. (2022, section 4.1)."""
NOISE_SEED = 0
"""Of the noise that images are read with, the same for all of them."""
PATCH = 2
"""Side of the squares of pixels that the network sees as one place, pixels.

Twice as many images are learnt from in the same time, and the finest map has half the image's side, as that of
Baranchuk et al. has.
"""
LEVELS = 3
BLOCKS = 2
"""Residual blocks of a level of the decoder; the encoder has one less, as in Ho et al. (2020, appendix B)."""


@dataclass(frozen=True)
class DDPMConfig:
    """A U-Net from images to the noise in them; its levels have a half, a quarter and an eighth of the side."""

    size: int = 64
    """Side of its images, pixels."""
    width: int = 32
    """Channels of the finest level, doubled from level to level."""
    cap: int = 40
    """The most channels."""

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 8:
            raise BackboneError(f"ddpm has no size of {self.size} pixels; choose a multiple of 8 from 32")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the levels, fine to coarse."""
        return tuple(min(self.cap, self.width * 2**level) for level in range(LEVELS))

    @property
    def blocks(self) -> tuple[int, ...]:
        """Channels of the decoder's blocks, coarse to fine."""
        return tuple(width for width in reversed(self.widths) for _ in range(BLOCKS))

    @property
    def channels(self) -> tuple[int, ...]:
        """Of every map: the decoder's blocks, at each step that is read."""
        return self.blocks * len(READ)


EMBEDDED = DDPMConfig()
"""The network whose weights are shipped: small enough to be trained on a CPU."""
