"""Procedural faces: as many as you like, each a function of one integer, with an exact part mask."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from ..dataset import Dataset, Splits

hookimpl = pluggy.HookimplMarker("partbench")

CLASSES = ("background", "eyes", "mouth", "nose", "face", "clothes", "hair", "eyebrows", "ears", "neck")
"""The ten classes of the paper, in the order of the mask's indices."""


def open_faces() -> Splits:
    """The four splits; numpy and torch are imported here, not with the plugin."""
    from ..drawings import open_drawings
    from .render import render

    return open_drawings(render, "faces")


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset `faces`."""
    yield Dataset("faces", CLASSES, load=open_faces, summary="procedural faces with exact masks, at any size")
