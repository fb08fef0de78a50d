"""A slice of the test images is read once, and heads of one kind predict it together where a device waits for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.gallery import picture_file, read_pictures
from partbench.benchmark.plan import Cell
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run import slice_scores
from partbench.benchmark.run.slice_scores import SliceScores
from partbench.benchmark.run.stack_scores import SliceReading
from partbench.benchmark.run_folder import RunFolder
from partbench.heads.head import Head
from partbench.heads.knn import Knn
from partbench.heads.linear import Linear

SIDE, CLASSES, IMAGES = 8, 3, 2
Call = Callable[..., Any]
Found = tuple[dict[str, NDArray[Any]], dict[Cell, Exception]]


class Fails(Linear):
    """Fails on every image, where its weights say so."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        if bool((self.bias == 7).any()):
            raise ValueError("not these images")
        return super().forward(maps, size)


class Moody(Linear):
    """Reads as two of it can in a stack, but not the maps of this backbone."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        if len(maps) == 1 and float(self.bias.sum()) > 1e9:
            raise ValueError("never")
        return super().forward(maps, size)


@dataclass
class Slices:
    """Keeps no slice."""

    written: list[int] = field(default_factory=list)

    def column(self, cell: Cell) -> str:
        return cell.slug

    def read(self, number: int) -> dict[str, Any]:
        return {}

    def write(self, number: int, arrays: dict[str, Any]) -> None:
        self.written.append(number)


@pytest.fixture
def scores(tmp_path: Path) -> Callable[..., SliceScores]:
    """Of a backbone with one map, whose second image has no label on top."""
    masks = (torch.arange(SIDE).expand(IMAGES, SIDE, SIDE) % CLASSES).clone()
    masks[1, 0] = 255
    task = SimpleNamespace(
        plan=SimpleNamespace(size=SIDE, native=False),
        dataset=SimpleNamespace(classes=("a", "b", "c"), fit="crop"),
        scored=SimpleNamespace(
            images=lambda rows, size: torch.rand(IMAGES, 3, size, size), masks=lambda rows, size: masks
        ),
    )
    recorder: Any = SimpleNamespace(
        task=task, folder=SimpleNamespace(path=tmp_path), problem=pytest.fail, journal=lambda *said: None
    )
    source: Any = SimpleNamespace(
        device=torch.device("cpu"), room=None, enter=lambda images: ([images], None), scaled=lambda maps: maps,
        reconstruct=lambda codes: None,
    )  # fmt: skip
    kinds = {"linear": Linear, "fails": Fails, "moody": Moody, "knn": Knn}
    offers = {name: Offer(Head(name, build), "toys 1") for name, build in kinds.items()}

    def build(stacks: bool | None) -> SliceScores:
        backbone = Backbone("plain", SIDE, (3,), lambda: lambda images: [images])
        return SliceScores(backbone, offers, source, recorder, Slices(), "plain", shown=True, stacks=stacks)  # type: ignore[arg-type]

    return build


def heads(name: str, build: type[nn.Module], count: int = 3) -> dict[Cell, nn.Module]:
    torch.manual_seed(0)
    return {Cell("plain", name, 1, draw): build((3,), CLASSES).double().requires_grad_(False) for draw in range(count)}


def score(scores: SliceScores, modules: dict[Cell, nn.Module], monkeypatch: pytest.MonkeyPatch) -> tuple[Found, Any]:
    """Arrays and failures of a slice, and how many heads predicted together each time."""
    sizes, together = [], SliceReading.together

    def noted(self: SliceReading, some: Sequence[nn.Module], shown: Sequence[bool]) -> Any:
        sizes.append(len(some))
        return together(self, some, shown)

    torch.manual_seed(1)
    with monkeypatch.context() as patch:
        patch.setattr(SliceReading, "together", noted)
        patch.setattr(scores.source, "enter", lambda images: ([images.double()], None))
        arrays, failures = scores.score(0, [0, 1], modules)
    return (dict(arrays), dict(failures)), sizes


def test_heads_of_one_kind_predict_together(
    scores: Callable[..., SliceScores], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What each counts, and which picture is kept, is as alone."""
    modules = heads("linear", Linear)
    (together, none), sizes = score(scores(True), modules, monkeypatch)
    assert sizes == [3] and not none
    pictures = read_pictures(picture_file(tmp_path, "plain"))
    (alone, none), sizes = score(scores(False), modules, monkeypatch)
    assert sizes == [] and not none and together.keys() == alone.keys()
    assert all((together[name] == alone[name]).all() for name in alone)
    again = read_pictures(picture_file(tmp_path, "plain"))
    assert again.keys() == pictures.keys() == {"linear 1", "images", "truth"}
    assert (again["linear 1"] == pictures["linear 1"]).all()


def test_on_a_cpu_each_predicts_by_itself(scores: Callable[..., SliceScores], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is asked otherwise."""
    assert score(scores(None), heads("linear", Linear), monkeypatch)[1] == []


def test_a_head_that_cannot_be_stacked_predicts_alone(
    scores: Callable[..., SliceScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose way depends on its numbers; those of other kinds are together all the same."""
    modules = heads("fails", Fails) | heads("linear", Linear, 2)
    (arrays, failures), sizes = score(scores(True), modules, monkeypatch)
    assert sizes == [2] and len(arrays) == 5 and not failures


def test_a_head_that_fails_fails_alone(scores: Callable[..., SliceScores], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it raises, or predicts no numbers beside others that do."""
    modules = heads("fails", Fails) | heads("linear", Linear)
    wrong = Cell("plain", "fails", 1, 1), Cell("plain", "linear", 1, 2)
    for cell, number in zip(wrong, (7.0, float("inf")), strict=True):
        modules[cell].bias[0] = number  # type: ignore[operator]
    (arrays, failures), _ = score(scores(True), modules, monkeypatch)
    assert {*failures} == {*wrong} and {*arrays} == {cell.slug for cell in modules if cell not in wrong}
    assert str(failures[wrong[0]]) == "not these images" and "NaN or infinity" in str(failures[wrong[1]])


def test_heads_that_fail_together_are_asked_one_by_one_from_then_on(
    scores: Callable[..., SliceScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were stackable on other maps."""
    here, modules = scores(True), heads("moody", Moody)
    monkeypatch.setattr(slice_scores, "why_predicts_alone", lambda head: None)
    (arrays, failures), sizes = score(here, modules, monkeypatch)
    assert sizes == [3] and len(arrays) == 3 and not failures
    (again, failures), sizes = score(here, modules, monkeypatch)
    assert sizes == [] and not failures
    assert all((again[name] == arrays[name]).all() for name in arrays)


def test_a_run_whose_heads_predict_together_has_the_same_counts(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of heads that are linear, up to pixels whose two best classes rounding tells apart; `knn` is alone."""
    words = ("run", "--dataset", "faces", "--backbone", "pixels", "--head=ridge", "--head=knn", "--head=prototype",
             "--shots", "1", "--draws", "3", "--test", "3", "--pool", "4", "--size", "16")  # fmt: skip
    assert call(*words, "--out", tmp_path / "alone")[0] == 0
    monkeypatch.setattr(SliceScores, "_alone", lambda self, cell: cell.head in self.apart)
    assert call(*words, "--out", tmp_path / "together")[0] == 0
    for cell in (Cell("pixels", head, 1, draw) for head in ("ridge", "knn", "prototype") for draw in range(3)):
        one, other = (RunFolder(tmp_path / name).read(cell) for name in ("alone", "together"))
        assert one and other and one.confusion is not None and other.confusion is not None
        assert np.abs(one.confusion - other.confusion).sum() <= (0 if cell.head == "knn" else 4)
