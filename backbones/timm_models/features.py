"""Which maps a model of timm gives, at which channels, and the size at which it has to read an image for them.

A hierarchical model gives every stage that its `feature_info` lists. A plain one (ViT, mixer), whose blocks are all of
one size, gives the ends of the four quarters of its depth, which DINOv2 reads of its ViT-S and ViT-B for depth (Oquab
et al. 2023, section 7.4), each through the model's final norm, if it has one: a few channels of raw tokens are far
larger than all others. Words of a name choose others; see `layers.py`. Class and register tokens are dropped.

**Where a map lies on the image.** The cells of a map have to tile the image exactly, so a size that is no multiple of
the coarsest stride is rounded to the nearest one and the image is resized to it: 96 pixels become 98 for patches of 14.
Nothing is padded. What is left is the network's own: a 3 x 3 convolution of stride 2 is centred between no two pixels.
With symmetric padding, a map of stride s looks (s - 1) / 2 pixels up and left of the middle of its cells, with the
'SAME' padding of the models from TensorFlow (`tf_*`) as far down and right; patches and 2 x 2 pooling lie exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar

import timm
import torch
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from ..hooks import Activations
from .layers import choose

Result = TypeVar("Result")


@dataclass(frozen=True)
class TimmInput:
    """A model of timm and how it reads images."""

    model: str
    """As timm calls it, `resnet18.a1_in1k`."""
    size: int
    """Side of the images that it is given, pixels."""
    side: int
    """Side to which they are resized, pixels."""
    built_for: int | None
    """The `img_size` that the network is built with, None for its own."""
    indices: tuple[int, ...]
    """The entries of `feature_info` that become maps."""
    norm: bool
    """Whether the maps go through the final norm, or what a model has in its place."""
    channels: tuple[int, ...] = ()


@cache
def read(model: str, size: int | None, layers: str = "") -> TimmInput:
    """How a model reads images of this size (None: its own), tried out on a network without weights."""
    config = config_of(model)
    own = max(config.input_size[1:])
    try:
        return weightless(lambda: _find(model, layers, size or own, own, config.fixed_input_size))
    except BackboneError:
        raise
    except Exception as error:  # each model of timm refuses a size in a way of its own
        reason = one_line(error)
        what = f"{model} cannot describe images of {size or own} pixels ({reason})"
        raise BackboneError(f"{what}; choose another size or model") from error


def _find(model: str, layers: str, size: int, own: int, fixed: bool) -> TimmInput:
    """The first that works: the network as it is, one built for this size, images resized to the network's own."""
    network = build(model)
    reductions = [entry["reduction"] for entry in layers_of(network, model)]
    indices, norm = choose(layers, network, model, len(reductions), plain=len(set(reductions)) == 1)
    side = own if size == own and fixed else nearest(size, max(reductions))
    for resized, built_for in ((side, None), (side, side)):
        with suppress(Exception):
            return _try(network, TimmInput(model, size, resized, built_for, indices, norm))
    return _try(network, TimmInput(model, size, own, None, indices, norm))


def _try(network: nn.Module, reading: TimmInput) -> TimmInput:
    """The reading with the channels that it truly gives; raises what the model raises if it is none."""
    if reading.built_for is not None:
        # The weights belong to the model's own size: timm has to know how to carry them over to this one.
        network = build(reading.model, reading.built_for, state=network.state_dict())
    maps = describe(network, reading, torch.zeros(1, 3, reading.side, reading.side))
    return replace(reading, channels=tuple(layer.shape[1] for layer in maps))


def describe(network: nn.Module, reading: TimmInput, images: Tensor) -> list[Tensor]:
    """The maps (N, C, h, w) of normalised images (N, 3, side, side)."""
    forward: Any = getattr(network, "forward_intermediates", None)
    if forward is not None:
        indices = list(reading.indices)
        maps = forward(images, indices=indices, norm=reading.norm, output_fmt="NCHW", intermediates_only=True)
        return list(maps)
    # Models of older versions of timm, or of a third party: the modules that `features_only` would take.
    layers = layers_of(network, reading.model)
    maps = Activations(network, [layers[index]["module"] for index in reading.indices])(images)
    last = getattr(network, "output_fmt", "NCHW") == "NHWC"
    return [layer.movedim(-1, 1) if last else layer for layer in maps]


def build(
    model: str, built_for: int | None = None, *, hub: bool = False, state: Mapping[str, Tensor] | None = None
) -> nn.Module:
    """A model without its classifier, frozen; with the hub's weights, or a state that timm converts as it needs."""
    arguments: dict[str, Any] = {"pretrained": hub} if built_for is None else {"pretrained": hub, "img_size": built_for}
    if state is not None:
        # As if they were the hub's, for timm's own conversions; `num_classes` says that no classifier is among them.
        overlay = {"state_dict": dict(state), "num_classes": 0, "custom_load": False, "label_offset": 0}
        arguments |= {"pretrained": True, "pretrained_cfg_overlay": overlay}
    network: Any = timm.create_model(model, num_classes=0, **arguments)
    network.pretrained_cfg.pop("state_dict", None)  # a second copy of all weights
    frozen: nn.Module = network.requires_grad_(False).eval()
    return frozen


def weightless(make: Callable[[], Result]) -> Result:
    """What `make` gives on meta tensors, which have a shape and no memory."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return make()
        except BackboneError:
            raise
        except Exception:  # some models read numbers from their tensors, in older versions of timm most
            return make()


def classifier_of(model: str) -> frozenset[str]:
    """The tensors that a model has and `build` leaves out."""
    full: nn.Module = weightless(lambda: timm.create_model(model))
    return frozenset(full.state_dict()) - frozenset(weightless(lambda: build(model)).state_dict())


def layers_of(network: nn.Module, model: str) -> Sequence[Mapping[str, Any]]:
    """What timm says of the layers of a network: module, channels and reduction of each."""
    info: Any = getattr(network, "feature_info", None)
    if not info:
        raise BackboneError(f"timm {timm.__version__} does not tell the layers of {model}; choose another model")
    return [info[index] for index in range(len(info))]


def config_of(model: str) -> Any:
    """What timm knows of a model and its weights before it is built: size, mean, deviation, where they are."""
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture):
        raise BackboneError(f"timm {timm.__version__} has no model '{model}'; {_guess(model, timm.list_models())}")
    config = timm.get_pretrained_cfg(model, allow_unregistered=False) if _has_weights(architecture, tag) else None
    if config is None:
        tagged = timm.list_pretrained(f"{architecture}.*")
        raise BackboneError(f"timm {timm.__version__} has no weights '{model}'; {_guess(model, tagged)}")
    return config


def _has_weights(architecture: str, tag: str) -> bool:
    return not tag or f"{architecture}.{tag}" in timm.list_pretrained(f"{architecture}.*")


def _guess(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, 3)
    return f"did you mean {' or '.join(close)}?" if close else "partbench takes the names of timm.list_models()"


def nearest(size: int, step: int) -> int:
    """The multiple of `step` nearest to `size`, at least one of it."""
    return max(1, (size + step // 2) // step) * step
