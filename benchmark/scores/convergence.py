"""Whether the heads of cells have learnt: what each makes of its own shots, and which cells do not fit them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..metrics.estimate import Estimate
from ..plan import NO_HEAD
from ..results import CellResult, Key

NOT_CONVERGED = "not converged"
MARK = "!"
"""Behind a score of which some draw did not converge."""
FACT = "fit"
"""Under which the provenance of a cell has its `ShotFit`."""
LEARNT = 0.05
"""Of the way from the IoU of one class everywhere to 1, the share below which a head has learnt next to nothing."""
FITS = 0.9
"""Mean IoU on its own shots from which a head has learnt what there is to learn, be its loss still falling."""

LINEAR = "linear"
"""The head whose training every other that takes steps must come up to: a hidden layer can only help to fit."""
BEHIND = 0.95
"""Of the way from one class everywhere that the linear head comes on the same shots, the share that must be reached.

At 0.70, 0.81 and 0.948 of it heads had 9.7, 2.5 and 5.3 points of `mean` less than the paper's schedule finds; at 0.98
0.7 less, and at 0.99 1.5 more (docs/pages/protocol.md).
"""


@dataclass(frozen=True)
class ShotFit:
    """What a head makes of its own shots at the end of its training."""

    steps: int
    """Steps of its training; 0 of a head that is solved and not trained."""
    settled: bool | None
    """Whether its loss had settled before the last step that the schedule allows; None of a fixed number of steps."""
    loss: float
    """Mean cross entropy over the labelled pixels of all its shots."""
    iou: float
    """Mean IoU over the classes that are present in its shots, from 0 to 1."""
    constant: float
    """The same of the most frequent class everywhere."""
    accuracy: float
    """Share of the labelled pixels that it gets right."""

    @property
    def converged(self) -> bool:
        """Whether it fits its shots: well, or as well as it can and better than one class everywhere.

        A head that is solved in no steps is what it is at once. It may honestly not fit its shots, as class means that
        lie on one another do, and no longer training would help it; so its score is taken as it is.
        """
        if self.steps == 0:
            return True
        learnt = self.iou >= self.constant + LEARNT * (1 - self.constant)
        return self.iou >= FITS or (learnt and self.settled is not False)

    def is_behind(self, linear: ShotFit | None) -> bool:
        """Whether it rests on a plateau: it fits its shots worse than a linear head does the same ones."""
        if linear is None or self.steps == 0 or self.iou >= FITS:
            return False
        return self.iou - self.constant < BEHIND * (linear.iou - linear.constant)


def shot_fit(result: CellResult) -> ShotFit | None:
    """What a cell's head made of its shots; None of a control without a head, and where an old run did not note it."""
    record: Any = result.provenance.get(FACT)
    return ShotFit(**record) if record and result.cell.head != NO_HEAD else None


def unconverged(results: Iterable[CellResult]) -> dict[Key, int]:
    """How many draws of a backbone, head and number of shots did not converge, where any did not."""
    return dict(Counter(result.key for result in _stuck(results)))


def _stuck(results: Iterable[CellResult]) -> list[CellResult]:
    """The cells that did not converge: by their own fit, or by that of the linear head where it is beside them."""
    fits = [(result, fit) for result in results if result.confusion is not None and (fit := shot_fit(result))]
    linear = {_shots(result): fit for result, fit in fits if result.cell.head == LINEAR}
    return [result for result, fit in fits if not fit.converged or fit.is_behind(linear.get(_shots(result)))]


def _shots(result: CellResult) -> tuple[object, ...]:
    """What a head learnt from: maps and shots, of a plan and data."""
    cell, provenance = result.cell, result.provenance
    return (
        cell.backbone,
        cell.shots,
        cell.draw,
        provenance.get("plan"),
        provenance.get("data"),
        provenance.get("weights"),
    )


def unknown(results: Iterable[CellResult]) -> set[Key]:
    """The backbones, heads and numbers of shots of which some draw was scored before fits were noted."""
    return {
        result.key
        for result in results
        if result.confusion is not None and result.cell.head != NO_HEAD and shot_fit(result) is None
    }


def trusted(scores: dict[Key, Estimate], flagged: Collection[Key]) -> dict[Key, Estimate]:
    """The scores that ranks may be taken from."""
    return {key: one for key, one in scores.items() if key not in flagged}


def sentences(results: Sequence[CellResult]) -> list[str]:
    """What is to be said under a leaderboard: how many cells did not converge, and of how many nobody knows."""
    headed = _with_heads(results)
    old = sum(shot_fit(result) is None for result in headed)
    said = [f"whether {old} of {len(headed)} cells converged is not known: old runs did not note it"] if old else []
    return [*flags(results), *said]


def flags(results: Sequence[CellResult]) -> list[str]:
    """How many cells did not converge, in one sentence, if any did not."""
    headed = _with_heads(results)
    bad = Counter(result.cell.head for result in _stuck(results))
    if not bad:
        return []
    by_head = ", ".join(f"{head} {count}" for head, count in bad.most_common())
    what = f"their heads do not fit their own shots ({MARK}), and ranks leave them out"
    return [f"{bad.total()} of {len(headed)} cells did not converge: {by_head}; {what}"]


def _with_heads(results: Sequence[CellResult]) -> list[CellResult]:
    return [result for result in results if result.confusion is not None and result.cell.head != NO_HEAD]
