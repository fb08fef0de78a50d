"""Published StyleGAN2 networks as ours: shape, numbers and the mean of w, all found in the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import weights
from ..backbone import BackboneError
from ..weights.published import Published
from .config import StyleGAN2Config
from .layers import fir
from .layouts import side
from .networks import StyleGAN2Discriminator, StyleGAN2Generator
from .published_tensors import RATE, PublishedTensors, find_source
from .weights import FAMILY, mean_of_w


def recognise(path: Path, content: Any) -> Published | None:
    """The networks of a file that `unpickling.read` has read, None if it holds no network of this kind."""
    source = find_source(content)
    if source is None:
        return None
    try:
        check_filters(source)
        config = find_config(source)
        generator = make_generator(source, config)
    except BackboneError as error:
        what = f"{path} holds no StyleGAN2 that we can run: {error}"
        raise BackboneError(f"{what}; take one of config E or F, without classes") from None
    parts: dict[str, nn.Module] = {"generator": generator}
    facts = {
        "layout": source.layout.name,
        "mean of w": "of 10,000 latents" if source.average is None else "of the file",
    }
    try:
        parts["discriminator"] = make_discriminator(source, config)
    except BackboneError as error:
        facts["left out"] = f"its discriminator, since {error}" if source.discriminator else ""
    return Published(FAMILY, config, parts, {key: value for key, value in facts.items() if value})


def find_config(source: PublishedTensors) -> StyleGAN2Config:
    """The shape: size, width and depth from the names and shapes of the convolutions."""
    layout, state = source.layout, source.generator
    depth = _count(lambda i: f"{layout.dense(i)}{layout.separator}weight", state)
    convs = _count(lambda i: f"{layout.conv(i, side(i))}{layout.separator}{layout.styled['conv.weight']}", state)
    if convs % 2 == 0 or convs < 3:
        missing = f"{layout.conv(convs, side(convs))}{layout.separator}{layout.styled['conv.weight']}"
        raise BackboneError(f"it lacks {missing}")
    names = layout.generator(depth, convs)
    styles = _get(source, state, names["convs.0.conv.style.weight"])
    channels = {side(i): _get(source, state, names[f"convs.{i}.bias"]).numel() for i in range(convs)}
    size, cap = side(convs - 1), max(channels.values())
    width = max((count * r for r, count in channels.items() if count < cap), default=cap * size)
    config = StyleGAN2Config(size=size, latent=styles.shape[-1], depth=depth, width=width, cap=cap)
    if odd := [r for r, count in channels.items() if config.channels(r) != count]:
        raise BackboneError(f"{channels[odd[0]]} channels at {odd[0]} pixels do not follow from the other sides")
    return config


def make_generator(source: PublishedTensors, config: StyleGAN2Config) -> StyleGAN2Generator:
    """Our generator with the numbers of the file."""
    generator = weights.from_seed(lambda: StyleGAN2Generator(config), 0)
    names = source.layout.generator(config.depth, len(config.layers))
    state = _fill(source, source.generator, names, generator)
    for key in [key for key in state if key.startswith("mapping.")]:
        state[key] = state[key] * (source.rate / RATE)
    generator.load_state_dict(state | {"average": torch.zeros(config.latent)})
    seeded = torch.Generator().manual_seed(0)
    mean = mean_of_w(generator, seeded) if source.average is None else source.average.float().reshape(-1)
    if mean.shape != generator.average.shape:
        raise BackboneError(f"its mean of w has {len(mean)} numbers where w has {config.latent}")
    generator.average.copy_(mean)
    return generator


def make_discriminator(source: PublishedTensors, config: StyleGAN2Config) -> StyleGAN2Discriminator:
    """Our discriminator with the numbers of the file."""
    discriminator = weights.from_seed(lambda: StyleGAN2Discriminator(config), 0)
    names = source.layout.judge(config.sides)
    discriminator.load_state_dict(_fill(source, source.discriminator, names, discriminator))
    return discriminator


def check_filters(source: PublishedTensors) -> None:
    """Refuse another filter than [1, 3, 3, 1], which is all that ours has."""
    ours = fir(1, 1.0)[0, 0]
    for other in source.filters:
        if other.shape != ours.shape or not torch.allclose(other.float() / other.float().sum(), ours, atol=1e-3):
            raise BackboneError("it resamples with another filter than [1, 3, 3, 1]")


def _fill(
    source: PublishedTensors, state: Mapping[str, Tensor], names: Mapping[str, str], ours: nn.Module
) -> dict[str, Tensor]:
    """The file's numbers under our names, in the shapes of our parameters; axes of length one may differ."""
    filled: dict[str, Tensor] = {}
    for name, parameter in ours.named_parameters():
        found = _get(source, state, names[name])
        if _long_axes(found) != _long_axes(parameter):
            what = f"{names[name]} is {tuple(found.shape)} and not {tuple(parameter.shape)}"
            raise BackboneError(f"{what} as in a StyleGAN2 of this size and width")
        filled[name] = found.reshape(parameter.shape)
    return filled


def _get(source: PublishedTensors, state: Mapping[str, Tensor], key: str) -> Tensor:
    if key not in state:
        raise BackboneError(f"it lacks {key}")
    return source.layout.adapt(key, state[key].float())


def _long_axes(value: Tensor) -> tuple[int, ...]:
    return tuple(length for length in value.shape if length > 1)


def _count(name: Any, state: Mapping[str, Tensor]) -> int:
    """How many layers there are, from 0 on without a gap."""
    count = 0
    while name(count) in state:
        count += 1
    return count
