"""A finding holds, does not hold, or cannot be told apart; and a run that is too small says the last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.paper.claims import (
    BETTER,
    FAILS,
    HOLDS,
    NEAR,
    NOT_WORSE,
    OPEN,
    WORSE,
    ClaimError,
    Finding,
    judge,
    mean_of,
    together,
)


def score(mean: float, spread: float = 0.0, seed: int = 0, draws: int = 4) -> Estimate:
    """A score of so many draws on 8 images, whose draws lie so far apart."""
    random = np.random.default_rng(seed)
    moves = random.standard_normal(draws)
    moves = spread * (moves - moves.mean())
    return Estimate(tuple(range(draws)), mean + moves, 0.01 * spread * random.standard_normal((draws, 8)))


@pytest.mark.parametrize(
    ("kind", "difference", "spread", "verdict"),
    [
        (BETTER, 5, 1, HOLDS),
        (BETTER, -5, 1, FAILS),
        (BETTER, 5, 20, OPEN),
        (WORSE, -5, 1, HOLDS),
        (WORSE, 5, 1, FAILS),
        (NEAR, 0.5, 0.1, HOLDS),
        (NEAR, -0.5, 0.1, HOLDS),
        (NEAR, 3, 0.1, FAILS),
        (NEAR, -3, 0.1, FAILS),
        (NEAR, 0.5, 5, OPEN),
        (NOT_WORSE, 30, 0.1, HOLDS),
        (NOT_WORSE, -0.5, 0.1, HOLDS),
        (NOT_WORSE, -3, 0.1, FAILS),
        (NOT_WORSE, -1, 2, OPEN),
    ],
)
def test_a_verdict_is_what_the_interval_says(kind: str, difference: float, spread: float, verdict: str) -> None:
    """With a margin of one point, of a score against one other that does not move."""
    (finding,) = judge(kind, score(50 + difference, spread), {"other": score(50)}, margin=1)
    assert (finding.verdict, finding.against) == (verdict, "other")
    assert finding.difference.mean == pytest.approx(difference)


@given(st.floats(-20, 20), st.floats(0.1, 10), st.integers(0, 50))
def test_better_is_the_contrary_of_worse(difference: float, spread: float, seed: int) -> None:
    """Whatever the scores, one holds where the other does not, and both are open together."""
    a, b = score(50 + difference, spread, seed), score(50)
    (better,), (worse,), (turned,) = (judge(BETTER, a, {"b": b}), judge(WORSE, a, {"b": b}), judge(WORSE, b, {"a": a}))
    assert {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[better.verdict] == worse.verdict
    assert better.verdict == turned.verdict


@given(st.floats(-20, 20), st.floats(0.1, 10), st.floats(0, 5), st.floats(0, 5))
def test_a_wider_margin_never_loses_a_finding(difference: float, spread: float, margin: float, more: float) -> None:
    """What is near within a margin is near within a larger one."""
    for kind in (NEAR, NOT_WORSE):
        narrow, wide = (
            judge(kind, score(50 + difference, spread), {"b": score(50)}, m)[0].verdict for m in (margin, margin + more)
        )
        assert wide == HOLDS or narrow != HOLDS
        assert narrow == FAILS or wide != FAILS


def test_more_comparisons_ask_for_more() -> None:
    """A difference that one comparison shows may be lost among twenty: p-values are corrected, intervals are wider."""
    one, others = score(52, 1.2, seed=3), {f"other {i}": score(50, 1.2, seed=3 + i) for i in range(1, 21)}
    alone = judge(BETTER, one, {"other 1": others["other 1"]})[0]
    among = next(finding for finding in judge(BETTER, one, others) if finding.against == "other 1")
    assert among.half_width > alone.half_width and among.p >= alone.p


def test_all_others_must_agree() -> None:
    """One that fails decides, one that is open leaves it open."""

    def finding(verdict: str) -> Finding:
        return Finding("x", score(1), 1.0, 0.5, verdict)

    assert together([finding(HOLDS), finding(HOLDS)]) == HOLDS
    assert together([finding(HOLDS), finding(OPEN)]) == OPEN
    assert together([finding(OPEN), finding(FAILS)]) == FAILS


def test_what_was_not_scored_is_not_judged() -> None:
    """No score, and two that share no draw, give no finding; a kind that is none is a sentence."""
    other = Estimate((7,), np.array([50.0]), np.zeros((1, 8)))
    assert mean_of([]) is None and mean_of([score(50), other]) is None
    assert judge(BETTER, score(50), {"other": other}) == []
    with pytest.raises(ClaimError, match="there is no kind of claim 'nicer'; choose better, worse, near, not worse"):
        judge("nicer", score(50), {})
