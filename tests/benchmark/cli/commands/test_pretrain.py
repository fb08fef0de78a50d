"""`partbench pretrain` trains, resumes, tells how far it is and writes a card."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from safetensors import safe_open

from partbench import UserError
from partbench.backbones.backbone import BackboneError
from partbench.backbones.hed.config import HEDConfig
from partbench.backbones.hed.networks import untrained
from partbench.backbones.stylegan2.training import StyleGAN2Trainer
from partbench.backbones.weights import save
from partbench.benchmark.cli.commands.pretrain import (
    ProgressPrinter,
    default_workers,
    open_images,
    parse_keep,
    run,
)
from partbench.benchmark.cli.commands.pretrain_options import PretrainOptions
from partbench.benchmark.file_hashes import file_hash
from partbench.benchmark.files import LockedError, locked_file
from partbench.benchmark.plugins.backbone_names import NamingError
from partbench.benchmark.plugins.calls import PluginExit
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.pretrain.budget import Budget, TrainingProgress
from partbench.benchmark.pretrain.checkpoints import PretrainError, TrainingFiles
from partbench.datasets.dataset import DatasetError
from partbench.datasets.files.images import ImageFolder


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
    options = PretrainOptions("stylegan2", images, out, 8, Budget(images=16), device="cpu", workers=0)
    run(replace(options, **changes))


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
    with pytest.raises(
        PretrainError, match=r"cats.ckpt is of another training \(it is of other mirroring\); resume with"
    ):
        command(str(pictures), tmp_path / "cats.safetensors", resume=True, mirror=True)


def test_two_trainings_do_not_write_one_file(pictures: Path, tmp_path: Path) -> None:
    """The second is told so, and touches nothing."""
    out = tmp_path / "cats.safetensors"
    with locked_file(TrainingFiles(out).lock, "the first"):
        with pytest.raises(LockedError, match=r"another training is writing .*cats.safetensors; wait for its end, or"):
            command(str(pictures), out)
        assert not out.exists() and not TrainingFiles(out).checkpoint.exists()
    command(str(pictures), out)
    assert out.exists()


def test_a_trainer_that_exits_is_named(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the command would end as if all were well."""
    monkeypatch.setattr(StyleGAN2Trainer, "step", lambda *_: sys.exit(0))
    with pytest.raises(PluginExit, match=r"the trainer calls sys.exit\(0\); let it raise an error instead"):
        command(str(pictures), tmp_path / "cats.safetensors")


@pytest.mark.parametrize(
    ("changes", "error", "culprit"),
    [
        ({"budget": Budget()}, NamingError, "a training needs an end; give --minutes or --kimg"),
        ({"budget": Budget(images=0)}, NamingError, "a training of nothing has no weights; give --minutes or --kimg"),
        ({"budget": Budget(seconds=0)}, NamingError, "a training of nothing has no weights; give --minutes or --kimg"),
        ({"out": Path("cats.pt")}, NamingError, "cats.pt"),
        ({"images": "no-such-place"}, DatasetError, "no-such-place"),
        ({"name": "pixels"}, NamingError, "pixels"),
        ({"name": "stylegan"}, NamingError, "'stylegan'"),
        ({"keep": "ten"}, NamingError, "--keep ten"),
        ({"limit": 0}, DatasetError, "0 of 3 images"),
    ],
)
def test_what_cannot_be_trained(
    pictures: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], culprit: str
) -> None:
    """The sentence says so before any step, and nothing is written."""
    with pytest.raises(error) as caught:
        command(**{"images": str(pictures), "out": tmp_path / "x" / "cats.safetensors", **changes})
    assert culprit in str(caught.value)
    assert not (tmp_path / "x").exists()


def test_images_are_a_folder_or_an_unlabelled_split(pictures: Path) -> None:
    """A path that exists is read as pictures, a dataset gives the split made for it."""
    catalogue = load_catalogue()
    assert len(open_images(catalogue, str(pictures))[0]) == 3
    unlabelled = catalogue.datasets["faces"].record.load().unlabelled
    assert unlabelled is not None
    assert len(open_images(catalogue, "faces")[0]) == len(unlabelled)


def test_images_become_square_as_asked(tmp_path: Path) -> None:
    """Cropped by default, since a generator would learn the padding; a dataset that has one way refuses another."""
    (tmp_path / "wide").mkdir()
    Image.fromarray(np.repeat(np.arange(0, 240, 8, dtype=np.uint8)[None], 10, 0)).save(tmp_path / "wide" / "a.png")
    catalogue, wide = load_catalogue(), str(tmp_path / "wide")
    for fit in ("", "pad", "crop", "stretch"):
        expected = ImageFolder(wide, fit or "crop").images([0], 16)
        assert torch.equal(open_images(catalogue, wide, fit)[0].images([0], 16), expected)
    with pytest.raises(DatasetError, match="there is no fit 'zoom'; choose pad, crop, stretch"):
        open_images(catalogue, wide, "zoom")
    with pytest.raises(DatasetError, match="faces is read with --fit crop alone, not pad"):
        open_images(catalogue, "faces", "pad")


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
    options = PretrainOptions("vae", "/home/me/my cats.zip", out, 64, budget, limit=500, mirror=True, seed=3, batch=48)
    assert options.command(None) == (
        "partbench pretrain vae --images 'my cats.zip' --out cats.safetensors --size 64 --seed 3 "
        "--limit 500 --mirror --batch 48 --minutes 1.5"
    )
    plain = PretrainOptions("vae", "faces", out, 64, Budget(images=2500))
    assert replace(plain, fit="pad").command(None).endswith("--seed 0 --fit pad --kimg 2.5")
    assert plain.command("dogs.safetensors").endswith("--seed 0 --from dogs.safetensors --kimg 2.5")


def test_the_teacher_is_an_option(pictures: Path, tmp_path: Path) -> None:
    """Which HED a Pix2Pix learns from stands in its card, and a training goes on with the same one alone."""
    teacher, out, shape = tmp_path / "hed.safetensors", tmp_path / "cats.safetensors", HEDConfig(32, 1 / 16)
    save(teacher, "hed", shape, {"network": untrained(shape, 0)}, {})
    few = {"name": "pix2pix-hed", "size": 32, "batch": 2, "teacher": f"{teacher},48"}
    command(str(pictures), out, **few, budget=Budget(images=2))
    with safe_open(out, framework="pt") as file:
        card = file.metadata()
    assert card["taught by"] == f"hed@hed.safetensors, {file_hash(teacher)}, at 48 pixels"
    assert "--teacher hed.safetensors,48 " in card["command"]
    with pytest.raises(PretrainError, match=r"cats.ckpt is of another training \(it is of other teacher\)"):
        command(str(pictures), out, **few | {"teacher": str(teacher)}, budget=Budget(images=4), resume=True)
    with pytest.raises(NamingError, match="stylegan2 learns from no other network; leave --teacher package out"):
        command(str(pictures), tmp_path / "other.safetensors", teacher="package")
    with pytest.raises(BackboneError, match="pix2pix-color learns from its images alone; leave --teacher package out"):
        command(str(pictures), tmp_path / "other.safetensors", name="pix2pix-color", size=32, teacher="package")


def test_going_on_with_another_batch_is_refused(pictures: Path, tmp_path: Path) -> None:
    """A training keeps the batch of its checkpoint, and the card of its weights says which."""
    out = tmp_path / "cats.safetensors"
    command(str(pictures), out, budget=Budget(images=8), batch=4)
    with pytest.raises(NamingError, match=r"cats.ckpt has had 4 images a step, and --batch 8 asks for others"):
        command(str(pictures), out, budget=Budget(images=16), batch=8, resume=True)
    command(str(pictures), out, budget=Budget(images=16), resume=True)
    with safe_open(out, framework="pt") as file:
        assert "--batch 4" in file.metadata()["command"]


def test_the_number_format_and_the_recording_are_options(pictures: Path, tmp_path: Path) -> None:
    """What is neither a format nor possible here is refused in one sentence."""
    out = tmp_path / "cats.safetensors"
    with pytest.raises(NamingError, match="--precision int8 is no number format here; choose auto, float32, bfloat16"):
        command(str(pictures), out, precision="int8")
    with pytest.raises(NamingError, match="--graph records the steps of one process on a CUDA device; leave it out"):
        command(str(pictures), out, graph=True)
    command(str(pictures), out, precision="float32")
    with safe_open(out, framework="pt") as file:
        assert "--precision float32" in file.metadata()["command"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named(pictures: Path, tmp_path: Path) -> None:
    """In one sentence, as by every verb."""
    with pytest.raises(UserError, match=r"there is no device 'cuda' here .*; choose auto, cpu, cuda or mps"):
        command(str(pictures), tmp_path / "cats.safetensors", device="cuda")
