"""The baseline: scores of a run in one small file, against which later runs are compared.

Beside the score of every draw it keeps how each image moves it, so that the comparison is paired though the images and
the confusions are gone. More than 64 images are summed into 64 blocks of neighbours, whose moves estimate the same
error (the block jackknife, Kuensch 1989): scaled to act as 64 images, they have the same expected components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import UserError
from ..metrics.estimate import Estimate
from ..plan import PROTOCOL, Plan
from ..results import CellResult, Key
from .comparability import ComparisonError, check_comparable
from .leaderboard import estimates

BLOCKS = 64
"""Most blocks of images."""
DIGITS = 4
"""Of a score in per cent."""


class BaselineError(UserError):
    """A baseline that cannot be made or read, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Baseline:
    """Scores as the file stores them, and the protocol that other runs must share to be compared."""

    protocol: int
    plan: str
    """Hash of the plan, see `Plan.hash`."""
    fields: Mapping[str, Any]
    """What the hash is of."""
    data: str | None
    """Hash of the images and masks."""
    images: int
    """How many test images."""
    shots: Mapping[tuple[int, int], str]
    """Hash of the shots by (shots, draw)."""
    versions: Mapping[str, str]
    """Packages, weights and code that it was made with; several runs into one folder may have had several packages."""
    scores: Mapping[str, Mapping[Key, Estimate]]
    """By metric and by backbone, head and shots; rounded, and in blocks."""

    @property
    def numbers(self) -> list[bool]:
        """Of every score, whether it is a number."""
        return [not np.isnan(score.mean) for scores in self.scores.values() for score in scores.values()]


def make_baseline(plan: Plan, results: Sequence[CellResult], metrics: Sequence[str]) -> Baseline:
    """The baseline of a run's scored cells."""
    scored = [result for result in results if result.confusion is not None]
    check_comparable({"the run": scored})
    if (protocol := scored[0].provenance.get("protocol")) != PROTOCOL:
        what = f"the run was scored under protocol {protocol}, and this partbench has {PROTOCOL}"
        raise BaselineError(f"{what}; run it again")
    if scored[0].provenance.get("plan") != plan.hash:
        raise BaselineError("the cells of the run are of another plan than it says; run it again")
    return Baseline(
        protocol=PROTOCOL,
        plan=plan.hash,
        fields=plan.shared,
        data=scored[0].provenance.get("data"),
        images=max(len(result.confusion) for result in scored if result.confusion is not None),
        shots=_shots(scored),
        versions=_versions(scored),
        scores={name: {key: small(e) for key, e in estimates(scored, name).items()} for name in metrics},
    )


def check_same_baseline(before: Baseline, after: Baseline) -> None:
    """Refuse scores of another protocol, other images or other shots."""
    mend = "make the baseline again, or run with what it was made with"
    if before.protocol != after.protocol:
        raise ComparisonError(f"the baseline is of protocol {before.protocol} and the run of {after.protocol}; {mend}")
    if before.plan != after.plan:
        names = [n for n in {**before.fields, **after.fields} if before.fields.get(n) != after.fields.get(n)]
        what = ", ".join(f"{n} was {before.fields.get(n)} and is {after.fields.get(n)}" for n in names)
        raise ComparisonError(f"the baseline is of another plan ({what or 'one that cannot be told'}); {mend}")
    if before.data != after.data or before.images != after.images:
        what = f"other images, masks or classes of {after.fields.get('dataset')}"
        raise ComparisonError(f"the baseline is of {what}; {mend}")
    for (count, draw), seen in before.shots.items():
        if after.shots.get((count, draw), seen) != seen:
            raise ComparisonError(f"the baseline has other shots in draw {draw} of {count}; {mend}")


def small(estimate: Estimate) -> Estimate:
    """An estimate with rounded scores, of at most 64 blocks of images."""
    moves = block_moves(estimate)
    return from_moves(estimate.draws, np.round(estimate.scores, DIGITS), moves)


def block_moves(estimate: Estimate) -> np.ndarray[Any, np.dtype[np.float16]]:
    """By how many points each block of consecutive images moves the score of each draw, (D, B)."""
    images = estimate.images
    blocks = min(BLOCKS, images)
    centred = estimate.influence - estimate.influence.mean(1, keepdims=True)
    first = np.arange(blocks) * images // blocks
    return (np.add.reduceat(centred, first, axis=1) / images).astype(np.float16)


def from_moves(draws: Sequence[int], scores: Any, moves: np.ndarray[Any, Any]) -> Estimate:
    """The estimate in which every block acts as one image."""
    return Estimate(tuple(draws), np.asarray(scores, dtype=float), moves.shape[1] * moves.astype(float))


def _shots(results: Sequence[CellResult]) -> dict[tuple[int, int], str]:
    ordered = sorted(results, key=lambda r: (r.cell.shots, r.cell.draw))
    return {(r.cell.shots, r.cell.draw): str(r.provenance.get("shots")) for r in ordered}


def _versions(results: Sequence[CellResult]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for result in results:
        makers = {what: value for what, value in result.makers.items() if value != "None"}
        for package, version in {**dict(result.provenance.get("versions") or {}), **makers}.items():
            found.setdefault(str(package), set()).add(str(version))
    return {package: ", ".join(sorted(versions)) for package, versions in sorted(found.items())}
