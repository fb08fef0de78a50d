"""The paper's heads, and three that need no training, offered through the plugin hook."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from .. import hookimpl
from .head import Head

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def partbench_heads() -> Iterator[Head]:
    """Three in closed form, and the heads of section 4.2, Table 7 and Tables C to E."""
    yield Head("ridge", _ridge, "least squares in closed form, the ridge chosen by leave-one-out; no steps")
    yield Head("prototype", _prototype, "nearest class mean by cosine; no steps")
    yield Head("knn", _knn, "the three nearest of 4,096 labelled pixels by cosine; no steps")
    yield Head("linear", _linear, "linear in eq. (1), no hidden layer (Table 7)")
    yield Head("mlp-1", partial(_mlp, "1"), "per pixel, 2,000 hidden units (Table 7)")
    yield Head("mlp-2", partial(_mlp, "2"), "per pixel, 2,000 and 200 hidden units (section 4.2)")
    yield Head("cnn-s", partial(_cnn, "S", 1), "S-network: 1x1 embedding and 4 dilated layers (Table C after 4.2)")
    yield Head("cnn-m", partial(_cnn, "M", 1), "M-network: 1x1 embedding and 6 dilated layers (Table D after 4.2)")
    yield Head("cnn-l", partial(_cnn, "L", 1), "L-network: 1x1 embedding and 8 dilated layers (section 4.2)")
    yield Head("cnn-s-3x3", partial(_cnn, "S", 3), "S-network with a 3x3 first layer (Table C)")
    yield Head("cnn-m-3x3", partial(_cnn, "M", 3), "M-network with a 3x3 first layer (Table D)")
    yield Head("cnn-l-3x3", partial(_cnn, "L", 3), "L-network with a 3x3 first layer (Table E)")


# torch is imported when a head is built, so that listing the heads stays quick.


def _ridge(channels: tuple[int, ...], classes: int) -> nn.Module:
    from .ridge import Ridge

    return Ridge(channels, classes)


def _prototype(channels: tuple[int, ...], classes: int) -> nn.Module:
    from .prototype import Prototype

    return Prototype(channels, classes)


def _knn(channels: tuple[int, ...], classes: int) -> nn.Module:
    from .knn import Knn

    return Knn(channels, classes)


def _linear(channels: tuple[int, ...], classes: int) -> nn.Module:
    from .linear import Linear

    return Linear(channels, classes)


def _mlp(name: str, channels: tuple[int, ...], classes: int) -> nn.Module:
    from .mlp import NETWORKS, Mlp

    return Mlp(channels, classes, NETWORKS[name])


def _cnn(name: str, kernel: int, channels: tuple[int, ...], classes: int) -> nn.Module:
    from .cnn import NETWORKS, Cnn

    return Cnn(channels, classes, NETWORKS[name], kernel)
