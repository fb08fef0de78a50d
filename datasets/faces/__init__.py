"""Procedural faces: as many as you like, each a function of one integer, with an exact part mask.

`faces` has the paper's ten classes, `faces#paper3` its three, whose background is predicted and never averaged over.
On `faces#arbitrary` the same images have shapes without a meaning (supplement G).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import pluggy

from ..dataset import Dataset, DatasetError, Splits
from ..files.options import read_options

hookimpl = pluggy.HookimplMarker("partbench")

CLASSES = ("background", "eyes", "mouth", "nose", "face", "clothes", "hair", "eyebrows", "ears", "neck")
"""The ten classes of the paper, in the order of the mask's indices."""
SHAPES = ("background", "wedge", "ring", "band", "spot")
"""Those of `arbitrary`, in the order in which they are drawn."""
GROUPINGS = {"paper10": CLASSES, "paper3": CLASSES[:4], "arbitrary": SHAPES}
"""The classes of Table 1 and those for Figure K; what belongs to none of them is background."""
SUMMARY = "procedural faces with exact masks, at any size; also as faces#paper3 and faces#arbitrary"


def open_faces(classes: tuple[str, ...] = CLASSES) -> Splits:
    """The four splits; numpy and torch are imported here, not with the plugin."""
    from ..drawing.splits import open_drawings
    from . import arbitrary
    from .render import render

    if classes == SHAPES:
        return open_drawings(arbitrary.render, "faces#arbitrary")
    merged = () if classes == CLASSES else tuple(classes.index(c) if c in classes else 0 for c in CLASSES)
    return open_drawings(render, "faces", merged)


def configure(spec: str) -> Dataset:
    """The dataset `faces#GROUPING`."""
    if spec and not spec.startswith("#"):
        raise DatasetError(
            f"'faces' lies in no folder; leave out ':{spec}', or choose faces#{' or faces#'.join(GROUPINGS)}"
        )
    name = read_options("faces", spec[1:], {"the grouping": tuple(GROUPINGS)})["the grouping"]
    classes = GROUPINGS[name]
    excluded = frozenset() if classes == CLASSES else frozenset({"background"})
    same = "" if classes == CLASSES else "faces"
    return Dataset("faces", classes, partial(open_faces, classes), excluded, SUMMARY, configure, like=same)


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset `faces`."""
    yield configure("")
