"""Checks that every backbone passes, ours and a third party's, each a function that raises `BackboneError`.

::

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_backbone(check):
        check(Backbone("mine", size=64, channels=(64, 128), load=open_mine))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .backbone import Backbone, BackboneError, Draws, Extractor, Generates, Inverts
from .blots import blot, centre, clouds

if TYPE_CHECKING:
    from .backbone import Codes, Maps

TOLERANCE = 1e-3
"""Difference, relative to a map's largest value, that rounding may explain."""
DRIFT = 0.25
"""How far from a change in the image, in sides of it, the maps may answer."""

_COUNT, _FINE = 2, 8  # images per check; side from which a map can say where something is


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
        if not layer.isfinite().all():
            what = "NaN" if layer.isnan().any() else "infinity"
            raise BackboneError(f"map {index} of {name} has {what} in it; see where its network overflows")


def check_loads(backbone: Backbone) -> None:
    """`load` gives an extractor."""
    try:
        extractor: object = backbone.load()
    except Exception as error:
        raise BackboneError(f"{backbone.name} cannot be loaded ({_say(error)}); see to its weights") from error
    if not callable(extractor):
        kind = type(extractor).__name__
        raise BackboneError(f"load of {backbone.name} gives a {kind}; return something to call with images")


def check_size(backbone: Backbone) -> None:
    """The extractor takes images of the size that the record declares."""
    extractor, images = backbone.load(), _images(backbone)
    try:
        _run(extractor, images)
    except Exception as error:
        what = f"{backbone.name} fails on images {tuple(images.shape)}"
        raise BackboneError(f"{what} ({_say(error)}); declare the size that it takes") from error


def check_maps(backbone: Backbone) -> None:
    """The maps are as declared: number and channels; (N, C, h, w) floats without NaN or infinity."""
    validate_maps(backbone, _run(backbone.load(), _images(backbone)), _COUNT)


def check_frozen(backbone: Backbone) -> None:
    """No gradient leads from the maps back into the network."""
    if any(layer.requires_grad for layer in _run(backbone.load(), _images(backbone))):
        raise BackboneError(f"{backbone.name} gives maps with a gradient even under no_grad; detach them")


def check_deterministic(backbone: Backbone) -> None:
    """The same images always give the same maps."""
    extractor, images = backbone.load(), _images(backbone)
    if not _close(_run(extractor, images), _run(extractor, images)):
        mend = "put it into eval mode and seed what it draws"
        raise BackboneError(f"{backbone.name} gives new maps for the same images; {mend}")


def check_inverts(backbone: Backbone) -> None:
    """An extractor that `Inverts` gives codes, image first, that lead to the maps and to images in [0, 1]."""
    extractor, images = backbone.load(), _images(backbone)
    if not isinstance(extractor, Inverts):
        return
    codes = extractor.invert(images)
    _hold_codes(backbone, "invert", codes)
    if not _close(_run(extractor, images), _decode(extractor, codes)):
        raise BackboneError(f"{backbone.name}.maps differ from what calling it gives; let it call maps(invert(images))")
    with torch.no_grad():
        _hold_images(backbone, "reconstruct", extractor.reconstruct(codes))


def check_batch(backbone: Backbone) -> None:
    """An image's maps do not depend on the images beside it; where it inverts, a code's maps on the other codes."""
    extractor, images = backbone.load(), _images(backbone)
    if isinstance(extractor, Inverts):
        # Latent optimisation amplifies the rounding of another batch size, so the codes are held fixed.
        codes = extractor.invert(images)
        both, alone = _decode(extractor, codes), _decode(extractor, {key: code[:1] for key, code in codes.items()})
    else:
        both, alone = _run(extractor, images), _run(extractor, images[:1])
    if not _close([layer[:1] for layer in both], alone):
        raise BackboneError(f"{backbone.name} mixes the images of a batch; put it into eval mode")


def check_aligned(backbone: Backbone) -> None:
    """A change in one place of the image changes the maps in that place; of maps of 8 x 8 and more that change."""
    extractor, images = backbone.load(), _images(backbone)
    if not backbone.local or isinstance(extractor, Inverts):  # an inversion may answer a change anywhere
        return
    changed, place = blot(images)
    pairs = zip(_run(extractor, images), _run(extractor, changed), strict=True)
    changes = [(after - before).square().sum((0, 1)) for before, after in pairs if min(before.shape[-2:]) >= _FINE]
    centres = [centre(change) for change in changes if change.any()]
    if not centres:  # a control that does not look
        return
    (down, across), (row, column) = torch.stack(centres).mean(0).tolist(), place
    if math.hypot(down - row, across - column) > DRIFT:
        answer = f"at ({down:.2f}, {across:.2f}) of its maps"
        what = f"{backbone.name} answers a change at ({row:.2f}, {column:.2f}) of the image {answer}"
        raise BackboneError(f"{what}; keep rows and columns in the image's order")


def check_generates(backbone: Backbone) -> None:
    """An extractor that `Generates` gives images in [0, 1] with their maps, decided by the seed."""
    extractor = backbone.load()
    if not isinstance(extractor, Generates):
        return
    with torch.no_grad():
        (images, maps), (again, maps_again), (others, _) = (extractor.sample(_COUNT, seed) for seed in (0, 0, 1))
    _hold_images(backbone, "sample", images)
    validate_maps(backbone, maps, _COUNT)
    if not _close([images, *maps], [again, *maps_again]) or torch.equal(images, others):
        raise BackboneError(f"{backbone.name}.sample does not follow its seed; seed a generator with it")


def check_draws(backbone: Backbone) -> None:
    """The codes that an extractor `Draws` are those of the images and maps that it samples."""
    extractor = backbone.load()
    if not (isinstance(extractor, Draws) and isinstance(extractor, Inverts) and isinstance(extractor, Generates)):
        return
    with torch.no_grad():
        codes, (images, maps) = extractor.draw(_COUNT, 0), extractor.sample(_COUNT, 0)
        _hold_codes(backbone, "draw", codes)
        if not _close([images, *maps], [extractor.reconstruct(codes), *extractor.maps(codes)]):
            raise BackboneError(f"{backbone.name}.draw gives other codes than it samples; let sample decode draw's")


CHECKS: tuple[Callable[[Backbone], None], ...] = (
    check_loads,
    check_size,
    check_maps,
    check_frozen,
    check_deterministic,
    check_inverts,
    check_batch,
    check_aligned,
    check_generates,
    check_draws,
)
"""All of them, in the order in which to mend."""


def _images(backbone: Backbone) -> Tensor:
    return clouds(_COUNT, backbone.size)


@torch.no_grad()
def _run(extractor: Extractor, images: Tensor) -> Maps:
    return extractor(images)


@torch.no_grad()
def _decode(extractor: Inverts, codes: Codes) -> Maps:
    return extractor.maps(codes)


def _close(one: Maps, other: Maps) -> bool:
    if [layer.shape for layer in one] != [layer.shape for layer in other]:
        return False
    return all((a - b).abs().max() <= TOLERANCE * a.abs().max() for a, b in zip(one, other, strict=True))


def _hold_codes(backbone: Backbone, method: str, codes: object) -> None:
    values = codes.values() if isinstance(codes, Mapping) else [None]
    if not all(isinstance(code, Tensor) and code.is_floating_point() and len(code) == _COUNT for code in values):
        raise BackboneError(f"{backbone.name}.{method} gives no codes; return a dict of float tensors, image first")


def _hold_images(backbone: Backbone, method: str, images: Tensor) -> None:
    shape = (_COUNT, 3, backbone.size, backbone.size)
    # Not `min < 0 or max > 1`: a NaN would pass that.
    if tuple(images.shape) != shape or not ((images >= 0) & (images <= 1)).all():
        raise BackboneError(f"{backbone.name}.{method} gives no images {shape} in [0, 1]; clamp and resize them")


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
