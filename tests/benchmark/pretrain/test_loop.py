"""A training sees every image once per epoch, survives a kill bit for bit, and leaves the files that it promises."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.recipe import StyleGAN2Recipe
from partbench.backbones.stylegan2.training import StyleGAN2Trainer
from partbench.backbones.training.distributed import TrainingDevice
from partbench.backbones.training.trainer import Trainer
from partbench.benchmark.pretrain import loop
from partbench.benchmark.pretrain.budget import Budget, TrainingProgress
from partbench.benchmark.pretrain.checkpoints import PretrainError, TrainingFiles, load_checkpoint, save_checkpoint
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.benchmark.pretrain.loop import Pretraining
from partbench.datasets.dataset import DatasetError

TINY = StyleGAN2Config(size=8, latent=8, depth=2, width=64, cap=8)
STEP = 4
"""Images per step of the trainings below."""


class Numbered:
    """A split whose image i has the value i / 255 in its left half and 0 in its right; counts what is read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        self.read.extend(indices)
        images = torch.zeros(len(indices), 3, size, size)
        images[:, :, :, : size // 2] = torch.tensor(indices)[:, None, None, None] / 255
        return images

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        raise DatasetError("no masks")


class Toy:
    """A trainer whose one weight remembers every image and every random number; it can be told to fail."""

    batch = STEP

    def __init__(self, at_step: Callable[[int], float | Tensor | None] = lambda _: None) -> None:
        torch.manual_seed(0)
        self.machine = TrainingDevice()
        self.weight, self.steps, self.at_step = torch.zeros(()), 0, at_step
        self.finished: list[float] = []

    def step(self, images: Tensor, /) -> Mapping[str, float | Tensor]:
        loss = self.at_step(self.steps)
        self.weight = self.weight * 0.9 + images.mean() + torch.rand(())
        self.steps += 1
        losses: dict[str, float | Tensor] = {"toy": self.weight.item() if loss is None else loss}
        return losses | ({"first": 1.0} if self.steps == 1 else {})

    def finish(self, budget: float, report: Callable[[str], None], /) -> None:
        self.finished.append(budget)
        report("finishing")

    def picture(self) -> Tensor:
        return torch.full((4, 3, 8, 8), 0.5)

    def measure(self, images: Tensor, /) -> Mapping[str, float]:
        return {"brightness": images.mean().item()}

    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight, "steps": self.steps, "random": torch.get_rng_state()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        self.weight, self.steps = state["weight"], state["steps"]
        torch.set_rng_state(state["random"])

    def save(self, path: Path, card: Mapping[str, str], /) -> None:
        save_file({"weight": self.weight}, path, metadata=dict(card))


@pytest.fixture
def files(tmp_path: Path) -> TrainingFiles:
    """Where the trainings below write."""
    return TrainingFiles(tmp_path / "runs" / "toy.safetensors")


def start(
    trainer: Trainer, files: TrainingFiles, steps: float = 6, resume: bool = False, keep: tuple[int, ...] = ()
) -> Pretraining:
    """A training of so many steps on ten images."""
    images = ImageStream(Numbered(10), 8, trainer.batch, seed=0, mirror=True)
    training = Pretraining(trainer, images, files, Budget(images=steps * STEP), keep)
    if resume:
        training.resume(files.checkpoint)
    return training


def quiet(tick: TrainingProgress) -> None:
    """Report nothing."""


# The stream


# The budget


def test_a_budget_ends_with_what_comes_first() -> None:
    """Seconds or images; a budget of nothing is spent at once."""
    budget = Budget(seconds=100, images=1000)
    assert budget.left(TrainingProgress(999, 99.9, ""))
    assert not budget.left(TrainingProgress(1000, 0, ""))
    assert not budget.left(TrainingProgress(0, 100, ""))
    assert budget.share(TrainingProgress(100, 50, "")) == 0.5
    assert budget.share(TrainingProgress(700, 50, "")) == 0.7
    assert budget.share(TrainingProgress(1004, 50, "")) == 1
    assert Budget(seconds=0).share(TrainingProgress(0, 0, "")) == 1
    assert budget.remaining(TrainingProgress(900, 50, ""), rate=10) == 10
    assert budget.remaining(TrainingProgress(100, 50, ""), rate=10) == 50
    assert budget.remaining(TrainingProgress(1004, 50, ""), rate=10) == 0


def test_a_training_takes_the_steps_that_its_budget_has(files: TrainingFiles) -> None:
    """The step that reaches the budget is the last."""
    toy, ticks = Toy(), list[TrainingProgress]()
    start(toy, files, steps=2.5).run(ticks.append, {})
    assert toy.steps == 3
    assert [tick.images for tick in ticks] == [4, 8, 12, 12]
    assert ticks[-1].note == "finishing"
    assert ticks[0].note.startswith("toy ")
    assert toy.finished == [pytest.approx(0.15 * ticks[-1].seconds)]


def test_a_budget_of_time_counts_every_session(files: TrainingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed training has only the seconds left that the one before it did not spend."""
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    for total, expected in ((5, 5), (8, 8)):
        toy = Toy()
        training = Pretraining(toy, ImageStream(Numbered(10), 8, STEP, 0), files, Budget(seconds=total))
        if total == 8:
            training.resume(files.checkpoint)
        training.run(quiet, {})
        assert (toy.steps, training.seconds) == (expected, expected)


# Checkpoints


def test_a_toy_resumes_where_it_was(files: TrainingFiles, tmp_path: Path) -> None:
    """Six steps are three, a checkpoint, new objects, and three."""
    whole = Toy()
    start(whole, TrainingFiles(tmp_path / "whole.safetensors")).run(quiet, {})
    start(Toy(), files, steps=3).run(quiet, {})
    again = Toy()
    torch.rand(17)  # the random numbers come from the checkpoint
    start(again, files, resume=True).run(quiet, {})
    assert torch.equal(again.weight, whole.weight)
    assert again.steps == 6


def test_stylegan2_resumes_bit_for_bit(files: TrainingFiles, tmp_path: Path) -> None:
    """Weights, averages, both optimisers and the random numbers: six steps equal three and three."""

    def tiny() -> StyleGAN2Trainer:
        return StyleGAN2Trainer(TINY, seed=1, recipe=StyleGAN2Recipe(batch=STEP, r1_every=2, path_every=2))

    def no_encoder(trainer: StyleGAN2Trainer) -> StyleGAN2Trainer:
        trainer.finish = lambda *_: None  # type: ignore[method-assign]  # it is given seconds, not steps
        return trainer

    whole = no_encoder(tiny())
    start(whole, TrainingFiles(tmp_path / "whole.safetensors")).run(quiet, {})
    start(no_encoder(tiny()), files, steps=3).run(quiet, {})
    again = no_encoder(tiny())
    start(again, files, resume=True).run(quiet, {})
    assert flat(again.state_dict()) == flat(whole.state_dict())
    assert flat(load_file(files.out)) == flat(load_file(tmp_path / "whole.safetensors"))


def flat(state: Any) -> Any:
    """A state dict with its tensors as lists, to be compared bit for bit."""
    if isinstance(state, Tensor):
        return state.tolist()
    if isinstance(state, Mapping):
        return {key: flat(value) for key, value in state.items()}
    return state


def test_stylegan2_learns_and_writes_its_weights(files: TrainingFiles) -> None:
    """From images to a weights file that the backbone opens, with the card in its metadata."""
    from partbench.backbones.stylegan2 import configure

    trainer = StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=STEP))
    before = trainer.generator.constant.clone()
    start(trainer, files, steps=2).run(quiet, {"images": "10 of numbers"})
    assert not torch.equal(before, trainer.generator.constant)
    backbone = configure("", str(files.out))
    assert (backbone.size, len(backbone.channels)) == (8, 3)
    backbone.load()
    with safe_open(files.out, framework="pt") as file:
        assert file.metadata()["images seen"] == "8"
    with Image.open(files.picture) as picture:
        assert picture.size == (8 * 9 + 1, 8 * 9 + 1)  # 8 x 8 samples of 8 pixels, with 1 between them


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_leaves_a_checkpoint(
    files: TrainingFiles, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM stop between two steps, so that the training goes on bit for bit; no weights are written."""
    before = signal.getsignal(number)
    training = start(Toy(lambda step: os.kill(os.getpid(), number) if step == 2 else None), files)
    with pytest.raises(KeyboardInterrupt):
        training.run(quiet, {})
    assert signal.getsignal(number) is before
    assert load_checkpoint(files.checkpoint, {})["images"] == 3 * STEP
    assert not files.out.exists()
    whole, again = Toy(), Toy()
    start(whole, TrainingFiles(tmp_path / "whole.safetensors")).run(quiet, {})
    start(again, files, resume=True).run(quiet, {})
    assert torch.equal(again.weight, whole.weight)


def test_a_second_signal_does_not_wait(files: TrainingFiles) -> None:
    """Whoever presses Ctrl-C twice leaves the step at once; the checkpoint stays that of a whole step."""

    def press(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            signal.default_int_handler  # noqa: B018  a bytecode for the signals to arrive at

    training = start(Toy(press), files)
    with pytest.raises(KeyboardInterrupt):
        training.run(quiet, {})
    assert not files.checkpoint.exists()


def test_it_trains_outside_the_main_thread(files: TrainingFiles) -> None:
    """Where no signal handler can be set, there is none."""
    toy = Toy()
    thread = threading.Thread(target=start(toy, files).run, args=(quiet, {}))
    thread.start()
    thread.join()
    assert toy.steps == 6
    assert files.out.exists()


def test_a_training_killed_while_it_finishes_finishes_again(files: TrainingFiles) -> None:
    """The checkpoint is written before, so that no step is repeated."""
    toy = Toy()

    def die(*_: object) -> None:
        raise MemoryError

    toy.finish = die  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        start(toy, files).run(quiet, {})
    again = Toy()
    start(again, files, resume=True).run(quiet, {})
    assert (again.steps, len(again.finished)) == (6, 1)
    assert torch.equal(load_file(files.out)["weight"], toy.weight)


def test_a_kill_while_a_file_is_written_leaves_the_old_one(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoint and weights are written beside their places first."""
    save_checkpoint(files.checkpoint, {"trainer": {}, "images": 4, "seconds": 1.0}, {})

    def cut(_: object, file: BinaryIO) -> None:
        file.write(b"half a file")
        raise OSError("no space left")

    def cut_weights(path: Path, _: object) -> None:
        with path.open("wb") as file:
            cut(None, file)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", cut)
        with pytest.raises(OSError, match="no space left"):
            save_checkpoint(files.checkpoint, {}, {})
    assert load_checkpoint(files.checkpoint, {})["images"] == 4
    files.out.write_text("the old weights")
    toy = Toy()
    toy.save = cut_weights  # type: ignore[assignment]
    with pytest.raises(OSError, match="no space left"):
        start(toy, files).run(quiet, {})
    assert files.out.read_text() == "the old weights"
    assert list(files.out.parent.glob("*.part*")) == []


def test_checkpoints_can_be_kept_on_the_way(files: TrainingFiles) -> None:
    """One at the first step that reaches each number of images; a resumed training keeps only those to come."""
    start(Toy(), files, steps=600, keep=(2000, 1000)).run(quiet, {})
    kept = sorted(path.name for path in files.out.parent.glob("toy-*"))
    assert kept == ["toy-00001k.ckpt", "toy-00002k.ckpt"]
    assert [load_checkpoint(files.out.with_name(name), {})["images"] for name in kept] == [1000, 2000]
    (files.out.parent / kept[0]).unlink()
    start(Toy(), files, steps=800, resume=True, keep=(1000, 3000)).run(quiet, {})
    assert sorted(path.name for path in files.out.parent.glob("toy-*")) == ["toy-00002k.ckpt", "toy-00003k.ckpt"]


def test_now_and_then_it_leaves_checkpoint_picture_and_a_line(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of the log is JSON: images, seconds, and the latest of every loss."""
    monkeypatch.setattr(loop, "EVERY", -1.0)
    seen: list[int] = []
    start(Toy(), files, steps=3).run(lambda _: seen.append(load_checkpoint(files.checkpoint, {})["images"]), {})
    assert seen == [4, 8, 12, 12]
    lines = [json.loads(line) for line in files.log.read_text().splitlines()]
    assert [line["images"] for line in lines] == [4, 8, 12, 12], "and one when it has finished"
    assert all({"images", "seconds", "toy", "first"} == set(line) for line in lines)
    with Image.open(files.picture) as picture:
        assert picture.size == (2 * 9 + 1, 2 * 9 + 1)
    start(Toy(), files, steps=4, resume=True).run(quiet, {})
    assert [json.loads(line)["images"] for line in files.log.read_text().splitlines()][4:] == [16, 16]
    start(Toy(), files, steps=1).run(quiet, {})
    assert len(files.log.read_text().splitlines()) == 2, "another training has another log"
    assert not list(files.out.parent.glob("*.part*"))


def test_losses_that_are_no_numbers_end_the_training(files: TrainingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint before them stays."""
    monkeypatch.setattr(loop, "EVERY", -1.0)
    with pytest.raises(PretrainError, match=r"the losses are \{'toy': nan\} after 8 images; resume from .*toy.ckpt"):
        start(Toy(lambda step: float("nan") if step == 2 else None), files).run(quiet, {})
    assert load_checkpoint(files.checkpoint, {})["images"] == 8


def test_where_reading_waits_losses_are_read_now_and_then(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that came since the last look are looked at; whatever is no number ends the training there."""
    monkeypatch.setattr(loop, "READ_EVERY", {"cpu": 4})
    ticks: list[TrainingProgress] = []
    training = start(Toy(lambda step: torch.tensor(float(step))), files, steps=6)
    training.run(ticks.append, {})
    assert [tick.note for tick in ticks[:6]] == [""] * 3 + ["toy 3.000 first 1.000"] * 3
    assert training.losses == {"toy": 5.0, "first": 1.0}
    files.checkpoint.unlink()
    with pytest.raises(PretrainError, match=r"the losses are \{'toy': nan, 'first': 1.0\} after 12 images"):
        start(Toy(lambda step: torch.tensor(torch.nan) if step >= 2 else None), files).run(quiet, {})
    assert not files.checkpoint.exists()


def test_a_training_goes_on_with_the_batch_that_it_had(files: TrainingFiles) -> None:
    """Whatever the trainer would choose by itself."""
    start(Toy(), files, steps=2).run(quiet, {})
    trainer = Toy()
    trainer.batch = 7
    training = start(trainer, files, steps=4, resume=True)
    assert trainer.batch == training.stream.batch == STEP
    training.run(quiet, {})
    assert training.images == 4 * STEP


def test_a_checkpoint_that_is_none(files: TrainingFiles) -> None:
    """A missing, broken or foreign one is told in a sentence."""
    with pytest.raises(PretrainError, match="there is no checkpoint"):
        start(Toy(), files, resume=True)
    files.out.parent.mkdir()
    for content in (b"", b"garbage", b"PK\x03\x04 half a zip"):
        files.checkpoint.write_bytes(content)
        with pytest.raises(PretrainError, match=r"toy.ckpt is no checkpoint of a training"):
            start(Toy(), files, resume=True)
    facts = {"trainer": {}, "images": 4, "seconds": 1.0}
    for state in ([1], {}, {**facts, "images": "x"}, {**facts, "seconds": None}, {**facts, "began": 3}):
        save_checkpoint(files.checkpoint, state, {})  # type: ignore[arg-type]
        with pytest.raises(PretrainError, match=r"toy.ckpt is no checkpoint of a training") as caught:
            start(Toy(), files, resume=True)
        assert "\n" not in str(caught.value)
    start(StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=STEP)), files, steps=1).checkpoint()
    other = StyleGAN2Trainer(StyleGAN2Config(size=16, latent=8, depth=2, width=64, cap=8))
    for trainer in (Toy(), other):
        with pytest.raises(PretrainError, match=r"toy.ckpt is of another network \(.*\); resume with the backbone and"):
            start(trainer, files, resume=True)


def test_every_flipped_bit_of_a_checkpoint_is_noticed(files: TrainingFiles) -> None:
    """No training goes on from networks that are not those that were written."""
    start(Toy(), files, steps=1).run(quiet, {})
    whole = files.checkpoint.read_bytes()
    for place in range(0, 8 * len(whole), 8 * len(whole) // 200):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        files.checkpoint.write_bytes(flipped)
        with pytest.raises(PretrainError, match=r"toy.ckpt is no checkpoint of a training \(it"):
            start(Toy(), files, steps=2, resume=True)


# The command
