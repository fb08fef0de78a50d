"""The shape of a Pix2Pix network, and what each of the three tasks puts in and takes out."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError

TASKS: dict[str, tuple[int, int]] = {"color": (1, 2), "hed": (3, 1), "bilateral": (3, 3)}
"""(channels in, channels out) of each task: L to a and b, RGB to edges, RGB to smoothed RGB."""
SIZES = (32, 64, 128, 256, 512)
DROPPED = 3
"""Decoder layers with dropout, the innermost ones (Isola et al. 2017: CD512-CD512-CD512)."""


@dataclass(frozen=True)
class Pix2PixConfig:
    """The shape of a Pix2Pix network; the defaults are those of Isola et al. (2017)."""

    task: str = "color"
    """What it translates images into: `color`, `hed` or `bilateral`."""
    size: int = 256
    """Side of its images, a power of two from 32 to 512 pixels."""
    width: int = 64
    """Channels of the first layer, in the generator and in the discriminator; they double with every halving."""
    cap: int = 512
    """Most channels of a layer of the generator."""
    rectified: bool = False
    """Whether a ReLU stands before every layer of the decoder, over what the encoder passes on too, as in networks that
    junyanz's code has trained; ours are trained with it behind every layer of the decoder alone."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise BackboneError(f"Pix2Pix has no task {self.task!r}; choose one of {', '.join(TASKS)}")
        if self.size not in SIZES:
            choice = ", ".join(map(str, SIZES))
            raise BackboneError(f"Pix2Pix has no size of {self.size} pixels; choose one of {choice}")

    @property
    def depth(self) -> int:
        """Halvings of the encoder, log2 of the size: the innermost map is a single pixel."""
        return self.size.bit_length() - 1

    @property
    def encoder(self) -> tuple[int, ...]:
        """Channels of the encoder's convolutions, at sides `size` / 2 to 1."""
        return tuple(min(self.cap, self.width * 2**i) for i in range(self.depth))

    @property
    def decoder(self) -> tuple[int, ...]:
        """Channels of the decoder's convolutions, at sides 2 to `size`: the representation."""
        return (*self.encoder[-2::-1], TASKS[self.task][1])

    @property
    def strided(self) -> int:
        """Halvings of the discriminator: three for 256 pixels, as published, and one more per doubling."""
        return self.depth - 5

    @property
    def patch(self) -> int:
        """Side in pixels of the patch that one output of the discriminator sees: 70 of 256, and in proportion."""
        return (9 << self.strided) - 2


EMBEDDED = {task: Pix2PixConfig(task, size=64, width=16, cap=112) for task in TASKS}
"""The networks whose weights are shipped: small enough to be trained on a CPU."""
