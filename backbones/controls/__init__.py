"""Control backbones: position alone, and position with colour.

torch is imported when one is loaded, so that listing stays quick.
"""

from __future__ import annotations

from collections.abc import Iterable

from ... import hookimpl
from ..backbone import Backbone, Extractor

CHANNELS = 20
"""Channels of the coordinates: sine and cosine of x and y at five frequencies."""
SIZE = 64
"""Side at which they are asked; they take images of any."""


def open_position() -> Extractor:
    """Fourier features of the coordinates, no pixel."""
    from .coordinates import position

    return position


def open_pixels() -> Extractor:
    """RGB and the Fourier features."""
    from .coordinates import pixels

    return pixels


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The controls `position` and `pixels`."""
    summary = "control: Fourier features of the coordinates, no pixel (NeRF; Tancik et al. 2020)"
    yield Backbone("position", SIZE, (CHANNELS,), load=open_position, summary=summary, learnt=False)
    summary = "control: RGB with the features of position"
    yield Backbone("pixels", SIZE, (3, CHANNELS), load=open_pixels, summary=summary, learnt=False)
