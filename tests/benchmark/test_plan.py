"""A plan says what is crossed, and its hash what may be compared."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.main import get_command

from partbench.benchmark.cli.main import app
from partbench.benchmark.plan import COPY, NO_HEAD, OPTIONS, Cell, Plan, file_name

NAMES = st.text("ab-._:@+/ A", min_size=1, max_size=6)
CELLS = st.builds(
    Cell, NAMES, st.one_of(st.just(NO_HEAD), NAMES.filter(NO_HEAD.__ne__)), st.integers(1, 3), st.integers(0, 2)
)
PLAN = Plan("faces", ("position", "pixels", COPY), ("linear", "cnn-s"), shots=(1, 5), draws=2)


@given(CELLS, CELLS)
@example(Cell(":", NO_HEAD, 1, 0), Cell("-", ":", 1, 0))
def test_every_cell_has_a_file_of_its_own(a: Cell, b: Cell) -> None:
    """Two cells have the same slug if and only if they are the same, on disks that ignore case too."""
    assert (a == b) == (a.slug.lower() == b.slug.lower())


@given(NAMES)
def test_a_file_name_stays_in_its_folder(name: str) -> None:
    """No part of a path comes through, and nothing that a shell or a disk objects to."""
    assert set(file_name(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._+")
    assert "--" not in file_name(name)


def test_a_plain_name_is_its_own_file_name() -> None:
    """Files can be told by eye; a long path still makes a name that every disk takes."""
    assert Cell("stylegan2+position", "cnn-s", 5, 0).slug == "stylegan2+position--cnn-s--5-shot--draw-0"
    assert Cell(COPY, NO_HEAD, 1, 2).slug == "copy--1-shot--draw-2"
    assert len(Cell("stylegan2@" + "deep/" * 200 + "weights.safetensors", "cnn-s", 5, 0).slug) < 200


@given(NAMES, NAMES, st.integers(0, 3))
def test_a_head_begins_alike_on_every_backbone(a: str, b: str, seed: int) -> None:
    """The seed of a cell knows nothing of its backbone, so that comparisons are paired."""
    assert Cell(a, "linear", 5, 1).seed(seed) == Cell(b, "linear", 5, 1).seed(seed)


def test_seeds_differ_elsewhere() -> None:
    """Head, shots, draw and the plan's seed each change it."""
    cell = Cell("a", "linear", 5, 1)
    others = [replace(cell, head="cnn-s"), replace(cell, shots=1), replace(cell, draw=0)]
    assert len({cell.seed(0), cell.seed(1), *(other.seed(0) for other in others)}) == 5


def test_the_cells_are_the_crossing() -> None:
    """Every backbone with every head, shots and draw; the control `copy` has no head."""
    cells = list(PLAN.cells())
    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2 + 2 * 2
    assert {cell.head for cell in cells if cell.backbone == COPY} == {NO_HEAD}


@pytest.mark.parametrize(
    "change", [{"backbones": ("x",)}, {"heads": ("x",)}, {"shots": (2,)}, {"draws": 9}], ids=lambda c: next(iter(c))
)
def test_how_much_is_crossed_is_no_part_of_the_protocol(change: dict[str, object]) -> None:
    """More backbones, heads, shots or draws can be added to a run."""
    assert replace(PLAN, **change).hash == PLAN.hash  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "x"},
        {"schedule": "paper"},
        {"scale": "none"},
        {"size": 32},
        {"pool": 9},
        {"test": 9},
        {"split": "validation"},
        {"seed": 1},
        {"fit": "pad"},
        {"native": True},
    ],
    ids=lambda c: next(iter(c)),
)
def test_what_changes_scores_is_part_of_the_protocol(change: dict[str, object]) -> None:
    """Scores of two protocols never stand in one folder."""
    assert replace(PLAN, **change).hash != PLAN.hash  # type: ignore[arg-type]


def test_what_all_cells_share_can_be_asked_for() -> None:
    """Every such field is an option of `partbench run`, though `scale` goes by another name there.

    `native` is said by `--size`.
    """
    known = {name for option in get_command(app).commands["run"].params for name in option.opts}  # type: ignore[attr-defined]
    shared = {field.name for field in fields(Plan)} - {"backbones", "heads", "shots", "draws"}
    assert OPTIONS.keys() == shared - {"native"} and {f"--{option}" for option in OPTIONS.values()} <= known


def test_a_crop_keeps_the_protocol_of_runs_before_there_was_a_choice() -> None:
    """Their scores are those of a crop at the square's size, and stay comparable."""
    assert replace(PLAN, fit="crop").hash == PLAN.hash != replace(PLAN, fit="stretch").hash


def test_the_size_says_whether_masks_are_scored_as_they_are() -> None:
    """As the command line takes it."""
    assert PLAN.options()["size"] == PLAN.size
    assert replace(PLAN, native=True, size=128).options()["size"] == "native:128"


def test_the_union_holds_the_cells_of_both() -> None:
    """It keeps the order of the first plan, and each name once."""
    other = replace(PLAN, backbones=("random:a", "pixels"), heads=("mlp-1",), shots=(2, 5), draws=3)
    union = PLAN.union(other)
    assert {*PLAN.cells(), *other.cells()} <= set(union.cells())
    assert union.backbones == ("position", "pixels", COPY, "random:a")
    assert (union.heads, union.shots, union.draws) == (("linear", "cnn-s", "mlp-1"), (1, 2, 5), 3)
    assert union.hash == PLAN.hash
    assert PLAN.union(PLAN) == PLAN
