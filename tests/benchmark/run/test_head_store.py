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
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plan import Cell
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run.head_store import HeadStore
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.sealed_files import Origin
from partbench.heads.head import Head
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
            manifest=SimpleNamespace(draws=[[0], [0]]),
            shot_masks=lambda draw, shots: mask,
            plan=SimpleNamespace(schedule="quick", seed=0),
        )

    def origin(self, file: Path, head: str) -> Origin:
        return {"data": self.data, "code of head": head, "work": file.name}

    def journal(self, unit: str, of: str) -> None:
        self.journalled.append(f"{unit} {of}")

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


class Shots:
    """Their maps."""

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
