"""`diffusion:BLOCKS,STEPS@FOLDER`: what a diffusion U-Net computes while it denoises an image, as a backbone.

Label-Efficient Semantic Segmentation with Diffusion Models (Baranchuk et al., ICLR 2022) adds noise to an image, lets
the network denoise it once, and reads its decoder on the way: blocks 5, 6, 7, 8 and 12 at the time steps 50, 150 and
250, with the same noise for every image. FOLDER is what diffusers saves of a pipeline or of a `UNet2DModel`::

    diffusion@ddpm-celebahq           the paper's blocks and steps
    diffusion:b5,b12,t50@ddpm-celebahq    two blocks at one step
    diffusion:untrained               a small network that has learnt nothing, to try things out with
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import partbench
from partbench.backbones.backbone import Backbone, BackboneError, Extractor

if TYPE_CHECKING:
    from torch import nn

FAMILY, UNTRAINED = "diffusion", "untrained"
BLOCKS = (5, 6, 7, 8, 12)
"""Of the decoder, counted from its coarsest (section 4 of the paper)."""
STEPS = (50, 150, 250)
"""Of 1,000: little noise."""
WEIGHTS = "diffusion_pytorch_model.safetensors"
SUMMARY = "decoder of a diffusion U-Net of diffusers, as diffusion@FOLDER"
SMALL: Mapping[str, Any] = {
    "sample_size": 64,
    "in_channels": 3,
    "out_channels": 3,
    "layers_per_block": 2,
    "norm_num_groups": 4,
    "block_out_channels": [8, 8, 16, 16, 24, 24],
    "down_block_types": ["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4,
}
"""Six levels of three blocks, as DDPM's network for 256 pixels has them, and few channels."""


@dataclass(frozen=True)
class Choice:
    """The blocks of the decoder that are read, and the time steps at which they are."""

    blocks: tuple[int, ...] = BLOCKS
    steps: tuple[int, ...] = STEPS


def parse(variant: str) -> tuple[Choice, bool]:
    """The choice in `b5,b12,t50`, and whether it says `untrained`."""
    words = [word for word in variant.split(",") if word]
    numbers: dict[str, list[int]] = {"b": [], "t": []}
    for word in words:
        if word[0] in numbers and word[1:].isdecimal():
            numbers[word[0]].append(int(word[1:]))
        elif word != UNTRAINED:
            raise BackboneError(f"diffusion has no variant {word!r}; write b5 for a block, t50 for a step")
    return Choice(tuple(numbers["b"]) or BLOCKS, tuple(numbers["t"]) or STEPS), UNTRAINED in words


def layers(config: Mapping[str, Any], choice: Choice) -> list[tuple[str, int]]:
    """The layer that ends each chosen block, by the name that diffusers gives it, and its channels.

    A level of the decoder has `layers_per_block` + 1 blocks. Each is a residual layer and, on some levels, an
    attention; the last of a level enlarges the map as well, so what ends it is the level itself.
    """
    each, widths = config["layers_per_block"] + 1, list(reversed(config["block_out_channels"]))
    kinds, found = config["up_block_types"], []
    for block in choice.blocks:
        level, place = divmod(block, each)
        if level >= len(widths):
            raise BackboneError(f"there is no block {block}; the decoder has {each * len(widths)}, counted from 0")
        if kinds[level] not in ("UpBlock2D", "AttnUpBlock2D"):
            raise BackboneError(f"block {block} is part of a {kinds[level]}, which is not known; leave it out")
        kind = "attentions" if kinds[level].startswith("Attn") else "resnets"
        name = f"up_blocks.{level}" + ("" if place == each - 1 else f".{kind}.{place}")
        found.append((name, widths[level]))
    return found


def network_folder(folder: Path) -> Path:
    """Where the network lies in what diffusers saved: a pipeline has it in `unet`."""
    for place in (folder / "unet", folder):
        if (place / "config.json").is_file():
            if (place / WEIGHTS).is_file():
                return place
            raise BackboneError(f"{place} holds no {WEIGHTS}; save it again with safe_serialization=True")
    raise BackboneError(f"{folder} holds no network of diffusers (no config.json); name what save_pretrained wrote")


def open_network(config: Mapping[str, Any], choice: Choice, seed: int) -> Extractor:
    """A network of this shape before any training."""
    from diffusers import DDPMScheduler, UNet2DModel

    from partbench.backbones.weights import from_seed

    return _extractor(from_seed(lambda: UNet2DModel.from_config(dict(config)), seed), DDPMScheduler(), config, choice)


def open_folder(folder: Path, config: Mapping[str, Any], choice: Choice) -> Extractor:
    """The network that was saved, with the noise schedule beside it, or else that of DDPM."""
    from diffusers import DDPMScheduler, UNet2DModel

    place = network_folder(folder)
    network = UNet2DModel.from_pretrained(str(place), use_safetensors=True, local_files_only=True)
    schedule = folder / "scheduler"
    scheduler = DDPMScheduler.from_pretrained(str(schedule)) if schedule.is_dir() else DDPMScheduler()
    return _extractor(network.requires_grad_(False).eval(), scheduler, config, choice)


def _extractor(network: nn.Module, scheduler: Any, config: Mapping[str, Any], choice: Choice) -> Extractor:
    # torch comes in with this import, so that `partbench list` stays quick.
    from partbench_diffusion_extractor import DiffusionExtractor

    kept = [scheduler.alphas_cumprod[step].item() for step in choice.steps]
    names = [name for name, _ in layers(config, choice)]
    return DiffusionExtractor(network, names, dict(zip(choice.steps, kept, strict=True)), config["sample_size"])


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `diffusion:VARIANT@WEIGHTS`; only the description of the network is read."""
    choice, untrained = parse(variant)
    if bool(weights) == untrained:
        raise BackboneError("diffusion needs a network; name a folder, as diffusion@FOLDER, or diffusion:untrained")
    folder = Path(weights)
    config = SMALL if untrained else json.loads((network_folder(folder) / "config.json").read_text())
    twin = partial(open_network, config, choice)
    return Backbone(
        name=FAMILY + (f":{variant}" if variant else "") + (f"@{weights}" if weights else ""),
        size=config["sample_size"],
        channels=tuple(channels for _ in choice.steps for _, channels in layers(config, choice)),
        load=partial(twin, 0) if untrained else partial(open_folder, folder, config, choice),
        summary=SUMMARY,
        untrained=twin,
        configure=configure,
        weights=None if untrained else network_folder(folder) / WEIGHTS,
        learnt=not untrained,
    )


def open_nameless() -> Extractor:
    """The family by itself, which cannot be opened."""
    raise BackboneError("diffusion is a family of networks; name one, as diffusion@FOLDER")


@partbench.hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The family, waiting for a folder."""
    yield Backbone(
        FAMILY, SMALL["sample_size"], (), open_nameless, SUMMARY,
        configure=configure, examples=(UNTRAINED, f"b0,b9,b17,t0,{UNTRAINED}"), by_default=False,
    )  # fmt: skip
