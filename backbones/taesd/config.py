"""The shape of a tiny autoencoder, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

from ..backbone import BackboneError
from ..sides import side_in

FAMILY, UNTRAINED = "taesd", "untrained"
ENCODER, DECODER = "encoder", "decoder"
"""What the names of the two files have in them."""
SIZE = 256
"""Side of its images where the name says no other, pixels."""
STRIDE = 8
"""Pixels between two places of the latents."""
CHANNELS = (64,) * 10
"""Of the decoder's residual blocks: three at each of S/8, S/4 and S/2, one at S."""


@dataclass(frozen=True)
class TaesdConfig:
    """What differs between the published ones."""

    latent: int = 4
    """Channels of the latents: 4 of Stable Diffusion 1, 2 and XL, 16 of 3 and FLUX.1, 32 of FLUX.2."""
    pooled: bool = False
    """Whether blocks beside the latents look at the whole image, as those of FLUX.2 do."""


def parse(variant: str) -> tuple[int, bool]:
    """Side of the images in pixels, and whether it is untrained, of `128,untrained`."""
    size, untrained = None, False
    for word in filter(None, variant.split(",")):
        side = side_in(word, f"{FAMILY}:{variant}")
        if word == UNTRAINED and not untrained:
            untrained = True
        elif side and side % STRIDE == 0 and not size:
            size = side
        else:
            choice = f"a size in pixels that {STRIDE} divides, and {UNTRAINED}"
            raise BackboneError(f"taesd has no use for {word!r}; write, each at most once, {choice}")
    return size or SIZE, untrained
