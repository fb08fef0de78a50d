"""Procedural cars from all sides: as many as you like, each a function of one integer, with an exact part mask."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ..dataset import Dataset, Splits

hookimpl = pluggy.HookimplMarker("partbench")

CLASSES = ("background", "body", "plate", "light", "wheel", "window")
"""The classes of Table 4, in the order of the mask's indices."""


def open_cars() -> Splits:
    """The four splits; numpy and torch are imported here, not with the plugin."""
    from ..drawing.splits import open_drawings
    from .render import render

    return open_drawings(render, "cars")


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset `cars`."""
    yield Dataset("cars", CLASSES, load=open_cars, summary="procedural cars from all sides, with exact masks")
