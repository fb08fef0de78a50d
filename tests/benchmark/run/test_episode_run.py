"""One-shot episodes: one head for each, a score that pools a part's pixels over its episodes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.flags import read_findings
from partbench.benchmark.machine import MemoryLimit
from partbench.benchmark.metrics.definitions import find_metric
from partbench.benchmark.plan import COPY, NO_HEAD, SUPERVISED, Cell, Plan
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult
from partbench.benchmark.run import episode_run
from partbench.benchmark.run.head_training import fit, learn, predict
from partbench.benchmark.run.runner import Runner
from partbench.benchmark.run.schedules import SCHEDULES, Schedule, Settling
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.convergence import shot_fit
from partbench.datasets.dataset import STRETCH, Dataset, DatasetError, Splits
from partbench.heads.head import Head
from partbench.heads.linear import Linear
from partbench.heads.prototype import Prototype

SIDE, COUNT, PARTS = 8, 20, 3
PLAN = Plan("blocks", ("plain",), ("linear", "prototype"), (1,), 1, size=SIDE, pool=5, test=COUNT, fit=STRETCH)
EPISODES = tuple(1 + number % PARTS for number in range(COUNT))


@dataclass
class Blocks:
    """Pictures of a block in the colour of the part, elsewhere in each; one support shows nothing of it."""

    first: int
    empty: int = -1

    def __len__(self) -> int:
        return COUNT

    def name(self, index: int) -> str:
        return f"{index} of {self.first}"

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        masks = torch.zeros(len(indices), size, size, dtype=torch.int64)
        for mask, index in zip(masks, indices, strict=True):
            x, y = (self.first + index) % 4, (self.first + 3 * index) % 4
            if index != self.empty:
                mask[y : y + 3, x : x + 4] = EPISODES[index]
        return masks

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        noise = torch.rand(COUNT, 3, size, size, generator=torch.Generator().manual_seed(self.first))[list(indices)]
        lit = torch.nn.functional.one_hot(self.masks(indices, size), PARTS + 1)[..., 1:].movedim(-1, 1)
        return (0.6 * noise + 0.4 * lit).float()

    def own_mask(self, index: int) -> Tensor:
        return self.masks([index], SIDE)[0].repeat_interleave(2, 0).byte()

    def fitted(self, fit: str) -> Blocks:
        return self


DATASET = Dataset(
    "blocks",
    ("background", "red", "green", "blue"),
    lambda: Splits(Blocks(0, empty=4), Blocks(1), episodes=EPISODES),
    frozenset({"background"}),
    fit=STRETCH,
)
HEADS = {"linear": Head("linear", Linear), "prototype": Head("prototype", Prototype)}
PLAIN = Backbone("plain", SIDE, (3,), lambda: lambda images: [images])


class Counting(Listener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to learn a colour."""
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, steps=15))


def run(
    root: Path, plan: Plan, heads: Mapping[str, Head] = HEADS, backbone: Backbone = PLAIN
) -> tuple[dict[str, CellResult], list[str], RunFolder]:
    """The results of a plan by head, what was said, and its folder."""
    listener, folder = Counting(), RunFolder(root / "run")
    Runner(
        plan=plan,
        task=SegmentationTask.open(DATASET, plan),
        backbones={backbone.name: Offer(backbone, "toys 1")},
        heads={name: Offer(head, "toys 1") for name, head in heads.items()},
        folder=folder,
        device=torch.device("cpu"),
        cache=root / "codes",
        facts={"versions": {}},
        reporter=listener,
        room=MemoryLimit.of(torch.device("cpu")),
    ).run()
    return {result.cell.head: result for result in folder.results()[0]}, listener.problems, folder


def by_hand(head: Head, seed: int) -> np.ndarray:
    """Intersection and union of the part (2, episodes), each from a head of its own with two classes."""
    pool, test, counts = Blocks(0, empty=4), Blocks(1), np.zeros((2, COUNT))
    scale = pool.images(range(16), SIDE).square().mean().sqrt()
    for row, part in enumerate(EPISODES):
        shown, hidden = (split.masks([row], SIDE) == part for split in (pool, test))
        found = torch.zeros_like(hidden)
        if shown.any():
            maps = [pool.images([row], SIDE) / scale]
            module = fit(head, (3,), 2, maps, shown.long(), SCHEDULES["quick"], seed)
            found = predict(module, [test.images([row], SIDE) / scale], SIDE, 2) == 1
        counts[:, row] = (found & hidden).sum(), (found | hidden).sum()
    return counts


@pytest.mark.parametrize("head", HEADS)
def test_the_score_is_the_published_one(tmp_path: Path, head: str) -> None:
    """Pixels of a part over all its episodes, then the mean over parts: what others report as mIoU of a fold."""
    result = run(tmp_path, PLAN)[0][head]
    assert result.confusion is not None and result.confusion.shape == (COUNT, PARTS + 1, PARTS + 1)
    intersection, union = by_hand(HEADS[head], Cell("plain", head, 1, 0).seed(PLAN.seed))
    parts = [np.array(EPISODES) == part for part in range(1, PARTS + 1)]
    expected = np.mean([intersection[own].sum() / max(1, union[own].sum()) for own in parts])
    metric = find_metric("pooled_zero-bg")
    scored = metric.scored(result.classes, result.excluded)
    assert metric.pooling.score(result.confusion, scored) == pytest.approx(expected, abs=1e-12)
    assert 0.2 < expected < 1


def test_heads_that_stop_by_themselves_have_settled_if_most_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell says so of all its heads at once."""
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, settling=Settling(40)))
    learnt = shot_fit(run(tmp_path, replace(PLAN, test=6))[0]["linear"])
    assert learnt and isinstance(learnt.settled, bool)


def test_an_episode_confuses_its_part_and_the_background_alone(tmp_path: Path) -> None:
    """Whatever other parts the fold has, and every pixel of the query is counted once."""
    for result in run(tmp_path, PLAN)[0].values():
        assert result.confusion is not None
        for confusion, part in zip(result.confusion, EPISODES, strict=True):
            assert confusion.sum() == SIDE**2
            assert confusion[np.ix_([0, part], [0, part])].sum() == SIDE**2


def test_a_support_without_the_part_finds_nothing(tmp_path: Path) -> None:
    """It is counted in the result, and the fit is the mean over the others."""
    for head, result in run(tmp_path, PLAN)[0].items():
        assert result.confusion is not None
        assert not result.confusion[4, :, EPISODES[4]].any()
        assert result.provenance["episodes without a pixel of the part to learn from"] == 1
        assert result.provenance["episodes"] == COUNT
        learnt = shot_fit(result)
        assert learnt and learnt.steps == (15 if head == "linear" else 0) and 0 < learnt.iou <= 1


def test_copy_is_the_mask_of_the_support(tmp_path: Path) -> None:
    """The control without a backbone says what place alone is worth."""
    results, _, _ = run(tmp_path, replace(PLAN, backbones=(COPY,)))
    confusion = results[NO_HEAD].confusion
    assert confusion is not None
    shown, hidden = (split.masks(range(COUNT), SIDE) > 0 for split in (Blocks(0, empty=4), Blocks(1)))
    both = [int((one & other).sum()) for one, other in zip(shown, hidden, strict=True)]
    assert [int(one[part, part]) for one, part in zip(confusion, EPISODES, strict=True)] == both


def test_masks_are_scored_at_their_own_shape_too(tmp_path: Path) -> None:
    """`--size native`: every pixel of the crop counts."""
    for result in run(tmp_path, replace(PLAN, native=True))[0].values():
        assert result.confusion is not None
        assert result.confusion.sum(axis=(1, 2)).tolist() == [2 * SIDE**2] * COUNT


def test_a_part_of_the_episodes_is_flagged(tmp_path: Path) -> None:
    """No published number is of the first few; of all of them nothing is said, though pictures come again."""
    for count, names in ((COUNT, []), (7, ["fewer episodes"])):
        _, problems, folder = run(tmp_path / str(count), replace(PLAN, test=count))
        findings = read_findings(folder.path)
        assert findings and [flag.name for flag in findings.flags if flag.of != "plain"] == names
        assert problems == []


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices that were counted are not counted again, and the result is the same."""
    whole = run(tmp_path / "whole", PLAN)[0]

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Counting, "unit", stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "stopped", PLAN)
    learnt: list[str] = []

    def watched(head: Head, *arguments: Any) -> Any:
        learnt.append(head.name)
        return learn(head, *arguments)

    monkeypatch.setattr(episode_run, "learn", watched)
    again = run(tmp_path / "stopped", PLAN)[0]
    assert sorted(learnt) == ["linear"] * 4 + ["prototype"] * 4, "the second slice has four episodes"
    for head, result in again.items():
        assert result.confusion is not None and np.array_equal(result.confusion, whole[head].confusion)
        assert result.provenance["training"] == whole[head].provenance["training"]


def fails(*_: Any) -> nn.Module:
    raise OSError("no such head")


def test_what_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    """A head that cannot be built, auto-shot, and the control that needs more labels each say why."""
    plan = replace(PLAN, backbones=("plain", SUPERVISED), heads=("linear", "bad", "auto-shot:linear"))
    results, problems, folder = run(tmp_path, plan, {**HEADS, "bad": Head("bad", fails)})
    assert results["linear"].error is None
    assert "no such head" in str(results["bad"].error)
    assert "an episode has one image; leave it out" in str(results["auto-shot:linear"].error)
    (control,) = [one for one in folder.results()[0] if one.cell.backbone == SUPERVISED]
    assert "every episode has its own; leave it out" in str(control.error)
    assert len(problems) == 3


@pytest.mark.parametrize(
    "change",
    [lambda plan: replace(plan, shots=(1, 5)), lambda plan: replace(plan, draws=5)],
)
def test_episodes_bring_their_own_shots(change: Callable[[Plan], Plan]) -> None:
    """Other shots or draws are none of the published episodes."""
    with pytest.raises(DatasetError, match="has one-shot episodes, drawn as published; add --shots 1 --draws 1"):
        SegmentationTask.open(DATASET, change(PLAN))
