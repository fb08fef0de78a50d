"""`ddpm` learns to tell noise from an image, and is read at three steps with one noise for all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.checks.probes import clouds
from partbench.backbones.ddpm import DDPM as FAMILY
from partbench.backbones.ddpm import start_training
from partbench.backbones.ddpm.config import EMBEDDED, READ, STEPS, DDPMConfig
from partbench.backbones.ddpm.diffusion import add_noise, remove_noise, sample, signal_shares
from partbench.backbones.ddpm.extractor import untrained
from partbench.backbones.ddpm.loss import DDPMLesson
from partbench.backbones.ddpm.networks import Attention, Residual, UNet, sinusoids
from partbench.backbones.training.learner import AdamRecipe, Learner
from partbench.backbones.weights import from_seed, save

TINY = DDPMConfig(size=32, width=8, cap=12)
IMAGES = clouds(8, 32)
RECIPE = AdamRecipe(batch=8, rate=3e-3, warmup=5, average=0.9)


def awake(seed: int = 0) -> UNet:
    """A tiny network whose silent layers say something, as after training."""
    network = from_seed(lambda: UNet(TINY), seed)
    random = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.any():
            layer.weight.copy_(0.1 * torch.randn(layer.weight.shape, generator=random))
    return network


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(path, "ddpm", TINY, {"network": awake()}, {"images": "40 of cats.zip"})
    return path


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check: Callable[[Backbone], None], file: Path) -> None:
    check(FAMILY.configure("", str(file)))


def test_the_record() -> None:
    """Six blocks at each of three steps, of 64 pixels; known without torch, and part of a run by default."""
    backbone = FAMILY.configure()
    assert (backbone.name, backbone.size, backbone.weights) == ("ddpm", 64, FAMILY.shipped)
    assert backbone.channels == (40, 40, 40, 40, 32, 32) * 3
    assert backbone.by_default
    code = "import sys; from partbench.backbones.ddpm import DDPM; DDPM.configure(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_the_embedded_file_is_small(tmp_path: Path) -> None:
    """Less than 1 MB."""
    save(tmp_path / "w.safetensors", "ddpm", EMBEDDED, {"network": UNet(EMBEDDED)}, {})
    assert (tmp_path / "w.safetensors").stat().st_size < 1e6


def test_noise_grows_as_published() -> None:
    """The image's share falls from 0.9999 to 4e-5 (Ho et al. 2020, section 4), as in the scheduler of diffusers."""
    shares = signal_shares()
    assert len(shares) == STEPS and (shares.diff() < 0).all()
    assert shares[0].item() == pytest.approx(0.9999) and shares[-1].item() == pytest.approx(4.04e-5, rel=1e-2)
    diffusers = pytest.importorskip("diffusers")
    torch.testing.assert_close(shares, diffusers.DDPMScheduler().alphas_cumprod, rtol=1e-4, atol=1e-7)


def test_noise_can_be_taken_away() -> None:
    """What was added is found again, and the variance of noise and signal is one in all."""
    noise, kept = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.linspace(0.1, 0.9, 8)
    noisy = add_noise(IMAGES, noise, kept)
    torch.testing.assert_close(remove_noise(noisy, noise, kept), IMAGES, atol=1e-5, rtol=1e-4)
    assert torch.equal(add_noise(IMAGES, noise, torch.ones(8)), 2 * IMAGES - 1)
    assert torch.equal(add_noise(IMAGES, noise, torch.zeros(8)), noise)


def test_a_network_that_knows_an_image_samples_it() -> None:
    """From whatever noise, in any number of steps: each of its guesses of the image is right."""

    def know(noisy: Tensor, steps: Tensor) -> Tensor:
        kept = signal_shares()[steps][:, None, None, None]
        return (noisy - kept.sqrt() * (2 * IMAGES - 1)) / (1 - kept).sqrt()

    noise = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for steps in (1, 2, 9):
        torch.testing.assert_close(sample(know, noise, steps), IMAGES, atol=1e-3, rtol=1e-3)


def test_steps_are_told_apart() -> None:
    """No two of a thousand have the same sines and cosines, and those of step 0 are zeros and ones."""
    codes = sinusoids(torch.arange(STEPS), 24)
    assert torch.equal(codes[0], torch.cat([torch.zeros(12), torch.ones(12)]))
    assert torch.cdist(codes, codes).fill_diagonal_(1).min() > 1e-3


def test_layers_start_as_what_they_are_added_to() -> None:
    """A block gives its shortcut, attention its input, and a new network no noise."""
    torch.manual_seed(0)
    maps, time = torch.rand(2, 8, 4, 4), torch.rand(2, 16)
    same, wider = Residual(8, 8, 16), Residual(8, 12, 16)
    assert torch.equal(same(maps, time), maps)
    torch.testing.assert_close(wider(maps, time), wider.shortcut(maps))
    assert torch.equal(Attention(8)(maps), maps)
    assert not UNet(TINY)(IMAGES, torch.arange(8)).any()


@torch.no_grad()
def test_attention_is_that_of_its_equation() -> None:
    """softmax(QK^T / sqrt(C)) V between all places, through a 1x1 convolution, on the residual."""
    torch.manual_seed(0)
    layer, maps = Attention(8), torch.rand(2, 8, 3, 4)
    nn.init.normal_(layer.answer.weight)
    query, key, value = layer.ask(layer.norm(maps)).flatten(2).chunk(3, 1)
    weight = (torch.einsum("ncq,nck->nqk", query, key) / 8**0.5).softmax(2)
    seen = torch.einsum("nqk,nck->ncq", weight, value).unflatten(2, (3, 4))
    torch.testing.assert_close(layer(maps), maps + layer.answer(seen))


@torch.no_grad()
def test_a_block_is_that_of_its_equation() -> None:
    """Norm, SiLU, convolution; the step's shift; norm, SiLU, convolution; and the shortcut."""
    torch.manual_seed(0)
    block, maps, time = Residual(8, 12, 16), torch.rand(2, 8, 6, 6), torch.rand(2, 16)
    nn.init.normal_(block.conv2.weight)
    x = F.conv2d(F.silu(F.group_norm(maps, 4)), block.conv1.weight, block.conv1.bias, padding=1)
    x = x + F.linear(time, block.time.weight, block.time.bias).view(2, 12, 1, 1)
    x = F.conv2d(F.silu(F.group_norm(x, 4)), block.conv2.weight, block.conv2.bias, padding=1)
    torch.testing.assert_close(block(maps, time), F.conv2d(maps, block.shortcut.weight, block.shortcut.bias) + x)  # type: ignore[arg-type]


def test_every_number_of_the_network_learns() -> None:
    """Each part of it, skips included, leads to what it answers."""
    network = awake().requires_grad_(True)
    network(IMAGES, torch.arange(8) * 100).square().sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in network.parameters())


@torch.no_grad()
def test_maps_are_the_decoders_at_each_step(file: Path) -> None:
    """Coarse to fine at the steps 50, 150 and 250, of images with one noise, whatever image it is."""
    backbone, network = FAMILY.configure("", str(file)), awake()
    network.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    maps = backbone.load()(IMAGES)
    assert [layer.shape[-1] for layer in maps] == [4, 4, 8, 8, 16, 16] * 3
    noise, wanted = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)), []
    for step in (50, 150, 250):
        kept = torch.linspace(1e-4, 0.02, 1000).double().neg().add(1)[: step + 1].prod().float()
        noisy = kept.sqrt() * (2 * IMAGES - 1) + (1 - kept).sqrt() * noise
        wanted += network.blocks(noisy, torch.full((8,), step))
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_what_it_reads_with_is_recorded(file: Path) -> None:
    """Steps and noise stand in every result."""
    settings = FAMILY.configure("", str(file)).load().settings  # type: ignore[attr-defined]
    assert all(str(number) in settings for number in (*READ, 0))


def test_it_learns() -> None:
    """On a few images it soon finds a quarter of the noise, of which at first it finds none."""
    learner = Learner(lambda: DDPMLesson(TINY, RECIPE), seed=0)
    before = learner.measure(IMAGES)
    for _ in range(60):
        learner.step(IMAGES)
    after = learner.measure(IMAGES)
    assert before["noise"] == pytest.approx(1, abs=0.05)
    assert after["noise"] < 0.75 * before["noise"]
    assert after["noise, by the mean image"] == before["noise, by the mean image"] < 1
    picture = learner.picture()
    assert picture.shape == (32, 3, 32, 32) and 0 <= picture.min() <= picture.max() <= 1


def test_the_mean_image_is_told_the_best_factor() -> None:
    """No other factor of its difference has less error; with the noise itself and the images', found by search."""
    images = clouds(200, 32)
    lesson = DDPMLesson(TINY)
    steps = torch.full((200,), 250)
    _, found = lesson._errors(lesson.network.eval(), images, steps)
    noise, kept = torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(1)), signal_shares()[steps]
    difference = add_noise(images, noise, kept) - kept[0].sqrt() * (2 * images.mean(0) - 1)
    errors = [(factor * difference - noise).square().mean().item() for factor in torch.linspace(0, 2, 401)]
    assert found == pytest.approx(min(errors), rel=0.02)


def test_measuring_leaves_the_random_numbers_alone() -> None:
    """It asks the same noise of every network, and training goes on as if nobody had measured."""
    learner = Learner(lambda: DDPMLesson(TINY, RECIPE), seed=0)
    state = torch.get_rng_state()
    assert learner.measure(IMAGES) == learner.measure(IMAGES)
    assert torch.equal(torch.get_rng_state(), state)


def test_its_training_has_the_shipped_shape_at_any_size() -> None:
    """A size that the levels cannot halve is refused."""
    learner = start_training(32, "cpu", 0)
    assert isinstance(learner, Learner) and isinstance(learner.lesson, DDPMLesson)
    assert learner.lesson.config == replace(EMBEDDED, size=32)
    for size in (16, 60):
        with pytest.raises(BackboneError):
            start_training(size, "cpu", 0)


def test_a_training_may_go_on_from_its_weights(file: Path, tmp_path: Path) -> None:
    """They are restored in network and average, and what is saved again is the same."""
    learner = Learner(lambda: DDPMLesson(TINY, RECIPE), seed=3)
    learner.go_on_from(file, 800)
    learner.save(tmp_path / "again.safetensors", {})
    one, other = (FAMILY.configure("", str(path)).load()(IMAGES) for path in (file, tmp_path / "again.safetensors"))
    assert all(map(torch.equal, one, other))


def test_the_twin_is_the_network_of_its_seed(file: Path) -> None:
    """Its residual blocks pass on what comes in, other than those of other seeds and of the trained one."""
    first, again, other = (untrained(TINY, seed)(IMAGES) for seed in (5, 5, 6))
    assert all(map(torch.equal, first, again)) and not torch.equal(first[-1], other[-1])
    assert not torch.equal(first[-1], FAMILY.configure("", str(file)).load()(IMAGES)[-1])
