"""Procedural scenes of things that are no faces, each a function of one integer, with exact contours."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ..dataset import Dataset, Splits

hookimpl = pluggy.HookimplMarker("partbench")

CLASSES = ("plain", "contour")
"""Mask values: inside a thing, and on the border of one."""


def open_scenes() -> Splits:
    """The four splits; numpy and torch are imported here, not with the plugin."""
    from .splits import open_splits

    return open_splits()


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset `scenes`."""
    summary = "procedural scenes of shapes, none of them a face, with exact contours, at any size"
    yield Dataset("scenes", CLASSES, load=open_scenes, summary=summary)
