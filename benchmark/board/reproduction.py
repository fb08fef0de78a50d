"""One cell of a submission, taken again: whether it comes out the same, and the mark that says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..metrics.definitions import DEFAULT, find_metric
from ..plan import NO_HEAD, Cell, Plan, takes_head
from ..results import CellResult
from .drawn import is_drawn
from .layout import FORMAT, BoardError
from .submission import Submission

QUICK = (NO_HEAD, "prototype", "knn", "ridge", "linear")
"""Heads that are soonest done, the first first; any other takes longer."""
DIGITS = 4
"""Of differences."""
SAME = ("data", "shots", "weights", "seed")
"""The provenance that must be the same to the letter."""
SAME_IF_SAID = ("parameters",)
"""That of cells which say it: earlier runs did not."""


def smallest_cell(submission: Submission) -> CellResult:
    """The cell that is soonest taken again."""

    def effort(result: CellResult) -> tuple[int, int, int]:
        cell = result.cell
        return QUICK.index(cell.head) if cell.head in QUICK else len(QUICK), cell.shots, cell.draw

    return min(submission.cells, key=effort)


def plan_again(submission: Submission, cell: Cell, backbone: str = "") -> Plan:
    """The plan of one cell and the draws before it; `backbone` is what it is called here."""
    if not is_drawn(submission.plan.dataset):
        mend = "ask somebody who has its images to run what the card says"
        raise BoardError(f"{submission.plan.dataset} is not drawn by partbench, and cannot be taken again here; {mend}")
    name = backbone or submission.backbone
    heads = (cell.head,) if takes_head(name) else ("ridge",)
    return replace(submission.plan, backbones=(name,), heads=heads, shots=(cell.shots,), draws=cell.draw + 1)


@dataclass(frozen=True)
class Reproduction:
    """How a cell came out the second time."""

    cell: Cell
    differences: Mapping[str, float]
    """By metric, the later less the earlier score, in points."""
    pixels: float
    """Share of the pixels that are in another place of the confusions."""
    faults: tuple[str, ...] = ()
    """What must be the same and is not."""

    def within(self, tolerance: float) -> bool:
        """Whether no score moved by more points."""
        return not self.faults and all(abs(moved) <= tolerance for moved in self.differences.values())


def compare_cells(earlier: CellResult, later: CellResult) -> Reproduction:
    """How a cell came out the second time, as it was submitted and as it is."""
    if earlier.confusion is None or later.confusion is None:
        return Reproduction(earlier.cell, {}, 1.0, (f"it failed: {later.error}",))
    faults = tuple(_faults(earlier, later))
    if faults:
        return Reproduction(earlier.cell, {}, 1.0, faults)
    moved = np.abs(earlier.confusion - later.confusion).sum() / 2 / earlier.confusion.sum()
    differences = {name: round(_score(later, name) - _score(earlier, name), DIGITS) for name in DEFAULT}
    known = {name: value for name, value in differences.items() if not np.isnan(value)}
    return Reproduction(earlier.cell, known, round(float(moved), 6))


def _faults(earlier: CellResult, later: CellResult) -> Iterator[str]:
    for name in (*SAME, *(name for name in SAME_IF_SAID if earlier.provenance.get(name) is not None)):
        ours, theirs = earlier.provenance.get(name), later.provenance.get(name)
        if ours != theirs:
            yield f"{name} is {theirs} here, and {ours} as it was submitted"
    if earlier.classes != later.classes:
        yield "it has other classes here"
    elif not np.array_equal(_truth(earlier), _truth(later)):
        yield "the true pixels of its images are others here"


def _truth(result: CellResult) -> Any:
    assert result.confusion is not None
    return result.confusion.sum(-1)


def _score(result: CellResult, name: str) -> float:
    assert result.confusion is not None
    metric = find_metric(name)
    return 100 * metric.pooling.score(result.confusion, metric.scored(result.classes, result.excluded))


def mark(submission: Submission, found: Reproduction, tolerance: float, later: CellResult) -> bytes:
    """What is put beside a submission that was reproduced; it holds for these very counts."""
    record = {
        "format": FORMAT,
        "counts": submission.record["counts"],
        "cell": asdict(found.cell),
        "tolerance": tolerance,
        "differences": found.differences,
        "pixels": found.pixels,
        **{name: later.provenance.get(name) for name in ("versions", "hardware", "finished")},
    }
    return json.dumps(record, indent=1).encode() + b"\n"


def mark_faults(submission: Submission, record: Any) -> Iterator[str]:
    """What is wrong with a mark beside a submission."""
    if record.get("format") != FORMAT or record.get("counts") != submission.record["counts"]:
        yield "its mark is of other counts; take it out, and take a cell again"
    elif not all(abs(moved) <= record["tolerance"] for moved in record["differences"].values()):
        yield "its mark says that its scores moved by more than the tolerance; take it out"
