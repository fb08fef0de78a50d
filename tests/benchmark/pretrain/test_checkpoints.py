"""A training may begin with the weights of an earlier one, and counts on from the images that they have seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from partbench.backbones.backbone import BackboneError
from partbench.backbones.checks.probes import clouds
from partbench.backbones.hed.config import HEDConfig
from partbench.backbones.hed.training import HEDTrainer
from partbench.backbones.jigsaw.config import EMBEDDED as JIGSAW
from partbench.backbones.jigsaw.loss import JigsawLesson
from partbench.backbones.pix2pix.config import Pix2PixConfig
from partbench.backbones.pix2pix.training import Pix2PixTrainer
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.recipe import StyleGAN2Recipe
from partbench.backbones.stylegan2.training import StyleGAN2Trainer
from partbench.backbones.training.learner import AdamRecipe, Learner
from partbench.backbones.training.trainer import GoesOn, Trainer
from partbench.backbones.vae.config import VAEConfig
from partbench.backbones.vae.loss import VAELesson
from partbench.benchmark.cli.main import main
from partbench.benchmark.file_hashes import file_hash
from partbench.benchmark.pretrain.budget import Budget
from partbench.benchmark.pretrain.checkpoints import PretrainError, TrainingFiles, load_checkpoint
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.benchmark.pretrain.loop import Pretraining
from partbench.benchmark.pretrain.model_card import read_metadata
from partbench.datasets.files.images import ImageFolder

BATCH = 4
IMAGES = clouds(BATCH, 32)
RECIPE = AdamRecipe(batch=BATCH, rate=5e-3, warmup=4, average=0.9)


def stylegan2(size: int = 8) -> StyleGAN2Trainer:
    """A tiny StyleGAN2 in training."""
    config = StyleGAN2Config(size=size, latent=8, depth=2, width=64, cap=8)
    return StyleGAN2Trainer(config, recipe=StyleGAN2Recipe(batch=BATCH))


def vae(width: int = 256) -> Learner:
    """A tiny VAE in training."""
    return Learner(lambda: VAELesson(VAEConfig(32, 16, width, 16), None, RECIPE))


def jigsaw(fc7: int = 16) -> Learner:
    """A tiny jigsaw network in training."""
    config = replace(JIGSAW.at_size(32), width=4, fc6=8, fc7=fc7, permutations=20)
    return Learner(lambda: JigsawLesson(config, RECIPE))


def hed(width: float = 1 / 32) -> HEDTrainer:
    """A tiny HED in training."""
    return HEDTrainer(HEDConfig(32, width), recipe=RECIPE)


def teach(trainer: Trainer, steps: int) -> list[float]:
    """The sum of the losses of each step on the same images."""
    masks = (IMAGES.mean(1) > 0.5).long()
    if isinstance(trainer, HEDTrainer):
        return [sum(trainer.step_with_masks(IMAGES, masks).values()) for _ in range(steps)]
    images = IMAGES if not isinstance(trainer, StyleGAN2Trainer) else clouds(BATCH, 8)
    return [sum(trainer.step(images).values()) for _ in range(steps)]


def within_float16(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks are the same up to what a file in float16 keeps."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.allclose(a.float(), b.float(), rtol=1e-3, atol=1e-6) for a, b in pairs)


# The networks


def test_stylegan2_takes_all_its_networks(tmp_path: Path) -> None:
    """Both generators are the averaged one that was saved; discriminator, encoder and steps go on, and all learn."""
    first, then = stylegan2(), stylegan2()
    teach(first, 3)
    first.save(tmp_path / "w.safetensors", {})
    then.go_on_from(tmp_path / "w.safetensors", 12)
    assert not within_float16(first.generator, first.averaged)
    assert within_float16(then.generator, first.averaged) and within_float16(then.averaged, first.averaged)
    assert within_float16(then.discriminator, first.discriminator) and within_float16(then.encoder, first.encoder)
    assert then.steps == 3
    before = flat(then.generator), flat(then.discriminator)
    teach(then, 1)
    assert not torch.equal(before[0], flat(then.generator)) and not torch.equal(before[1], flat(then.discriminator))


@pytest.mark.parametrize("start", [vae, jigsaw, hed])
def test_a_learner_takes_its_network_and_the_average(start: Callable[[], Learner], tmp_path: Path) -> None:
    """Both are the average that was saved, which is as old as its images; the rate rises from zero once more."""
    first, then = start(), start()
    losses = teach(first, 20)
    first.save(tmp_path / "w.safetensors", {})
    then.go_on_from(tmp_path / "w.safetensors", 20 * BATCH)
    assert within_float16(then.network, first.result) and within_float16(then.result, first.result)
    assert not within_float16(first.network, first.result)
    assert (then.averaged.n_averaged, then.steps) == (20, 0)
    assert all(p.requires_grad for p in then.network.parameters())
    again = teach(then, 4)
    assert then.optimizer.param_groups[0]["lr"] == RECIPE.rate
    assert not within_float16(then.network, first.result)
    if start is not jigsaw:  # whose puzzles are new ones at each step
        assert again[0] < (losses[0] + min(losses)) / 2, "what was learnt is still known"


def flat(network: nn.Module) -> Tensor:
    """All numbers of a network."""
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (stylegan2, lambda: stylegan2(16), "w.safetensors holds a StyleGAN2 of another shape; go on from one of 16"),
        (vae, lambda: vae(128), r"w.safetensors holds a vae of another shape \(width 256 instead of 128\); go on from"),
        (jigsaw, lambda: jigsaw(12), r"holds a jigsaw of another shape \(fc7 16 instead of 12\); go on from one"),
        (hed, lambda: hed(1 / 16), r"holds a hed of another shape \(width 0.03125 instead of 0.0625\); go on from one"),
        (vae, stylegan2, "w.safetensors holds no stylegan2 of ours; make one with: partbench pretrain stylegan2"),
        (stylegan2, vae, "w.safetensors holds no vae of ours; make one with: partbench pretrain vae"),
        (vae, jigsaw, "w.safetensors holds no jigsaw of ours; make one with: partbench pretrain jigsaw"),
    ],
)
def test_other_networks_are_refused(
    first: Callable[[], Trainer], then: Callable[[], GoesOn], message: str, tmp_path: Path
) -> None:
    """Those of another shape or family, in a sentence that says what differs."""
    first().save(tmp_path / "w.safetensors", {})
    with pytest.raises(BackboneError, match=message):
        then().go_on_from(tmp_path / "w.safetensors", 0)


# The loop


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        Image.new("RGB", (32, 32), (80 * i, 0, 0)).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A tiny VAE that has seen 40 images in 3 seconds."""
    path = tmp_path / "first.safetensors"
    vae().save(path, {"images seen": "40", "seconds": "3"})
    return path


def begin(trainer: Trainer, pictures: Path, weights: Path, **changes: Any) -> Pretraining:
    """A training that begins with a weights file."""
    options: dict[str, Any] = {"budget": Budget(images=48), "keep": ()} | changes
    stream = ImageStream(ImageFolder(str(pictures)), 32, trainer.batch, seed=0)
    training = Pretraining(trainer, stream, TrainingFiles(weights.with_name("then.safetensors")), **options)
    training.go_on_from(weights)
    return training


def test_images_and_seconds_are_counted_on(pictures: Path, weights: Path) -> None:
    """Of a budget of 48 images two steps of four are left after 40, and checkpoints before them are not kept."""
    training = begin(vae(), pictures, weights, keep=(20, 44))
    assert (training.images, training.seconds) == (40, 3.0)
    seen: list[int] = []
    training.run(lambda tick: seen.append(tick.images), {})
    assert seen[:2] == [44, 48]
    card = read_metadata(training.files.out)
    assert card["images seen"] == "48" and float(card["seconds"]) >= 3
    kept = [load_checkpoint(path, {})["images"] for path in weights.parent.glob("then-*.ckpt")]
    assert kept == [44]


def test_a_budget_that_is_spent_is_refused(pictures: Path, weights: Path) -> None:
    """Else the weights would be written again as they are."""
    for budget in (Budget(images=40), Budget(seconds=3)):
        with pytest.raises(PretrainError, match=r"has seen 40 images in 3 seconds, all that .*; raise --kimg or --min"):
            begin(vae(), pictures, weights, budget=budget)


def test_a_file_of_another_maker_has_seen_nothing(pictures: Path, weights: Path) -> None:
    """Where a file counts no images, the training's own count begins at zero, and the card says so."""
    vae().save(weights, {})
    training = begin(vae(), pictures, weights)
    assert (training.images, training.began["seen"]) == (0, "unknown")


def test_a_training_without_the_capability_is_refused(pictures: Path, weights: Path) -> None:
    """A Pix2Pix keeps no discriminator in its file, so that it cannot go on from one."""
    trainer = Pix2PixTrainer(Pix2PixConfig("color", size=32, width=4, cap=8))
    assert not isinstance(trainer, GoesOn)
    message = r"cannot begin with .*, since a weights file does not hold every network that learns in it; leave --from"
    with pytest.raises(PretrainError, match=message):
        begin(trainer, pictures, weights)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "there is no weights file .*first.safetensors; check its name"),
        (lambda path: path.write_bytes(b""), r"cannot be read as safetensors \(.*\); name a file that partbench pretr"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), r"cannot be read as safetensors \(.*\); name a"),
        (lambda path: (path.unlink(), path.mkdir()), r"cannot be read as safetensors \(.*\); name a file that partben"),
        (
            lambda path: save_file(load_file(path), path, {"images seen": "many"}),
            r"does not count what it has seen \(.*'many'\); name another file",
        ),
    ],
    ids=["missing", "empty", "cut", "folder", "miscounted"],
)
def test_a_file_that_cannot_be_begun_with(
    pictures: Path, weights: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    """One sentence names it."""
    spoil(weights)
    with pytest.raises(PretrainError, match=message) as caught:
        begin(vae(), pictures, weights)
    assert "\n" not in str(caught.value)


# The command


def command(monkeypatch: pytest.MonkeyPatch, folder: Path, out: str, images: int, *more: str) -> int:
    """The exit code of `partbench pretrain stylegan2` at 8 pixels."""
    words = ["--images", str(folder / "pictures"), "--out", str(folder / out), "--size", "8", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["partbench", "pretrain", "stylegan2", *words, "--kimg", str(images / 1000), *more])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_the_card_says_what_a_training_began_with(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, hash and images seen, also after a resume; a checkpoint that is resumed wins over --from."""
    first, then = tmp_path / "first.safetensors", tmp_path / "then.safetensors"
    assert command(monkeypatch, tmp_path, "first.safetensors", 16) == 0
    # A resume without a checkpoint begins: the same command serves before and after a kill.
    assert command(monkeypatch, tmp_path, "then.safetensors", 32, "--resume", "--from", str(first)) == 0
    assert "from image 16" in capsys.readouterr().out
    expected = f"first.safetensors ({file_hash(first)}), after 16 images; its optimisers began anew"
    expected += "; it learnt from 3 of pictures at 8 pixels"
    card = read_metadata(then)
    assert (card["began with"], card["images seen"]) == (expected, "32")
    assert " --from first.safetensors " in card["command"]
    assert f"| began with | {expected} |" in then.with_suffix(".md").read_text()
    assert "began with" not in read_metadata(first) and "--from" not in read_metadata(first)["command"]
    for images, more in ((48, ["--from", str(then)]), (64, [])):
        assert command(monkeypatch, tmp_path, "then.safetensors", images, "--resume", *more) == 0
        assert f"from image {images - 16}" in capsys.readouterr().out
        card = read_metadata(then)
        assert (card["began with"], card["images seen"]) == (expected, str(images))
        assert " --from first.safetensors " in card["command"]


def test_the_command_names_a_file_that_is_not_there(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one sentence, before anything is written."""
    assert command(monkeypatch, tmp_path, "new/then.safetensors", 16, "--from", "nowhere.safetensors") == 2
    assert capsys.readouterr().err == "partbench: there is no weights file nowhere.safetensors; check its name\n"
    assert not (tmp_path / "new").exists()
