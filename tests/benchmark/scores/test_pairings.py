"""Pairs of scores, by head and shots and averaged over them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.metrics.significance import compare
from partbench.benchmark.plan import NO_HEAD
from partbench.benchmark.scores.pairings import HEADS, SHOTS, Pairing, average_over, of_all, of_backbones, of_runs


@given(st.integers(0, 200))
def test_a_score_is_no_better_than_itself(seed: int) -> None:
    """The difference is 0 with p 1, whatever the scores."""
    random = np.random.default_rng(seed)
    score = Estimate((0, 1, 2), random.normal(50, 5, 3), random.normal(0, 5, (3, 7)))
    known = {("a", "linear", 1): score, ("a", NO_HEAD, 5): score}
    for pairs in (of_runs(known, known), of_backbones(known, "a", "a")):
        assert len(pairs) == 2
        assert all((c.difference.mean, c.p, c.shown()) == (0, 1, False) for c in compare(pairs).values())


def test_means_are_of_what_both_have() -> None:
    """A head that failed on one backbone is left out of both means, and so is a draw."""
    random = np.random.default_rng(0)

    def score(draws: tuple[int, ...]) -> Estimate:
        return Estimate(draws, random.normal(50, 5, len(draws)), random.normal(0, 5, (len(draws), 4)))

    known = {
        ("a", "linear", 1): score((0, 1, 2)),
        ("a", "mlp-1", 1): score((0, 1, 2)),
        ("b", "linear", 1): score((0, 2)),
    }
    (pair,) = average_over(of_backbones(known, "a", "b"), (HEADS, SHOTS)).values()
    assert [one.draws for one in pair] == [(0, 2), (0, 2)]
    assert pair[0].scores.tolist() == known["a", "linear", 1].scores[[0, 2]].tolist()
    assert pair[1].scores.tolist() == known["b", "linear", 1].scores.tolist()
    assert len(of_all(known)) == 1


def test_a_mean_without_a_common_draw_is_left_out() -> None:
    """There is nothing to compare."""
    scores = [Estimate((draw,), np.zeros(1), np.zeros((1, 4))) for draw in (0, 1)]
    pairs = {Pairing("a", head, 1): (one, one) for head, one in zip(("linear", "mlp-1"), scores, strict=True)}
    assert average_over(pairs, (HEADS,)) == {}
