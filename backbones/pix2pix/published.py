"""Generators that junyanz's code has trained, `unet_256` and `unet_128`, as ours.

Their U-Net is written from the outside in: a block holds its convolution, the next block and its deconvolution, so
that the keys nest (`model.model.1.model.3.model.1.weight`). Between two layers it is the U-Net of the paper; what
differs from the one that we train is a ReLU over the maps that the encoder passes on (`Pix2PixConfig.rectified`), their
place before the decoder's in the concatenation, and no bias in the first and the innermost convolution.

In their tests they keep dropout and the statistics of the batch; ours are frozen, with running statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import weights
from ..backbone import BackboneError
from ..weights.published import Published
from .config import TASKS, Pix2PixConfig
from .networks import UNetGenerator

_OUTER, _NEXT = "model.model.0.weight", "model.model.1"
_NORM = ("weight", "bias", "running_mean", "running_var")


def recognise(path: Path, content: Any) -> Published | None:
    """The generator of a file that `unpickling.read` has read, None if it holds no such U-Net."""
    items = content.items() if isinstance(content, dict) else ()
    state = {str(key).removeprefix("module."): value for key, value in items if isinstance(value, Tensor)}
    if not all(key in state and state[key].ndim == 4 for key in (_OUTER, f"{_NEXT}.model.1.weight")):
        return None
    try:
        config = find_config(state)
        generator = make_generator(state, config)
    except BackboneError as error:
        what = f"{path} holds no Pix2Pix that we can run: {error}"
        raise BackboneError(f"{what}; take a unet_256 or unet_128 with batch norm") from None
    facts = {"layout": f"junyanz unet_{config.size}"}
    return Published(f"pix2pix-{config.task}", config, {"generator": generator}, facts)


def find_config(state: Mapping[str, Tensor]) -> Pix2PixConfig:
    """The shape: as many halvings as blocks, the task that has as many channels in and out."""
    blocks = find_blocks(state)
    downs = [state[f"{block}.weight"] for block, _ in blocks]
    widths = tuple(len(down) for down in downs)
    channels = downs[0].shape[1], state["model.model.3.weight"].shape[1]
    if channels not in TASKS.values():
        pairs = ", ".join(f"{i} to {o}" for i, o in TASKS.values())
        raise BackboneError(f"it translates {channels[0]} channels to {channels[1]}, and our tasks {pairs}")
    task = next(name for name, pair in TASKS.items() if pair == channels)
    config = Pix2PixConfig(task, size=2 ** len(blocks), width=widths[0], cap=max(widths), rectified=True)
    if config.encoder != widths:
        raise BackboneError(f"its layers have {widths} channels, which do not double up to a cap")
    return config


def find_blocks(state: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """The names of the convolution and of the deconvolution of every block, from the outside in."""
    blocks, place = [("model.model.0", "model.model.3")], _NEXT
    while f"{place}.model.1.weight" in state:
        inner = f"{place}.model.5.weight" not in state
        blocks.append((f"{place}.model.1", f"{place}.model.{3 if inner else 5}"))
        if inner:
            break
        place = f"{place}.model.3"
    if missing := [f"{up}.weight" for _, up in blocks if f"{up}.weight" not in state]:
        raise BackboneError(f"it lacks {missing[0]}")
    return blocks


def make_generator(state: Mapping[str, Tensor], config: Pix2PixConfig) -> UNetGenerator:
    """Our generator with the numbers of the file."""
    generator = weights.from_seed(lambda: UNetGenerator(config), 0)
    names, last = find_blocks(state), config.depth - 1
    found: dict[str, Tensor] = {}
    for i, (down, up) in enumerate(names):
        found |= _layer(state, f"encoder.{i}", down, norm=0 < i < last)
        found |= _layer(state, f"decoder.{last - i}", up, norm=i > 0)
        if i < last:
            key = f"decoder.{last - i}.0.weight"
            found[key] = found[key].roll(len(found[key]) // 2, 0)  # the decoder's own channels first
    ours = generator.state_dict()
    for key in ("encoder.0.0.bias", f"encoder.{last}.0.bias"):
        found.setdefault(key, torch.zeros_like(ours[key]))
    counters = {key: value for key, value in ours.items() if key.endswith("num_batches_tracked")}
    if wrong := [key for key in ours.keys() - counters if key not in found or found[key].shape != ours[key].shape]:
        raise BackboneError(f"its {sorted(wrong)[0]}, as we call it, is missing or of another shape")
    generator.load_state_dict(found | counters)
    return generator


def _layer(state: Mapping[str, Tensor], ours: str, theirs: str, norm: bool) -> dict[str, Tensor]:
    """A convolution, and the batch norm that follows it under the next number."""
    found = {f"{ours}.0.{k}": state[f"{theirs}.{k}"].float() for k in ("weight", "bias") if f"{theirs}.{k}" in state}
    if not norm:
        return found
    if f"{ours}.0.bias" in found:
        raise BackboneError(f"{theirs} has a bias, as behind an instance norm")
    before, _, number = theirs.rpartition(".")
    place = f"{before}.{int(number) + 1}"
    if missing := [f"{place}.{k}" for k in _NORM if f"{place}.{k}" not in state]:
        raise BackboneError(f"it lacks {missing[0]}")
    return found | {f"{ours}.1.{k}": state[f"{place}.{k}"].float() for k in _NORM}
