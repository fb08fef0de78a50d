"""Tests the paper's claims on a run by paired differences of scores.

A finding is that a score is above others, or not far from them. It holds if the run shows so, it does not hold if the
run shows the contrary, and else the two cannot be told apart: a run that is too small finds nothing out, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import UserError
from ..metrics.estimate import LEVEL, Estimate, average
from ..metrics.significance import compare

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told apart"
BETTER, WORSE, NEAR, NOT_WORSE = "better", "worse", "near", "not worse"
KINDS = {
    BETTER: "above every other",
    WORSE: "below every other",
    NEAR: "within so many points of every other",
    NOT_WORSE: "at most so many points below any other",
}


class ClaimError(UserError):
    """A claim that cannot be tested on a run, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Finding:
    """The comparison of a score with one other."""

    against: str
    difference: Estimate
    """Of the score less the other, in points."""
    half_width: float
    """Half the interval of the difference, of 95 % over all others together (Bonferroni)."""
    p: float
    """Two-sided, of no difference, corrected for their number (Holm)."""
    verdict: str


def judge(kind: str, score: Estimate, others: Mapping[str, Estimate], margin: float = 0.0) -> list[Finding]:
    """Compare a score with each of others."""
    if kind not in KINDS:
        raise ClaimError(f"there is no kind of claim {kind!r}; choose {', '.join(KINDS)}")
    compared = compare({name: (other, score) for name, other in others.items()})
    level = 1 - (1 - LEVEL) / max(1, len(compared))
    findings = []
    for name, found in compared.items():
        difference, half = found.difference, found.difference.half_width(level)
        ordered = kind in (BETTER, WORSE)
        verdict = _order(kind, difference.mean, found.p) if ordered else _place(kind, difference, half, margin)
        findings.append(Finding(name, difference, half, found.p, verdict))
    return findings


def together(findings: Sequence[Finding]) -> str:
    """The verdict over all others: what must be so of each of them holds only if it holds of each."""
    verdicts = {finding.verdict for finding in findings}
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts == {HOLDS} else OPEN


def mean_of(estimates: Sequence[Estimate]) -> Estimate | None:
    """The mean over numbers of shots on the draws that all have; None where they share none."""
    if not estimates:
        return None
    mean = average(estimates)
    return mean if mean.draws and not np.isnan(mean.mean) else None


def _order(kind: str, difference: float, p: float) -> str:
    if not p < 1 - LEVEL:
        return OPEN
    return HOLDS if (difference > 0) == (kind == BETTER) else FAILS


def _place(kind: str, difference: Estimate, half: float, margin: float) -> str:
    """Where an interval lies: inside of what is near, outside of it, or across its border."""
    low, high = difference.mean - half, difference.mean + half
    if low > -margin and (kind == NOT_WORSE or high < margin):
        return HOLDS
    return FAILS if high < -margin or (kind == NEAR and low > margin) else OPEN
