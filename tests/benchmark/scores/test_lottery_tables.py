"""The sentences and tables of a shot lottery."""

from __future__ import annotations

from partbench.benchmark.scores.lottery_tables import name_of


def test_a_draw_is_named_by_its_shots() -> None:
    """One by its name, of several the first, an unknown one by its number; a long name keeps its end."""
    names = {0: ("a.png",), 1: ("a.png", "b.png"), 2: ("some/folder/of/annotated/images/cat.png",)}
    assert name_of(0, names) == "a.png"
    assert name_of(1, names) == "draw 1 (a.png, …)"
    assert name_of(2, names).endswith("images/cat.png")
    assert name_of(3, names) == "draw 3"
