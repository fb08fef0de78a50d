"""A training sees every image once per epoch, survives a kill bit for bit, and leaves the files that it promises."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.training import StyleGAN2Recipe, StyleGAN2Trainer
from partbench.backbones.training.distributed import TrainingDevice
from partbench.backbones.training.trainer import Trainer
from partbench.benchmark.cli.commands.pretrain import ProgressPrinter, default_workers, open_images, parse_keep, run
from partbench.benchmark.cli.commands.pretrain import command as pretrain_command
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import NamingError
from partbench.benchmark.pretrain import image_stream, loop
from partbench.benchmark.pretrain.budget import Budget, TrainingProgress
from partbench.benchmark.pretrain.checkpoints import PretrainError, TrainingFiles, load_checkpoint, save_checkpoint
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.benchmark.pretrain.loop import Pretraining
from partbench.datasets.dataset import DatasetError
from partbench.datasets.faces import open_faces

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


def values(images: Tensor) -> list[int]:
    """Which images of a `Numbered` these are, mirrored or not."""
    return [round(value * 255) for value in images.amax((1, 2, 3)).tolist()]


class Toy:
    """A trainer whose one weight remembers every image and every random number; it can be told to fail."""

    batch = STEP

    def __init__(self, at_step: Callable[[int], float | None] = lambda _: None) -> None:
        torch.manual_seed(0)
        self.machine = TrainingDevice()
        self.weight, self.steps, self.at_step = torch.zeros(()), 0, at_step
        self.finished: list[float] = []

    def step(self, images: Tensor, /) -> Mapping[str, float]:
        loss = self.at_step(self.steps)
        self.weight = self.weight * 0.9 + images.mean() + torch.rand(())
        self.steps += 1
        losses = {"toy": self.weight.item() if loss is None else loss}
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


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3))
def test_every_image_is_seen_once_per_epoch(count: int, batch: int, seed: int) -> None:
    """Batch after batch, every `count` images of the stream are a permutation, a batch larger than the split too."""
    images = ImageStream(Numbered(count), 4, batch, seed)
    seen: list[int] = []
    for position in range(0, 3 * count * batch, batch):
        found = values(images.at(position)[0])
        assert len(found) == batch
        seen += found
    for epoch in range(len(seen) // count):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_a_position_always_has_the_same_batch() -> None:
    """Whoever asks, in whatever order; another seed has another order, every epoch its own."""
    one, other = ImageStream(Numbered(50), 4, 8, 1, mirror=True), ImageStream(Numbered(50), 4, 8, 1, mirror=True)
    batches = [one.at(position)[0] for position in range(0, 200, 8)]
    for position in reversed(range(0, 200, 8)):
        assert torch.equal(other.at(position)[0], batches[position // 8])
    long = [values(ImageStream(Numbered(50), 4, 50, seed).at(p)[0]) for seed, p in ((1, 0), (1, 50), (2, 0))]
    assert long[0] != long[1] and long[0] != long[2]


def test_a_limit_takes_the_first_images() -> None:
    """No other image is ever read; a limit above the number of images changes nothing."""
    split = Numbered(20)
    images = ImageStream(split, 4, 5, 0, limit=5)
    assert (len(images), sorted(values(images.at(0)[0]))) == (5, [0, 1, 2, 3, 4])
    assert max(split.read) == 4
    assert len(ImageStream(split, 4, 5, 0, limit=30)) == 20


@pytest.mark.parametrize(("count", "limit"), [(0, None), (5, 0), (5, -1)])
def test_a_stream_of_nothing_is_refused(count: int, limit: int | None) -> None:
    """Without images there is nothing to learn from."""
    with pytest.raises(DatasetError, match=f"of {count} images leave nothing to learn from; raise --limit"):
        ImageStream(Numbered(count), 4, 5, 0, limit=limit)


def test_processes_read_what_the_stream_would() -> None:
    """Images read ahead by two processes are those that are read one batch after the other, with the same hashes."""
    split, counts = open_faces().test, []
    ahead, along = (ImageStream(split, 16, 8, 0, limit=150, masks=True) for _ in range(2))
    ahead.fill(2, counts.append)
    assert (counts[-1], len(counts)) == (150, 3)
    for position in range(0, 152, 8):
        for one, other in zip(ahead.at(position), along.at(position), strict=True):
            assert one is not None and other is not None and torch.equal(one, other)
    assert np.array_equal(ahead.hash, along.hash)


def test_mirroring_shows_both_sides() -> None:
    """With it about half of the images are mirrored, without it none."""
    plain, mirrored = (ImageStream(Numbered(100), 4, 100, 0, mirror=mirror).at(0)[0] for mirror in (False, True))
    assert values(plain) == values(mirrored)
    lit = [images[:, 0, 0, 0] > 0 for images in (plain, mirrored)]  # of all but image 0
    assert lit[0].sum() == 99
    assert 30 < lit[1].sum() < 70
    assert (plain == torch.where(lit[1][:, None, None, None], mirrored, mirrored.flip(3))).all()


def test_images_that_fit_are_read_once() -> None:
    """Three epochs of a small split read every file once, in whole bytes."""
    split = Numbered(10)
    images = ImageStream(split, 4, 4, 0)
    for position in range(0, 32, 4):
        images.at(position)[0]
    assert sorted(split.read) == list(range(10))


def test_images_that_do_not_fit_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is the same; nothing is kept."""
    kept = [ImageStream(Numbered(10), 4, 4, 0).at(position)[0] for position in (0, 8)]
    monkeypatch.setattr(image_stream, "CACHE", 10 * 3 * 4 * 4 - 1)
    split = Numbered(10)
    images = ImageStream(split, 4, 4, 0)
    for expected, position in zip(kept, (0, 8), strict=True):
        torch.testing.assert_close(images.at(position)[0], expected)
    assert len(split.read) == 8
    assert images.bytes.numel() == 0


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
    assert load_checkpoint(files.checkpoint)["images"] == 3 * STEP
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
    save_checkpoint(files.checkpoint, {"trainer": {}, "images": 4, "seconds": 1.0})

    def cut(state: object, path: Path) -> None:
        path.write_bytes(b"half a file")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", cut)
        with pytest.raises(OSError, match="no space left"):
            save_checkpoint(files.checkpoint, {})
    assert load_checkpoint(files.checkpoint)["images"] == 4
    files.out.write_text("the old weights")
    toy = Toy()
    toy.save = lambda path, _: cut(None, path)  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no space left"):
        start(toy, files).run(quiet, {})
    assert files.out.read_text() == "the old weights"


def test_checkpoints_can_be_kept_on_the_way(files: TrainingFiles) -> None:
    """One at the first step that reaches each number of images; a resumed training keeps only those to come."""
    start(Toy(), files, steps=600, keep=(2000, 1000)).run(quiet, {})
    kept = sorted(path.name for path in files.out.parent.glob("toy-*"))
    assert kept == ["toy-00001k.ckpt", "toy-00002k.ckpt"]
    assert [load_checkpoint(files.out.with_name(name))["images"] for name in kept] == [1000, 2000]
    (files.out.parent / kept[0]).unlink()
    start(Toy(), files, steps=800, resume=True, keep=(1000, 3000)).run(quiet, {})
    assert sorted(path.name for path in files.out.parent.glob("toy-*")) == ["toy-00002k.ckpt", "toy-00003k.ckpt"]


def test_now_and_then_it_leaves_checkpoint_picture_and_a_line(
    files: TrainingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of the log is JSON: images, seconds, and the latest of every loss."""
    monkeypatch.setattr(loop, "EVERY", -1.0)
    seen: list[int] = []
    start(Toy(), files, steps=3).run(lambda _: seen.append(load_checkpoint(files.checkpoint)["images"]), {})
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
    assert load_checkpoint(files.checkpoint)["images"] == 8


def test_a_checkpoint_that_is_none(files: TrainingFiles) -> None:
    """A missing, broken or foreign one is told in a sentence."""
    with pytest.raises(PretrainError, match="there is no checkpoint"):
        start(Toy(), files, resume=True)
    files.out.parent.mkdir()
    for content in (b"", b"garbage", b"PK\x03\x04 half a zip"):
        files.checkpoint.write_bytes(content)
        with pytest.raises(PretrainError, match=r"toy.ckpt is no checkpoint of a training"):
            start(Toy(), files, resume=True)
    torch.save([1], files.checkpoint)
    with pytest.raises(PretrainError, match=r"toy.ckpt is no checkpoint of a training"):
        start(Toy(), files, resume=True)
    start(StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=STEP)), files, steps=1).checkpoint()
    other = StyleGAN2Trainer(StyleGAN2Config(size=16, latent=8, depth=2, width=64, cap=8))
    for trainer in (Toy(), other):
        with pytest.raises(PretrainError, match=r"toy.ckpt is of another network \(.*\); resume with the backbone and"):
            start(trainer, files, resume=True)


# The command


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        Image.new("RGB", (12, 10), (80 * i, 0, 0)).save(folder / f"{i}.png")
    return folder


def command(images: str, out: Path, **changes: Any) -> None:
    """`partbench pretrain stylegan2` at 8 pixels."""
    options: dict[str, Any] = {
        "name": "stylegan2", "size": 8, "budget": Budget(images=16), "resume": False, "limit": None,
        "mirror": False, "seed": 0, "device": "cpu", "keep": "", "begin": None, "batch": None, "workers": 0,
    }  # fmt: skip
    run(images=images, out=out, **(options | changes))


def test_the_command_trains_and_resumes(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It writes weights with their card, says so, and goes on with --resume when given more."""
    out = tmp_path / "new" / "cats.safetensors"
    command(str(pictures), out)
    said = capsys.readouterr().out
    assert "stylegan2: 3 images of" in said
    assert f"wrote {out} and its card after 16 images" in said
    with safe_open(out, framework="pt") as file:
        card = file.metadata()
    assert (card["images"], card["images seen"], card["seed"]) == ("3 of pictures at 8 pixels", "16", "0")
    assert json.loads(card["hardware"])["device"] == "cpu"
    with pytest.raises(NamingError, match=r"cats.ckpt is of a training begun before; go on with --resume, or delete"):
        command(str(pictures), out)
    command(str(pictures), out, resume=True, budget=Budget(images=32), keep="0.02")
    said = capsys.readouterr().out
    assert "from image 16" in said
    assert "after 32 images" in said


def test_the_command_says_how_to_go_on(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, it exits as shells expect and names the checkpoint."""

    def press(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressPrinter, "__call__", press)
    with pytest.raises(SystemExit) as caught:
        command(str(pictures), tmp_path / "cats.safetensors", budget=Budget(images=64))
    assert caught.value.code == 130
    assert f"stopped; --resume goes on from {tmp_path / 'cats.ckpt'}" in capsys.readouterr().err
    assert load_checkpoint(tmp_path / "cats.ckpt")["images"] == 16


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"budget": Budget()}, NamingError, "a training needs an end; give --minutes or --kimg"),
        ({"out": Path("cats.pt")}, NamingError, "--out cats.pt must end in .safetensors"),
        ({"images": "no-such-place"}, DatasetError, "no-such-place is neither a folder or zip of pictures nor a data"),
        ({"name": "pixels"}, NamingError, "pixels has no training of its own; choose one that has, as stylegan2"),
        ({"name": "stylegan"}, NamingError, "no backbone is called 'stylegan'; did you mean 'stylegan2'?"),
        ({"keep": "ten"}, NamingError, "--keep ten is no list of thousands of images; write it as 10,20"),
        ({"limit": 0}, DatasetError, "0 of 3 images leave nothing to learn from; raise --limit"),
    ],
)
def test_what_cannot_be_trained(
    pictures: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The sentence says so before any step, and nothing is written."""
    with pytest.raises(error) as caught:
        command(**{"images": str(pictures), "out": tmp_path / "x" / "cats.safetensors", **changes})
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "x").exists()


def test_images_are_a_folder_or_an_unlabelled_split(pictures: Path) -> None:
    """A path that exists is read as pictures, a dataset gives the split made for it."""
    catalogue = load_catalogue()
    assert len(open_images(catalogue, str(pictures))[0]) == 3
    unlabelled = catalogue.datasets["faces"].record.load().unlabelled
    assert unlabelled is not None
    assert len(open_images(catalogue, "faces")[0]) == len(unlabelled)


def test_thousands_are_written_with_commas() -> None:
    """`--keep 10,20.5` keeps checkpoints at 10,000 and 20,500 images."""
    assert parse_keep("10,20.5") == (10_000, 20_500)
    assert parse_keep("") == ()


def test_progress_is_of_this_session() -> None:
    """Images per second count from the session's first step; the time left is that of the nearer end."""
    teller = ProgressPrinter(Console(force_terminal=False), Budget(seconds=7200, images=10_000))
    assert teller.describe(TrainingProgress(4000, 3600, "d 0.1")) == "4000 images  d 0.1"
    assert teller.describe(TrainingProgress(4600, 3660, "d 0.2")) == "4600 images, 10.0/s, 9 min left  d 0.2"
    assert teller.describe(TrainingProgress(4000 + 60, 3660, "")) == "4060 images, 1.0/s, 59 min left  "


def test_without_a_terminal_progress_is_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log gets a line a minute, a terminal a bar."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    teller = ProgressPrinter(Console(force_terminal=False), Budget(images=1000))
    with teller:
        for step in range(1, 10):
            now = 20.0 * step
            teller(TrainingProgress(10 * step, now, "[d]"))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{30 * i} images, 0.5/s, {(1000 - 30 * i) / 30:.0f} min left  [d]" for i in (1, 2, 3)]


def test_the_batch_and_the_readers_are_options(pictures: Path, tmp_path: Path) -> None:
    """Weights after one step of eight images that two processes read, which the card says."""
    out = tmp_path / "cats.safetensors"
    command(str(pictures), out, budget=Budget(images=8), batch=8, workers=2)
    with safe_open(out, framework="pt") as file:
        card = file.metadata()
    assert card["images seen"] == "8"
    assert "--batch 8" in card["command"]
    assert default_workers(torch.device("cpu")) == 0
    assert default_workers(torch.device("cuda")) >= 1


def test_the_card_has_the_command() -> None:
    """What trains the same again, without the folders of this machine."""
    budget = Budget(seconds=90)
    out = Path("/home/me/cats.safetensors")
    told = pretrain_command("vae", "/home/me/my cats.zip", out, 64, budget, 500, True, 3, 48, None)
    assert told == (
        "partbench pretrain vae --images 'my cats.zip' --out cats.safetensors --size 64 --seed 3 "
        "--limit 500 --mirror --batch 48 --minutes 1.5"
    )
    told = pretrain_command("vae", "faces", out, 64, Budget(images=2500), None, False, 0, None, "dogs.safetensors")
    assert told.endswith("--seed 0 --from dogs.safetensors --kimg 2.5")
