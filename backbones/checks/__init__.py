"""Checks that every backbone passes, ours and a third party's, each a function that raises `BackboneError`.

::

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_backbone(check):
        check(Backbone("mine", size=64, channels=(64, 128), load=open_mine))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ... import one_line
from ..backbone import Backbone, BackboneError, Draws, Generates, Inverts
from ..maps import validate_maps
from .alignment import check_aligned, check_shift
from .behaviour import (
    check_batch,
    check_deterministic,
    check_device,
    check_eval,
    check_frozen,
    check_import,
    check_untouched,
)
from .probes import COUNT, close, decode, images_for, run


def check_loads(backbone: Backbone) -> None:
    """`load` gives an extractor."""
    try:
        extractor: object = backbone.load()
    except Exception as error:
        raise BackboneError(f"{backbone.name} cannot be loaded ({one_line(error)}); see to its weights") from error
    if not callable(extractor):
        kind = type(extractor).__name__
        raise BackboneError(f"load of {backbone.name} gives a {kind}; return something to call with images")


def check_size(backbone: Backbone) -> None:
    """The extractor takes images of the size that the record declares."""
    extractor, images = backbone.load(), images_for(backbone)
    try:
        run(extractor, images)
    except Exception as error:
        what = f"{backbone.name} fails on images {tuple(images.shape)}"
        raise BackboneError(f"{what} ({one_line(error)}); declare the size that it takes") from error


def check_maps(backbone: Backbone) -> None:
    """The maps are as declared: number and channels; (N, C, h, w) floats without NaN or infinity."""
    validate_maps(backbone, run(backbone.load(), images_for(backbone)), COUNT)


def check_inverts(backbone: Backbone) -> None:
    """An extractor that `Inverts` gives codes, image first, that lead to the maps and to images in [0, 1]."""
    extractor, images = backbone.load(), images_for(backbone)
    if not isinstance(extractor, Inverts):
        return
    codes = extractor.invert(images)
    _check_codes(backbone, "invert", codes)
    if not close(run(extractor, images), decode(extractor, codes)):
        raise BackboneError(f"{backbone.name}.maps differ from what calling it gives; let it call maps(invert(images))")
    with torch.no_grad():
        _check_images(backbone, "reconstruct", extractor.reconstruct(codes))


def check_generates(backbone: Backbone) -> None:
    """An extractor that `Generates` gives images in [0, 1] with their maps, decided by the seed."""
    extractor = backbone.load()
    if not isinstance(extractor, Generates):
        return
    with torch.no_grad():
        (images, maps), (again, maps_again), (others, _) = (extractor.sample(COUNT, seed) for seed in (0, 0, 1))
    _check_images(backbone, "sample", images)
    validate_maps(backbone, maps, COUNT)
    if not close([images, *maps], [again, *maps_again]) or torch.equal(images, others):
        raise BackboneError(f"{backbone.name}.sample does not follow its seed; seed a generator with it")


def check_draws(backbone: Backbone) -> None:
    """The codes that an extractor `Draws` are those of the images and maps that it samples."""
    extractor = backbone.load()
    if not (isinstance(extractor, Draws) and isinstance(extractor, Inverts) and isinstance(extractor, Generates)):
        return
    with torch.no_grad():
        codes, (images, maps) = extractor.draw(COUNT, 0), extractor.sample(COUNT, 0)
        _check_codes(backbone, "draw", codes)
        if not close([images, *maps], [extractor.reconstruct(codes), *extractor.maps(codes)]):
            raise BackboneError(f"{backbone.name}.draw gives other codes than it samples; let sample decode draw's")


CHECKS: tuple[Callable[[Backbone], None], ...] = (
    check_import,
    check_loads,
    check_size,
    check_maps,
    check_frozen,
    check_eval,
    check_untouched,
    check_deterministic,
    check_device,
    check_inverts,
    check_batch,
    check_aligned,
    check_shift,
    check_generates,
    check_draws,
)
"""All of them, in the order in which to mend."""


def _check_codes(backbone: Backbone, method: str, codes: object) -> None:
    values = codes.values() if isinstance(codes, Mapping) else [None]
    if not all(isinstance(code, Tensor) and code.is_floating_point() and len(code) == COUNT for code in values):
        raise BackboneError(f"{backbone.name}.{method} gives no codes; return a dict of float tensors, image first")


def _check_images(backbone: Backbone, method: str, images: Tensor) -> None:
    shape = (COUNT, 3, backbone.size, backbone.size)
    # Not `min < 0 or max > 1`: a NaN would pass that.
    if tuple(images.shape) != shape or not ((images >= 0) & (images <= 1)).all():
        raise BackboneError(f"{backbone.name}.{method} gives no images {shape} in [0, 1]; clamp and resize them")
