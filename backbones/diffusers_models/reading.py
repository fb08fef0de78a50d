"""How a network of diffusers is read: the words of a name, and the layers that they mean, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..backbone import BackboneError
from ..sides import plain_number, side_in

FAMILY, UNTRAINED = "diffusers", "untrained"
VAE, DDPM, DIFT, CLEANDIFT = "vae", "ddpm", "dift", "cleandift"
PARTS = {VAE: "vae", DDPM: "unet", DIFT: "unet", CLEANDIFT: "unet"}
"""The folder of a pipeline in which the network of a reading lies."""
CLASSES = {"AutoencoderKL": VAE, "AutoencoderTiny": VAE, "UNet2DModel": DDPM, "UNet2DConditionModel": DIFT}
"""The reading of a class of diffusers where the name says none."""
MOST_NOISES = 64
"""That are drawn for an image; DIFT takes 8."""
VAE_SIZE = 256
"""Side of the images that an autoencoder is given where the name says no other, pixels."""
UP_BLOCKS = ("UpBlock2D", "AttnUpBlock2D")
"""Those of a U-Net whose residual blocks are known."""


class Layer(NamedTuple):
    """A layer of a network, by the name that diffusers gives it."""

    name: str
    channels: int


@dataclass(frozen=True)
class Reading:
    """What is read of a network; each field as the name says it, or as the paper of the reading does."""

    kind: str = ""
    blocks: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    noises: int = 0
    """How many noises the maps are the mean of; 0: the image is read without any."""
    size: int | None = None
    untrained: bool = False

    @property
    def settings(self) -> str:
        """What stands in every result."""
        if self.kind == VAE:
            return "the decoder's residual blocks, of the latents' mean"
        noise = f"mean of {self.noises} noises of seed 0" if self.noises else "no noise"
        blocks, steps = (", ".join(map(str, numbers)) for numbers in (self.blocks, self.steps))
        return f"blocks {blocks} at steps {steps}, {noise}"


PUBLISHED = {
    VAE: Reading(VAE),
    DDPM: Reading(DDPM, (5, 6, 7, 8, 12), (50, 150, 250), 1),
    DIFT: Reading(DIFT, (1,), (261,), 8),
    CLEANDIFT: Reading(CLEANDIFT, (1,), (261,), 0),
}
"""DDPM: Baranchuk et al. 2022, section 4.1. DIFT: Tang et al. 2023, for correspondence by meaning (SD 2.1).
CleanDIFT: Stracke et al. 2025; 261 is the step that its own step is learnt from."""


def parse(variant: str) -> Reading:
    """The reading in `dift,b1,t261,n8,512`; what is not said is left empty."""
    found, numbers = Reading(), {"b": [], "t": [], "n": []}  # type: tuple[Reading, dict[str, list[int]]]
    for word in filter(None, variant.split(",")):
        if word in PUBLISHED and not found.kind:
            found = replace(found, kind=word)
        elif word == UNTRAINED:
            found = replace(found, untrained=True)
        elif found.size is None and (side := side_in(word, f"{FAMILY}:{variant}")):
            found = replace(found, size=side)
        elif word[0] in numbers and (number := plain_number(word[1:])) is not None:
            numbers[word[0]].append(number)
        else:
            choices = (
                f"{', '.join(PUBLISHED)}, b5 for a block, t50 for a step, n8 for eight noises, a size, {UNTRAINED}"
            )
            raise BackboneError(f"diffusers has no use for {word!r}; combine, with commas, {choices}")
    if len(numbers["n"]) > 1 or not set(numbers["n"]) <= {*range(1, MOST_NOISES + 1)}:
        what = f"diffusers:{variant} has no one number of noises from 1 to {MOST_NOISES}"
        raise BackboneError(f"{what}; write n8, or cleandift for none")
    return replace(found, blocks=tuple(numbers["b"]), steps=tuple(numbers["t"]), noises=sum(numbers["n"]))


def complete(said: Reading, config: Mapping[str, Any], what: str) -> Reading:
    """The reading with what the name leaves open: by the class of the network, and as published."""
    kind = said.kind or CLASSES.get(config.get("_class_name", ""), "")
    fitting = [name for name, reading in CLASSES.items() if reading == (DIFT if kind == CLEANDIFT else kind)]
    if config.get("_class_name") not in fitting:
        mend = f"name one of {', '.join(CLASSES)}"
        raise BackboneError(f"{what} is a {config.get('_class_name')}, which {kind or FAMILY} does not read; {mend}")
    if (kind == VAE and (said.blocks or said.steps)) or (kind in (VAE, CLEANDIFT) and said.noises):
        raise BackboneError(f"{kind} reads no {'noises' if said.noises else 'blocks or steps'}; leave the number out")
    usual = PUBLISHED[kind]
    blocks, steps, noises = said.blocks or usual.blocks, said.steps or usual.steps, said.noises or usual.noises
    return replace(said, kind=kind, blocks=blocks, steps=steps, noises=noises)


def layers(reading: Reading, config: Mapping[str, Any]) -> list[Layer]:
    """The layers that are read at each step, in forward order."""
    if reading.kind == VAE:
        return _tiny(config) if config["_class_name"] == "AutoencoderTiny" else _decoder(config)
    if reading.kind == DDPM:
        return [_residual(block, config) for block in reading.blocks]
    return [_up_block(block, config, reading.kind == CLEANDIFT) for block in reading.blocks]


def _decoder(config: Mapping[str, Any]) -> list[Layer]:
    """The residual blocks of an AutoencoderKL's decoder: two in the middle, then one more a level than it is told."""
    widths = list(reversed(config["block_out_channels"]))
    if set(config.get("up_block_types", ())) != {"UpDecoderBlock2D"}:
        raise BackboneError(f"{config.get('up_block_types')} are no levels of a decoder that diffusers:vae knows")
    middle = [Layer(f"decoder.mid_block.resnets.{i}", widths[0]) for i in range(2)]
    each = range(config["layers_per_block"] + 1)
    return middle + [Layer(f"decoder.up_blocks.{level}.resnets.{i}", w) for level, w in enumerate(widths) for i in each]


def _tiny(config: Mapping[str, Any]) -> list[Layer]:
    """The residual blocks of an AutoencoderTiny's decoder, by their places in its sequence."""
    found, place = [], 2  # behind the first convolution and its rectifier
    for count, width in zip(config["num_decoder_blocks"], config["decoder_block_out_channels"], strict=True):
        found += [Layer(f"decoder.layers.{place + i}", width) for i in range(count)]
        place += count + 2  # the doubling and its convolution
    return found


def _residual(block: int, config: Mapping[str, Any]) -> Layer:
    """The layer that ends a block of a UNet2DModel's decoder, counted from the coarsest.

    A level has `layers_per_block` + 1 blocks. Each is a residual layer and, on some levels, an attention; the last of a
    level enlarges the map as well, so what ends it is the level itself.
    """
    each, widths, kinds = config["layers_per_block"] + 1, config["block_out_channels"][::-1], config["up_block_types"]
    level, place = divmod(block, each)
    _hold(block, each * len(widths))
    if kinds[level] not in UP_BLOCKS:
        raise BackboneError(f"block {block} is part of a {kinds[level]}, which is not known; leave it out")
    kind = "attentions" if kinds[level].startswith("Attn") else "resnets"
    return Layer(f"up_blocks.{level}" + ("" if place == each - 1 else f".{kind}.{place}"), widths[level])


def _up_block(block: int, config: Mapping[str, Any], before: bool) -> Layer:
    """A level of a UNet2DConditionModel's decoder; `before` it enlarges its map, as CleanDIFT reads it."""
    widths, kind = config["block_out_channels"][::-1], config["up_block_types"]
    _hold(block, len(widths))
    last = f".{'attentions' if 'CrossAttn' in kind[block] else 'resnets'}.{_count(config) - 1}"
    return Layer(f"up_blocks.{block}" + (last if before else ""), widths[block])


def _count(config: Mapping[str, Any]) -> int:
    """Residual blocks of a level of the decoder."""
    count = config["layers_per_block"]
    if isinstance(count, Sequence):
        raise BackboneError("a U-Net with another number of layers on each level is not known; name another")
    return int(count) + 1


def _hold(block: int, count: int) -> None:
    if block >= count:
        raise BackboneError(f"there is no block {block}; the decoder has {count}, counted from 0")
