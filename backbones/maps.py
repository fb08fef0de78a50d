"""Activation maps as a backbone gives them, held against what it declares."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .backbone import Backbone, BackboneError


def validate_maps(backbone: Backbone, maps: object, count: int) -> None:
    """Hold the maps of `count` images against the record: number, channels, form, and no NaN."""
    name = backbone.name
    if not isinstance(maps, Sequence) or not all(isinstance(layer, Tensor) for layer in maps):
        raise BackboneError(f"{name} gives a {type(maps).__name__} instead of its maps; return a list of tensors")
    flat = [tuple(layer.shape) for layer in maps if layer.ndim != 4]
    if flat:
        raise BackboneError(f"{name} has a map of shape {flat[0]}; make it (N, C, h, w)")
    channels = tuple(layer.shape[1] for layer in maps)
    if channels != backbone.channels:
        raise BackboneError(f"{name} declares channels={backbone.channels} but its maps have {channels}")
    for index, layer in enumerate(maps):
        if len(layer) != count:
            raise BackboneError(f"map {index} of {name} is for {len(layer)} images of {count}; put the image first")
        if not layer.is_floating_point():
            raise BackboneError(f"map {index} of {name} is {layer.dtype}; make it a float")
        # The sum takes a twentieth of the time; it may overflow by itself, so the numbers have the last word.
        if not layer.sum().isfinite() and not layer.isfinite().all():
            what = "NaN" if layer.isnan().any() else "infinity"
            raise BackboneError(f"map {index} of {name} has {what} in it; see where its network overflows")
