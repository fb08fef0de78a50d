"""A forecast adds up what a rehearsal measured, counts what is done as free, and refuses what cannot fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.cost.feasibility import Feasibility
from partbench.benchmark.cost.forecast import STAGES, Extent, cached_shots, materialised, memory, needs
from partbench.benchmark.cost.measured_cost import BackboneFigures, HeadFigures, SolveFigures
from partbench.benchmark.plan import COPY, NO_HEAD, Cell, Plan
from partbench.heads.pixelwise import dense

HEADS = {"linear": HeadFigures(1, 2, 3, 1000, 500), "mlp": HeadFigures(0, 1, 5, 4000, 7000)}
SLOW = BackboneFigures(
    load=7, read=1, invert=100, describe=10, rebuild=2, missing={"scale": 1, "shots": 2, "test": 3},
    code=50, channels=6, maps=96, memory=10_000, slice=4, heads=HEADS,
)  # fmt: skip
EXTENT = Extent(16, {1: 3, 5: 11}, 20, 8, 3, steps=lambda head, shots: 4 * shots)
CELLS = [Cell("slow", head, shots, 0) for head in HEADS for shots in (1, 5)]


def test_the_stages_add_up() -> None:
    """Every image is described once, those without a code inverted; every head takes its steps and reads its shots."""
    found = needs(SLOW, CELLS, EXTENT)
    assert found.stages == {
        "load": 7,
        "scale": 16 * 11 + 100,
        "shots": 11 * 11 + 2 * 100,
        "fit": 2 * 1 + 2 * (4 + 20) + (4 + 20) + (1 + 5) * (3 + 5),
        "score": 20 * 11 + 3 * 100 + 20 * 2 + 2 * 20 * 3 + 2 * 20 * 5,
    }
    assert found.seconds == sum(found.stages.values())
    assert found.cells[CELLS[1]] == 1 + 2 * 20 + 5 * 3 + 20 * 3
    assert found.codes == 6 * 50
    assert found.units == 2 * 1000 + 2 * 4000
    assert needs(replace(SLOW, missing={}), CELLS, EXTENT).seconds == found.seconds - 600


def test_what_is_done_is_free() -> None:
    """A backbone without cells that are left is not even loaded."""
    found = needs(SLOW, [], EXTENT)
    assert (found.seconds, found.memory, found.units, found.codes) == (0, 0, 0, 0)
    assert set(found.stages) == set(STAGES)


@given(st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_more_cells_never_take_less(some: set[int], more: set[int]) -> None:
    """Neither time nor memory nor disk."""
    few, many = (needs(SLOW, [CELLS[i] for i in chosen], EXTENT) for chosen in (some, some | more))
    for what in ("seconds", "memory", "results", "units", "codes"):
        assert getattr(few, what) <= getattr(many, what)


def test_memory_is_what_is_held_at_once() -> None:
    """The backbone, the maps of all shots, every head, and what is at work: a head, or the backbone."""
    slow = replace(SLOW, weights=500)
    held = 500 + 96 * 11 + 2 * 1000 + 2 * 4000
    assert memory(slow, CELLS, EXTENT) == held + 3 * 4000 + 7000
    assert memory(replace(slow, memory=30_000), CELLS, EXTENT) == held + 30_000
    idle = replace(slow, memory=0, heads=dict.fromkeys(HEADS, HeadFigures()))
    assert memory(idle, CELLS, EXTENT) == held - 10_000 + 2 * 4 * 96


def test_maps_of_shots_take_half_of_what_is_left() -> None:
    """The others are described at every step that asks for them: less memory, more time."""
    slow, tight = replace(SLOW, weights=500), replace(EXTENT, room=500 + 2 * 3 * 96)
    assert (cached_shots(slow, EXTENT), cached_shots(slow, tight), cached_shots(slow, replace(EXTENT, room=7))) == (
        11,
        3,
        0,
    )
    slice_ = 4 * 96
    assert memory(slow, CELLS, tight) == memory(slow, CELLS, EXTENT) - 8 * 96 + slice_
    one, five = (cell for cell in CELLS if cell.head == "linear")
    short, long = (needs(slow, CELLS, extent).cells for extent in (EXTENT, tight))
    assert long[one] == short[one]
    assert long[five] == pytest.approx(short[five] + 20 * 2 / 5 * 10)


def test_a_head_that_is_solved_takes_no_steps() -> None:
    """Each number of shots has its own time; nothing trains it, and each shot is read a few times."""
    figures = HeadFigures(image=3, parameters=1000, memory=500, solve=SolveFigures({1: 7, 5: 20}, reads=2))
    slow = replace(SLOW, weights=500, memory=0, heads={"ridge": figures})
    one, five = (Cell("slow", "ridge", shots, 0) for shots in (1, 5))
    found = needs(slow, [one, five], EXTENT)
    assert found.cells == {one: 7 + 3 + 20 * 3, five: 20 + 5 * 3 + 20 * 3}
    assert memory(slow, [one, five], EXTENT) == 500 + 96 * 11 + 2 * 1000 + 2 * 4 * 96
    tight = needs(slow, [one, five], replace(EXTENT, room=500 + 2 * 3 * 96))
    assert tight.cells[five] == found.cells[five] + 2 * 2 * 10


@pytest.mark.parametrize("shapes", [[(3, 8, 8)], [(4, 2, 2), (2, 16, 16)]])
def test_eq_1_is_counted_as_it_would_be_made(shapes: list[tuple[int, ...]]) -> None:
    """As many bytes as the tensor F has."""
    features = dense([torch.zeros(5, *shape) for shape in shapes], 8)
    figures = BackboneFigures(channels=sum(shape[0] for shape in shapes))
    assert materialised(figures, 5, 8) == features.nelement() * features.element_size()


def test_a_cell_without_a_head_trains_nothing() -> None:
    """The control `copy`."""
    found = needs(BackboneFigures(), [Cell(COPY, NO_HEAD, 1, 0)], EXTENT)
    assert found.seconds == 0
    assert found.results > 0


def outlook(**changes: Any) -> Feasibility:
    plan = Plan("toys", ("slow", "quick"), tuple(HEADS), shots=(1, 5), draws=1, size=32)
    quick = [replace(cell, backbone="quick") for cell in CELLS]
    figures = {"slow": SLOW, "quick": BackboneFigures(heads=HEADS)}
    return Feasibility(plan, {"slow": tuple(CELLS), "quick": tuple(quick)}, figures, EXTENT, 1000, **changes)


def test_backbones_come_one_after_the_other() -> None:
    """The highest memory is that of the largest; trained heads lie there of one backbone at a time."""
    found = outlook()
    assert (found.memory, found.largest) == (1000 + memory(SLOW, CELLS, EXTENT), "slow")
    assert found.disk == sum(one.results for one in found.needs.values()) + 10_000
    assert "broken" not in replace(found, left={"broken": ()}, figures={"broken": BackboneFigures(error="no")}).needs


def test_what_would_fit_is_said() -> None:
    """Fewer heads at once, fewer shots, smaller masks: each with the memory that it takes, none above the limit."""
    found = outlook()
    every = dict(found.smaller(found.memory))
    assert list(every) == ["one --head after the other", "--shots 1", "--size 16", "--size 8"]
    assert max(every.values()) <= found.memory
    one = max(memory(SLOW, [c for c in CELLS if c.head == head], EXTENT) for head in HEADS)
    assert every["one --head after the other"] == 1000 + one
    assert every["--size 16"] == found.memory - 7000 + 7000 // 4
    limit = every["--size 16"] - 1
    assert dict(found.smaller(limit)) == {option: size for option, size in every.items() if size <= limit}
    assert "--size 8" in dict(found.smaller(limit))
    assert found.smaller(0) == []
