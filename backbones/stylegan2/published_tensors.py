"""The numbers in a published StyleGAN2 file, under the names that its layout gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..weights.safe_unpickling import Array, Record
from .layouts import PYTORCH, ROSINALITY, TENSORFLOW, StyleGAN2Layout

RATE = 0.01
"""Learning rate of the mapping network, relative to the rest; weights are stored divided by it."""


@dataclass(frozen=True)
class PublishedTensors:
    """What a file holds: the averaged generator where there is one, and the discriminator if it is there."""

    layout: StyleGAN2Layout
    generator: Mapping[str, Tensor]
    discriminator: Mapping[str, Tensor] = field(default_factory=dict)
    average: Tensor | None = None
    """The mean of w."""
    rate: float = RATE
    filters: tuple[Tensor, ...] = ()
    """The low-pass filters that it says it uses."""


def find_source(content: Any) -> PublishedTensors | None:
    """The numbers of a file that looks like a StyleGAN2 or another network of those libraries, else None."""
    if isinstance(content, tuple) and len(content) == 3 and all(_is_tensorflow(network) for network in content):
        return from_tensorflow(content[1], content[2])
    if not isinstance(content, dict):
        return None
    modules = [content.get(name) for name in ("G_ema", "G")]
    if found := [module for module in modules if isinstance(module, Record) and isinstance(module.state, dict)]:
        return from_pytorch(found[0], content.get("D"))
    states = (_state(content.get(name)) for name in ("g_ema", "g"))
    state = next((state for state in states if state), None) or _state(content)
    return from_rosinality(state, content) if ROSINALITY.constant in state else None


def from_rosinality(state: dict[str, Tensor], content: Mapping[str, Any]) -> PublishedTensors:
    """A checkpoint of rosinality's: state dicts, and `latent_avg` where it was converted from NVIDIA's."""
    average = content.get("latent_avg")
    judged = _state(content.get("d"))
    filters = tuple(value for key, value in (state | judged).items() if key.endswith("kernel"))
    return PublishedTensors(ROSINALITY, state, judged, average if isinstance(average, Tensor) else None, RATE, filters)


def from_pytorch(network: Record, judge: object) -> PublishedTensors:
    """A generator of stylegan2-ada-pytorch, and the discriminator beside it."""
    state = dict(_tensors(network))
    judged = dict(_tensors(judge)) if isinstance(judge, Record) else {}
    filters = tuple(value for key, value in (state | judged).items() if key.endswith("resample_filter"))
    rate = _child(_child(network, "mapping"), "fc0").get("bias_gain", RATE)
    return PublishedTensors(PYTORCH, state, judged, state.get("mapping.w_avg"), float(rate), filters)


def from_tensorflow(judge: Record, network: Record) -> PublishedTensors:
    """The averaged generator and the discriminator of a tuple (G, D, Gs) of stylegan2."""
    state, network_state = dict(_variables(network)), network.state
    options = network_state.get("static_kwargs") or {} if isinstance(network_state, dict) else {}
    taps = torch.tensor(options.get("resample_kernel") or [1, 3, 3, 1], dtype=torch.float32)
    filters = (torch.outer(taps, taps) if taps.ndim == 1 else taps,)
    rate = float(options.get("mapping_lrmul", RATE))
    return PublishedTensors(TENSORFLOW, state, dict(_variables(judge)), state.get("dlatent_avg"), rate, filters)


def _state(found: object) -> dict[str, Tensor]:
    """The tensors of a state dict, without what DataParallel puts before their names."""
    items = found.items() if isinstance(found, dict) else ()
    return {str(key).removeprefix("module."): value for key, value in items if isinstance(value, Tensor)}


def _tensors(module: Record, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers of a module of torch's, from what it kept of itself."""
    state = module.state if isinstance(module.state, dict) else {}
    for kind in ("_parameters", "_buffers"):
        yield from ((prefix + name, value) for name, value in state.get(kind, {}).items() if isinstance(value, Tensor))
    for name, child in state.get("_modules", {}).items():
        if isinstance(child, Record):
            yield from _tensors(child, f"{prefix}{name}.")


def _child(module: Mapping[str, Any] | Record, name: str) -> Mapping[str, Any]:
    """The state of a module's part, empty if it has none."""
    state = module.state if isinstance(module, Record) else module
    child = state.get("_modules", {}).get(name) if isinstance(state, dict) else None
    return child.state if isinstance(child, Record) and isinstance(child.state, dict) else {}


def _is_tensorflow(network: object) -> bool:
    return isinstance(network, Record) and isinstance(network.state, dict) and "variables" in network.state


def _variables(network: Record, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Variables of a network of NVIDIA's for TensorFlow, and of the networks that it is made of."""
    state = network.state if isinstance(network.state, dict) else {}
    for name, value in state.get("variables", ()):
        if isinstance(value, Array):
            yield prefix + name, value.value
    for name, part in (state.get("components") or {}).items():
        if isinstance(part, Record):
            yield from _variables(part, f"{prefix}{name}/")
