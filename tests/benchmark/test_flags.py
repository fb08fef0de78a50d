"""Flags: what is told of a run, with its evidence."""

from __future__ import annotations

from partbench.benchmark.flags import some


def test_the_first_few_are_named() -> None:
    """And the others counted."""
    assert some(["a", "b", "c"]) == "a, b, c"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
