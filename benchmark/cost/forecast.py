"""Forecasts time, memory and disk of a plan from rehearsal measurements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..auto_shot_names import base_cell
from ..machine import SHARE
from ..plan import Cell
from .measured_cost import BackboneFigures, HeadFigures, SegmenterFigures

STAGES = ("load", "scale", "shots", "fit", "score")
"""Of one backbone, in the order in which a run goes through them."""
RESULT = 4096
"""Bytes of a cell's facts on disk, at most."""
PICTURES = 16
"""Test images whose predictions are kept."""
FLOAT = 4
"""Bytes."""


@dataclass(frozen=True)
class Extent:
    """The workload of a plan per backbone."""

    scale: int
    """Images that the scale is taken from."""
    shots: Mapping[int, int]
    """Pool images that all draws of so many shots use, by number of shots; a run describes those of the largest."""
    test: int
    size: int
    """Side of the masks, pixels."""
    classes: int
    steps: Callable[[str, int], int]
    """Training steps of a head by its name and a number of shots."""
    room: int | None = None
    """Bytes that there are beyond those of a program without a backbone; None: nobody knows."""

    @property
    def used(self) -> int:
        """Pool images that are described."""
        return self.shots[max(self.shots)]


@dataclass(frozen=True)
class Needs:
    """Forecast cost of the cells of one backbone."""

    stages: Mapping[str, float]
    """Seconds."""
    cells: Mapping[Cell, float]
    """Seconds of each cell that is left: its training, and its predictions."""
    memory: int
    """Bytes beyond those of a program without a backbone, at the highest."""
    results: int
    """Bytes that stay in the run's folder."""
    units: int
    """Bytes that are there until this backbone is done."""
    codes: int
    """Bytes that are added to the cache."""

    @property
    def seconds(self) -> float:
        return sum(self.stages.values())


def needs(figures: BackboneFigures, cells: Sequence[Cell], extent: Extent) -> Needs:
    """What these cells of one backbone, those that are left, will take."""
    if not cells:
        return Needs(dict.fromkeys(STAGES, 0.0), {}, 0, 0, 0, 0)
    fits = _fits(figures, cells, extent)
    scores = {cell: extent.test * _reading(_head(figures, cell)) for cell in cells}
    projected = extent.test if any(_head(figures, cell).segmenter is None for cell in cells) else 0
    stages = {
        "load": figures.load,
        "scale": _describing(figures, "scale", extent.scale),
        "shots": _describing(figures, "shots", extent.used),
        "fit": sum(fits.values()),
        "score": (_describing(figures, "test", projected) if projected else 0.0)
        + projected * figures.rebuild
        + sum(scores.values()),
    }
    return Needs(
        stages=stages,
        cells={cell: fits[cell] + scores[cell] for cell in cells},
        memory=memory(figures, cells, extent),
        results=len(cells) * _result(extent) + sum(one.file for one in _segmenters(figures, cells)),
        units=sum(_head(figures, cell).parameters for cell in cells)
        + max((one.pairs for one in _segmenters(figures, cells)), default=0),
        codes=figures.code * sum(figures.missing.values()),
    )


def memory(figures: BackboneFigures, cells: Sequence[Cell], extent: Extent) -> int:
    """Bytes at the highest: the backbone, the maps of shots that are held, every head, and what is at work."""
    heads = [_head(figures, cell) for cell in cells]
    held = figures.weights + figures.maps * cached_shots(figures, extent) + sum(head.parameters for head in heads)
    read = figures.maps * figures.slice if cached_shots(figures, extent) < extent.used else 0
    work = max((head.training + head.memory for head in heads), default=0)
    work = max([read + work, *(one.memory for one in _segmenters(figures, cells))])
    return held + max(work, figures.memory, 2 * figures.maps * min(figures.slice, extent.test))


def cached_shots(figures: BackboneFigures, extent: Extent) -> int:
    """How many shots have their maps held; the others are described at every step."""
    if extent.room is None or not figures.maps:
        return extent.used
    return min(extent.used, max(0, int(SHARE * (extent.room - figures.weights))) // figures.maps)


def materialised(figures: BackboneFigures, shots: int, size: int) -> int:
    """Bytes of F of eq. (1) for so many shots, as the paper writes it."""
    return shots * figures.channels * size * size * FLOAT


def _head(figures: BackboneFigures, cell: Cell) -> HeadFigures:
    return figures.heads.get(cell.head, HeadFigures())


def _segmenters(figures: BackboneFigures, cells: Sequence[Cell]) -> list[SegmenterFigures]:
    segmenters = [_head(figures, cell).segmenter for cell in cells]
    return [segmenter for segmenter in segmenters if segmenter]


def _reading(head: HeadFigures) -> float:
    """Seconds to predict and count one test image."""
    return head.segmenter.image if head.segmenter else head.image


def _fits(figures: BackboneFigures, cells: Sequence[Cell], extent: Extent) -> dict[Cell, float]:
    """Seconds of each cell's training; a head that several need is trained for the first."""
    fits, trained = {}, set[Cell]()
    for cell in cells:
        head, base = _head(figures, cell), base_cell(cell)
        fits[cell] = 0.0 if base in trained else _fit(head, base, extent) + _again(figures, base, extent)
        fits[cell] += head.segmenter.seconds(cell.shots) if head.segmenter else 0.0
        trained.add(base)
    return fits


def _fit(head: HeadFigures, base: Cell, extent: Extent) -> float:
    """Seconds to learn, and to see how well it has learnt its shots."""
    training = head.step * extent.steps(base.head, base.shots) if head.step else 0.0
    learning = head.solve.measured[base.shots] if head.solve else head.build + training
    return learning + base.shots * head.image


def _again(figures: BackboneFigures, base: Cell, extent: Extent) -> float:
    """Seconds to describe shots again whose maps are not held."""
    missing, solve = max(0, base.shots - cached_shots(figures, extent)), _head(figures, base).solve
    if not missing:
        return 0.0
    reads = solve.reads if solve else extent.steps(base.head, base.shots) / base.shots
    return missing * reads * figures.describe


def _describing(figures: BackboneFigures, stage: str, images: int) -> float:
    return images * (figures.read + figures.describe) + figures.missing.get(stage, 0) * figures.invert


def _result(extent: Extent) -> int:
    """Bytes of a cell on disk, before compression: its confusions and its pictures."""
    return RESULT + extent.test * extent.classes**2 * FLOAT + min(PICTURES, extent.test) * extent.size**2
