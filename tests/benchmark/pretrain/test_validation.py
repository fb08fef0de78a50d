"""A training is measured on images that it never saw, and a page beside its weights says what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from partbench.backbones.training.distributed import TrainingDevice
from partbench.backbones.training.trainer import LearnsFromMasks
from partbench.benchmark.pretrain.budget import Budget
from partbench.benchmark.pretrain.checkpoints import TrainingFiles
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.benchmark.pretrain.loop import Pretraining
from partbench.benchmark.pretrain.model_card import write_card
from partbench.benchmark.pretrain.validation import MOST, Validation, held_out


class Striped:
    """A split whose image i is i / 255 everywhere, and whose mask is 1 in its left half and `IGNORE` elsewhere."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return (torch.tensor(indices, dtype=torch.float) / 255)[:, None, None, None].expand(-1, 3, size, size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        masks = torch.full((len(indices), size, size), 255)
        masks[:, :, : size // 2] = 1
        return masks


class Watcher:
    """A trainer that remembers what it is shown."""

    batch = 4

    def __init__(self) -> None:
        self.machine = TrainingDevice()
        self.seen: list[int] = []

    def step(self, images: Tensor, /) -> Mapping[str, float]:
        self.seen += (images.amax((1, 2, 3)) * 255).round().int().tolist()
        return {"loss": 1.0}

    def measure(self, images: Tensor, /) -> Mapping[str, float]:
        return {"count": len(images), "brightest": images.max().item() * 255}

    def finish(self, budget: float, report: Any, /) -> None:
        """Nothing remains."""

    def picture(self) -> Tensor:
        return torch.zeros(1, 3, 8, 8)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """There is no state."""

    def save(self, path: Path, card: Mapping[str, str], /) -> None:
        save_file({"net.weight": torch.zeros(3, 5).half()}, path, metadata={"family": "watcher", **card})


class MaskWatcher(Watcher):
    """The same for one whose task needs masks."""

    def __init__(self) -> None:
        super().__init__()
        self.masks: list[Tensor] = []

    def step_with_masks(self, images: Tensor, masks: Tensor, /) -> Mapping[str, float]:
        self.masks.append(masks)
        return self.step(images)

    def measure_with_masks(self, images: Tensor, masks: Tensor, /) -> Mapping[str, float]:
        return {"marked": (masks == 1).float().mean().item(), **self.measure(images)}


def train(trainer: Watcher, folder: Path, mirror: bool = False) -> TrainingFiles:
    """Forty images of fifty, by the loop."""
    split, files = Striped(50), TrainingFiles(folder / "w.safetensors")
    held = held_out(split)
    masks = isinstance(trainer, LearnsFromMasks)
    stream = ImageStream(split, 8, trainer.batch, 0, mirror, limit=held.start, masks=masks)
    Pretraining(trainer, stream, files, Budget(images=180), validation=Validation(split, held, 8)).run(
        lambda _: None, {"seed": "0", "hardware": json.dumps({"device": "cpu", "cores": 2})}
    )
    return files


@given(st.integers(0, 10_000))
def test_a_tenth_is_held_out(count: int) -> None:
    """The last images, 256 at most, and of fewer than ten none."""
    rows = held_out(Striped(count))
    assert len(rows) == min(MOST, count // 10)
    assert rows.stop == count


def test_no_training_sees_what_it_is_measured_on(tmp_path: Path) -> None:
    """Four epochs show every image before the last five, and none of those."""
    trainer = Watcher()
    files = train(trainer, tmp_path)
    assert set(trainer.seen) == set(range(45))
    last = json.loads(files.log.read_text().splitlines()[-1])
    assert last["measured"] == {"count": 5, "brightest": pytest.approx(49)}


def test_masks_come_with_their_images(tmp_path: Path) -> None:
    """A trainer that learns from masks gets them, in training and when measured."""
    trainer = MaskWatcher()
    files = train(trainer, tmp_path)
    masks = torch.cat(trainer.masks)
    assert masks.shape == (180, 8, 8)
    assert masks.dtype == torch.int64
    assert (masks[:, :, :4] == 1).all()
    assert (masks[:, :, 4:] == 255).all()
    assert json.loads(files.log.read_text().splitlines()[-1])["measured"]["marked"] == 0.5


def test_masks_are_mirrored_with_their_images(tmp_path: Path) -> None:
    """Where an image is shown mirrored, its mask is, too."""
    trainer = MaskWatcher()
    train(trainer, tmp_path, mirror=True)
    left = torch.cat(trainer.masks)[:, 0, 0] == 1
    assert 40 < left.sum().item() < 140
    masks = torch.cat(trainer.masks)
    assert torch.equal(masks[left][:, :, 0] == 1, masks[left][:, :, 3] == 1)
    assert (masks[~left][:, :, 4:] == 1).all()


def test_the_card_says_what_was_learnt_and_from_what(tmp_path: Path) -> None:
    """Facts, size and measures, each in a cell of a table."""
    page = train(Watcher(), tmp_path).out.with_suffix(".md").read_text()
    for line in (
        "# w",
        "| backbone | `watcher` |",
        "| numbers | 15, parameters as float16 |",
        "| images seen | 180 |",
        "| hardware | device cpu, cores 2 |",
        "| brightest | 49 |",
    ):
        assert line in page.splitlines()


def test_a_card_without_measures_has_no_table_of_them(tmp_path: Path) -> None:
    """And a bar in a value stays within its cell."""
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"family": "toy", "command": "a | b"})
    page = write_card(path).read_text()
    assert "| command | a \\| b |" in page
    assert "measure" not in page
