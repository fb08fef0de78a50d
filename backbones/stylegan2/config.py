"""The shape of a StyleGAN2, and which of its activations are the representation."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError


@dataclass(frozen=True)
class StyleGAN2Config:
    """The shape of a StyleGAN2; the defaults are those of config F in the paper."""

    size: int = 1024
    """Side of its images, a power of two from 32 to 1024 pixels."""
    latent: int = 512
    """Dimensions of z and of w."""
    depth: int = 8
    """Layers of the mapping network."""
    width: int = 32768
    """Channels at side r are `min(cap, width // r)`."""
    cap: int = 512

    def __post_init__(self) -> None:
        if self.size not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise BackboneError(f"StyleGAN2 has no size of {self.size} pixels; choose 32, 64, 128, 256, 512 or 1024")

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the convolution pairs, 4 to `size`."""
        return tuple(2**i for i in range(2, self.size.bit_length()))

    def channels(self, side: int) -> int:
        return min(self.cap, self.width // side)

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(side, channels) of every convolution in order: one at 4, a pair at each larger side."""
        return tuple((r, self.channels(r)) for r in self.sides for _ in range(1 if r == 4 else 2))

    @property
    def activations(self) -> int:
        """Numbers in the maps of one image."""
        return sum(r * r * c for r, c in self.layers)


EMBEDDED = StyleGAN2Config(size=64, latent=128, depth=4, width=1536, cap=128)
"""The network whose weights are shipped: small enough to be trained on a CPU."""
SHAPES = {"small": StyleGAN2Config(size=64, latent=40, depth=2, width=768, cap=40)}
"""Others to train, by their word in a variant: `small` has a ninth of the embedded one's weights."""


def shape_of(variant: str) -> StyleGAN2Config:
    """The shape that a variant names; the embedded one where it names none."""
    return next((SHAPES[word] for word in variant.split(",") if word in SHAPES), EMBEDDED)


GROUPS: dict[str, tuple[int, int]] = {
    "A": (4, 8),
    "B": (16, 32),
    "C": (64, 512),
    "A-B": (4, 32),
    "B-C": (16, 512),
    "all": (4, 512),
}
"""Sides of the layer groups of Table F; the last pair of the network is in none (section 4.1)."""
FULL = "full"
"""Every convolution, the last pair too: what the authors' code reads."""


def select(config: StyleGAN2Config, group: str) -> tuple[int, ...]:
    """Indices of the convolutions that `group` names."""
    if group == FULL:
        return tuple(range(len(config.layers)))
    low, high = GROUPS[group]
    chosen = tuple(i for i, (side, _) in enumerate(config.layers) if low <= side <= high and side < config.size)
    if not chosen:
        raise BackboneError(
            f"group {group} has no layer in a StyleGAN2 of {config.size} pixels, whose last pair is left out; "
            f"choose A, B, all, or full to read the last pair too"
        )
    return chosen
