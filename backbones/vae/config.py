"""The shape of a VAE, and the maps that its decoder gives."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError

SMALLEST = 4
"""Side of the map that the decoder starts from, and of the last one in the encoder, pixels."""
RGB = 3


@dataclass(frozen=True)
class VAEConfig:
    """The shape of a VAE; the paper names no size ("ResNet architecture"), so the defaults are ours for 256 pixels."""

    size: int = 256
    """Side of its images, a power of two from 32 to 256 pixels."""
    latent: int = 512
    """Dimensions of the vector between encoder and decoder."""
    width: int = 16384
    """Channels at side r are `min(cap, width // r)`, in encoder and decoder alike."""
    cap: int = 512

    def __post_init__(self) -> None:
        if self.size not in (32, 64, 128, 256):
            raise BackboneError(f"the VAE has no size of {self.size} pixels; choose 32, 64, 128 or 256")

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the maps, 4 to `size`; between two neighbours lies one residual block."""
        return tuple(2**i for i in range(2, self.size.bit_length()))

    def channels(self, side: int) -> int:
        return min(self.cap, self.width // side)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(side, channels) of every convolution of the decoder, in forward order; the last one makes RGB.

        A block has two of 3x3 at its own side, and where the channels change a third of 1x1 on its shortcut,
        at half the side.
        """
        found: list[tuple[int, int]] = []
        for low, high in zip(self.sides, self.sides[1:], strict=False):
            found += [(high, self.channels(high))] * 2
            if self.channels(low) != self.channels(high):
                found.append((low, self.channels(high)))
        return (*found, (self.size, RGB))


EMBEDDED = VAEConfig(size=64, latent=128, width=1536, cap=104)
"""The network whose weights are shipped: small enough to be trained on a CPU."""
