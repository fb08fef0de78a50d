"""Procedural horses that stand, move and graze: each a function of one integer, with an exact part mask."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ..dataset import Dataset, Splits

hookimpl = pluggy.HookimplMarker("partbench")

CLASSES = ("background", "head", "neck+torso", "legs", "tail")
"""The classes of Table 5, in the order of the mask's indices."""


def open_horses() -> Splits:
    """The four splits; numpy and torch are imported here, not with the plugin."""
    from ..drawing.splits import open_drawings
    from .render import render

    return open_drawings(render, "horses")


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset `horses`."""
    yield Dataset("horses", CLASSES, load=open_horses, summary="procedural horses in many poses, with exact masks")
