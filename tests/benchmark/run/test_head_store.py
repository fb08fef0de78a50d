"""A trained head is kept until its cell is scored; one that is not what was written is trained again, and said."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plan import Cell
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run import head_store
from partbench.benchmark.run.head_files import StoredHead
from partbench.benchmark.run.head_store import HeadStore
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.run.stack_training import StackLearning
from partbench.benchmark.sealed_files import Origin
from partbench.heads.head import Head, HeadError
from partbench.heads.linear import Linear

SIDE = 4
CELL = Cell("plain", "linear", 1, 0)
SENTENCE = "{} is set aside (it is of other {}), and what it held is made again"


@dataclass
class Recorder:
    """Stands for that of a run of one image, whose left half is of another class."""

    journalled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    data: str = "these images"

    @property
    def task(self) -> Any:
        mask = (torch.arange(SIDE).expand(1, SIDE, SIDE) < SIDE // 2).long()
        return SimpleNamespace(
            dataset=SimpleNamespace(classes=("left", "right")),
            manifest=SimpleNamespace(draws=[[0]] * 5, shots=lambda draw, shots: [0]),
            shot_masks=lambda draw, shots: mask,
            plan=SimpleNamespace(schedule="quick", seed=0, size=SIDE),
        )

    def origin(self, file: Path, head: str) -> Origin:
        return {"data": self.data, "code of head": head, "work": file.name}

    def journal(self, unit: str, of: str) -> None:
        self.journalled.append(f"{unit} {of}")

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


class Shots:
    """Their maps."""

    def want(self, rows: set[int]) -> None:
        assert rows == {0}

    def of(self, row: int) -> list[Tensor]:
        return [torch.linspace(-1, 1, SIDE).expand(1, 3, SIDE, SIDE)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeadStore:
    """One that has a head."""
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, steps=3))
    backbone = Backbone("plain", SIDE, (3,), lambda: lambda images: [images])
    recorder: Any = Recorder()
    store = HeadStore(
        backbone, {"linear": Offer(Head("linear", Linear), "toys 1")}, recorder, torch.device("cpu"), tmp_path
    )
    ask(store)
    return store


def ask(store: HeadStore, cell: Cell = CELL) -> tuple[bool, list[str]]:
    """Whether a head had to be trained, and what was said."""
    recorder, shots = store.recorder, Shots()
    vars(recorder).update(journalled=[], problems=[])
    store.head(cell, shots)  # type: ignore[arg-type]
    return bool(recorder.journalled), recorder.problems  # type: ignore[attr-defined]


def test_a_head_that_is_whole_is_not_trained_again(store: HeadStore) -> None:
    """Nothing is said of it."""
    assert ask(store) == (False, [])


class Counting(Linear):
    """Counts the steps of its training where no state has them."""

    steps = 0

    def forward(self, maps: Any, size: int) -> Tensor:
        self.steps += self.training
        return super().forward(maps, size) + self.steps * torch.tensor([0.0, 1.0])[:, None, None]


def test_what_is_scored_is_what_a_stopped_run_would_find(store: HeadStore) -> None:
    """Whatever a head keeps that its state does not have is lost at once, and not with a Ctrl-C alone."""
    store = replace(store, heads={"linear": Offer(Head("linear", Counting), "toys 1")})
    store.file(CELL).unlink()
    shots: Any = Shots()
    trained, stored = store.head(CELL, shots), store.head(CELL, shots)
    assert torch.equal(trained.module(shots.of(0), SIDE), stored.module(shots.of(0), SIDE))
    assert trained.fit == stored.fit and not trained.module.training
    logits = stored.module(shots.of(0), SIDE)
    mask = store.recorder.task.shot_masks(0, 1)
    assert trained.fit.loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, mask)), rel=1e-5)


class Drawn(Linear):
    """Begins with numbers at random that no state has."""

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__(channels, classes)
        self.drawn = torch.randn(classes, 1, 1)

    def forward(self, maps: Any, size: int) -> Tensor:
        return super().forward(maps, size) + self.drawn


def test_what_a_head_draws_as_it_is_built_is_drawn_again(store: HeadStore) -> None:
    """Under its seed, whatever else drew meanwhile, and nothing after it is the wiser."""
    store = replace(store, heads={"linear": Offer(Head("linear", Drawn), "toys 1")})
    store.file(CELL).unlink()
    shots: Any = Shots()
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(store.head(CELL, shots).module(shots.of(0), SIDE))
        assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(seed)))
    assert torch.equal(*found)


class Late(Linear):
    """Makes a buffer once it is trained."""

    def forward(self, maps: Any, size: int) -> Tensor:
        self.register_buffer("late", torch.zeros(1))
        return super().forward(maps, size)


def test_a_head_that_cannot_be_built_anew_fails(store: HeadStore) -> None:
    """In one sentence with the mend, where torch has four lines."""
    store = replace(store, heads={"linear": Offer(Head("linear", Late), "toys 1")})
    store.file(CELL).unlink()
    shots: Any = Shots()
    with pytest.raises(HeadError, match=r"does not take its state .*; make all its parameters and buffers when"):
        store.head(CELL, shots)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_every_flipped_bit_of_a_head_is_noticed(store: HeadStore, share: float) -> None:
    """Its file is set aside in one sentence, and the head is trained again to the same bits."""
    file = store.file(CELL)
    whole = file.read_bytes()
    place, data = int(share * 8 * len(whole)), bytearray(whole)
    data[place // 8] ^= 1 << place % 8
    file.write_bytes(data)
    trained, (said,) = ask(store)
    assert trained and said.startswith(f"{file} is set aside (it") and "\n" not in said
    assert file.read_bytes() == whole


def test_a_head_of_anything_else_is_not_taken(store: HeadStore) -> None:
    """Neither one of other images, nor that of another cell which was copied over it."""
    recorder: Any = store.recorder
    recorder.data = "other images"
    assert ask(store) == (True, [SENTENCE.format(store.file(CELL), "data")])
    other = replace(CELL, draw=1)
    store.file(other).write_bytes(store.file(CELL).read_bytes())
    assert ask(store, other) == (True, [SENTENCE.format(store.file(other), "work")])


def stacked(store: HeadStore, build: Any = Linear, draws: int = 3) -> tuple[HeadStore, list[Cell]]:
    """The same store where heads train together, and cells of which none has a head."""
    head = Head("linear", build)
    store = replace(store, stacks=True, heads={"linear": Offer(head, "toys 1")}, recorder=Recorder())  # type: ignore[arg-type]
    cells = [replace(CELL, draw=draw) for draw in range(draws)]
    for cell in cells:
        store.file(cell).unlink(missing_ok=True)
    return store, cells


def test_heads_of_one_kind_train_together(store: HeadStore) -> None:
    """They are what each alone is, each is journalled once, and says how it was trained."""
    store, cells = stacked(store)
    assert store.groups(cells) == [cells]
    together = dict(store.fit([cells], Shots()))  # type: ignore[arg-type]
    assert store.recorder.journalled == [f"fit {cell.slug}" for cell in cells]  # type: ignore[attr-defined]
    alone = replace(store, stacks=False)
    for cell in cells:
        one = together[cell]
        assert isinstance(one, StoredHead) and one.training == "projected, in a stack of 3"
        store.file(cell).unlink()
        other = alone.head(cell, Shots())  # type: ignore[arg-type]
        assert other.training == "projected, alone" and other.fit.steps == one.fit.steps
        for mine, its in zip(one.module.parameters(), other.module.parameters(), strict=True):
            torch.testing.assert_close(mine, its)


def test_stacks_train_beside_each_other(store: HeadStore) -> None:
    """Each as by itself, though one fails; heads that are no stack come last."""
    store, cells = stacked(store)
    kinds = {
        "linear": Head("linear", Linear),
        "same": Head("same", Linear),
        "fails": Head("fails", lambda channels, classes: nn.Identity()),
    }
    store = replace(store, heads={name: Offer(head, "toys 1") for name, head in kinds.items()})
    groups = [[replace(cell, head=name) for cell in cells] for name in kinds]
    found = dict(store.fit([[replace(CELL, head="same", draw=3)], *groups], Shots()))  # type: ignore[arg-type]
    assert len(found) == 10 and next(reversed(found)).head == "fails"
    for group in groups[:2]:
        for cell in group:
            one, by_itself = found[cell], store.head(replace(cell, draw=cell.draw), Shots())  # type: ignore[arg-type]
            assert isinstance(one, StoredHead) and one.training.endswith("in a stack of 3")
            for mine, its in zip(one.module.parameters(), by_itself.module.parameters(), strict=True):
                torch.testing.assert_close(mine, its)
    assert all(isinstance(found[cell], Exception) for cell in groups[2])


def test_what_is_there_is_not_trained_beside_others(store: HeadStore) -> None:
    """The head of an earlier run is read, and the others train together."""
    store, cells = stacked(store)
    store.head(cells[1], Shots())  # type: ignore[arg-type]
    assert sorted(map(len, store.groups(cells))) == [1, 2]


class Draws(Linear):
    """A head that cannot be stacked, since it is random while it learns."""

    def at(self, maps: Any, pixels: Tensor, size: int) -> Tensor:
        return super().at([nn.functional.dropout(layer, 0.5, self.training) for layer in maps], pixels, size)

    def forward(self, maps: Any, size: int) -> Tensor:
        return super().forward([nn.functional.dropout(layer, 0.5, self.training) for layer in maps], size)


def test_a_head_that_cannot_be_stacked_trains_alone(store: HeadStore) -> None:
    """Every one of them, as where nothing is stacked."""
    store, cells = stacked(store, Draws)
    assert store.groups(cells) == [[cell] for cell in cells]


def test_a_head_that_fails_when_it_is_asked_takes_no_other_with_it(store: HeadStore) -> None:
    """Neither an error of its `build` nor an exit ends the backbone: every cell has it as its own."""

    def broken(channels: tuple[int, ...], classes: int) -> nn.Module:
        raise SystemExit(0)

    store, cells = stacked(store, broken)
    assert store.groups(cells) == [[cell] for cell in cells]
    assert all(isinstance(found, Exception) for _, found in store.fit([[cell] for cell in cells], Shots()))  # type: ignore[arg-type]


def test_a_head_that_fails_fails_alone(store: HeadStore) -> None:
    """Of a stack in which one cannot be built, the others are trained."""
    bad = replace(CELL, draw=1).seed(0)

    def build(channels: tuple[int, ...], classes: int) -> nn.Module:
        if torch.initial_seed() == bad:
            raise ValueError("not this one")
        return Linear(channels, classes)

    store, cells = stacked(store, build)
    trained = dict(store.fit([cells], Shots()))  # type: ignore[arg-type]
    assert [isinstance(trained[cell], StoredHead) for cell in cells] == [True, False, True]
    assert str(trained[cells[1]]) == "not this one"


def test_a_stack_that_memory_does_not_hold_is_cut(store: HeadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """First by itself, then in halves, until it fits."""
    sizes = []

    def small(*given: Any) -> Any:
        sizes.append(len(given[4]))
        if len(given[4]) > 2:
            raise torch.OutOfMemoryError
        return StackLearning(*given)

    monkeypatch.setattr(head_store, "StackLearning", small)
    store, cells = stacked(store, draws=5)
    trained = dict(store.fit([cells], Shots()))  # type: ignore[arg-type]
    assert sizes == [5, 5, 2, 3, 2] and all(isinstance(trained[cell], StoredHead) for cell in cells)
