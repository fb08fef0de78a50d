"""The VAE gives images back through a vector; the outputs of its decoder's convolutions are the maps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from partbench.backbones.backbone import Backbone, BackboneError, Generates, Inverts
from partbench.backbones.checks import CHECKS
from partbench.backbones.checks.probes import clouds
from partbench.backbones.training.learner import AdamRecipe, Learner
from partbench.backbones.vae import VAE as FAMILY
from partbench.backbones.vae.config import EMBEDDED, VAEConfig
from partbench.backbones.vae.loss import VAELesson, VAELossWeights, divergence
from partbench.backbones.vae.networks import VAE, Down, Up, VAEDecoder, convolutions, draw
from partbench.backbones.vae.perceptual import Perceptual, perceptual_distance, pixel_distance
from partbench.backbones.vae.weights import VAEExtractor, load, read_config, save, untrained
from partbench.backbones.weights.vgg import FILES, vgg_weights

TINY = VAEConfig(size=32, latent=32, width=256, cap=16)
IMAGES = clouds(8, 32)


def keeping_places(network: VAE) -> VAE:
    """The network with a code of two channels at every place of the encoder's last map, and nothing else."""
    nn.init.eye_(network.encoder.statistics.weight)
    nn.init.eye_(network.decoder.start.weight)
    return network


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(path, keeping_places(untrained(TINY, 0)), {"images": "40 of cats.zip"})
    return path


@pytest.fixture(scope="module")
def distance() -> Perceptual:
    """The substitute for VGG19."""
    return perceptual_distance(None)


def trainer(**recipe: Any) -> Learner:
    """A quick training of the tiny shape."""
    return Learner(lambda: VAELesson(TINY, None, AdamRecipe(**({"batch": 8, "warmup": 5, "average": 0.9} | recipe))))


def test_a_file_gives_the_network_back(file: Path) -> None:
    """In float16 on disk, in float32 in memory, frozen; the maps change by less than 0.2 %."""
    before, after = VAEExtractor(keeping_places(untrained(TINY, 0))), VAEExtractor(load(file))
    for old, new in zip(before(IMAGES), after(IMAGES), strict=True):
        assert (old - new).norm() < 0.002 * old.norm()
        assert new.dtype == torch.float32
    assert not any(p.requires_grad for p in after.parameters())
    assert not any(module.training for module in load(file).modules())


def test_the_card_and_the_shape_stand_in_the_metadata(file: Path, tmp_path: Path) -> None:
    """Family, shape and model card are read without a tensor; a training adds what measured its pictures."""
    assert read_config(file) == TINY
    path = tmp_path / "w.safetensors"
    trainer().save(path, {"seed": "0"})
    with safe_open(path, framework="pt") as opened:
        metadata = opened.metadata()
    assert (metadata["family"], metadata["seed"], metadata["perceptual"]) == ("vae", "0", "random-vgg19")
    assert json.loads(metadata["config"]) == {"size": 32, "latent": 32, "width": 256, "cap": 16}


def test_what_is_no_vae_is_refused(file: Path) -> None:
    """A missing file, a variant and a size that there is not are told in one sentence."""
    with pytest.raises(BackboneError, match="there is no weights file nowhere"):
        FAMILY.configure("", "nowhere.safetensors")
    with pytest.raises(BackboneError, match="vae has no variant 'B'; leave it out, or name a weights file as vae@FILE"):
        FAMILY.configure("B", str(file))
    start = FAMILY.configure("", "").trainer
    assert start is not None
    with pytest.raises(BackboneError, match="no size of 48 pixels; choose 32, 64, 128 or 256"):
        start(48, "cpu", 0)


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(file: Path, check: Callable[[Backbone], None]) -> None:
    """The backbone of a weights file is sound; with a code that keeps places, rows and columns stay in order."""
    check(FAMILY.configure("", str(file)))


@pytest.mark.parametrize("check", CHECKS)
def test_its_untrained_twin_passes_the_checks(file: Path, check: Callable[[Backbone], None]) -> None:
    """So is the network before training; but its code is a vector, and what changes in it changes everywhere."""
    backbone = FAMILY.configure("", str(file))
    assert backbone.untrained is not None
    twin = backbone.untrained(0)
    check(Backbone("random:vae", backbone.size, backbone.channels, load=lambda: twin, local=False))


def test_a_twin_follows_its_seed_and_nothing_else(file: Path) -> None:
    """The same seed gives the same network, which is not the trained one; the random numbers stay where they were."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    networks = [untrained(TINY, seed) for seed in (0, 0, 1)]
    assert torch.rand(1) == expected
    last = [VAEExtractor(network)(IMAGES)[-1] for network in (*networks, load(file))]
    assert torch.equal(last[0], last[1])
    assert not torch.allclose(last[0], last[2])
    assert not torch.allclose(last[0], last[3])


def test_it_generates_and_does_not_invert(file: Path) -> None:
    """Images enter in one pass; samples are decoded from the prior, and their last map is their colours."""
    loaded = FAMILY.configure("", str(file)).load()
    assert isinstance(loaded, Generates)
    assert not isinstance(loaded, Inverts)
    images, maps = loaded.sample(3, 1)
    torch.testing.assert_close(images, maps[-1].sigmoid())
    codes = torch.randn(3, TINY.latent, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(images, load(file).decoder(codes))


@pytest.mark.parametrize("config", [VAEConfig(), EMBEDDED, TINY, VAEConfig(128, 8, 999, 40)])
def test_the_maps_are_all_convolutions_of_the_decoder_in_forward_order(config: VAEConfig) -> None:
    """Sides and channels are those that the shape declares without torch; each Conv2d is there, once."""
    seen: list[str] = []
    with torch.device("meta"):
        decoder = VAEDecoder(config).eval()
        for name, layer in decoder.named_modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda *_, name=name: seen.append(name))
        maps = VAEExtractor(_with(VAE(config), decoder)).decode(torch.zeros(1, config.latent))
    assert tuple(seen) == convolutions(decoder)
    assert tuple((m.shape[-1], m.shape[1]) for m in maps) == config.layers


def _with(network: VAE, decoder: VAEDecoder) -> VAE:
    network.decoder = decoder
    return network


def test_the_embedded_one_is_small(tmp_path: Path) -> None:
    """Encoder and decoder have under a million parameters each, the file under 3.6 MB; images are of 64 pixels."""
    network, path = untrained(EMBEDDED, 0), tmp_path / "w.safetensors"
    for part in (network.encoder, network.decoder):
        assert 0.6e6 < sum(p.numel() for p in part.parameters()) < 1e6
    save(path, network, {})
    assert path.stat().st_size < 3.6e6
    backbone = FAMILY.configure("", "")
    assert (backbone.size, backbone.weights) == (64, FAMILY.shipped)


def test_blocks_are_residual() -> None:
    """Without their two convolutions, blocks are their shortcut: a 1x1 with stride 2 down, repeated pixels up."""
    torch.manual_seed(0)
    x = torch.rand(2, 4, 8, 8)
    for block in (Down(4, 6), Up(4, 6), Up(4, 4)):
        nn.init.zeros_(block.eval().norm2.weight)
        y = block(x)
        if isinstance(block, Down):
            expected = block.shortcut(x)
        else:
            expected = block.shortcut(x.repeat_interleave(2, 2).repeat_interleave(2, 3))
        torch.testing.assert_close(y, expected.relu())


def test_codes_are_drawn_as_they_say() -> None:
    """Mean and variance of what is drawn are those given, and both receive a gradient."""
    torch.manual_seed(0)
    mean, log_variance = torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.0, -2.0]])
    drawn = draw(mean.expand(20_000, 2), log_variance.expand(20_000, 2))
    torch.testing.assert_close(drawn.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(drawn.var(0).log(), log_variance[0], rtol=0, atol=0.05)
    mean.requires_grad_(), log_variance.requires_grad_()
    draw(mean, log_variance).sum().backward()
    assert mean.grad is not None and log_variance.grad is not None and log_variance.grad.any()


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_the_divergence_is_that_of_torch(seed: int) -> None:
    """It equals `kl_divergence` of the two normal distributions, is never negative, and zero at the prior."""
    mean, log_variance = 2 * torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    code = Independent(Normal(mean, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), 1.0), 1)
    found = divergence(mean, log_variance)
    torch.testing.assert_close(found, kl_divergence(code, prior))
    assert (found >= 0).all()
    assert not divergence(torch.zeros(1, 5), torch.zeros(1, 5)).any()


@given(st.integers(0, 10**6), st.sampled_from(["perceptual", "pixel"]))
@settings(max_examples=10)
def test_distances_are_metrics(distance: Perceptual, seed: int, which: str) -> None:
    """Zero for the same picture, positive for others, symmetric, and never shorter by way of a third picture."""
    a, b, c = torch.rand(3, 2, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    measure = distance if which == "perceptual" else pixel_distance
    assert not measure(a, a).any()
    assert (measure(a, b) > 0).all()
    torch.testing.assert_close(measure(a, b), measure(b, a))
    assert (measure(a, c) <= measure(a, b) + measure(b, c) + 1e-5).all()


def test_the_substitute_is_a_thin_vgg19(distance: Perceptual) -> None:
    """Sixteen layers with a quarter of the channels of torchvision's, the same every time, each counting alike."""
    from torchvision.models.vgg import cfgs

    assert distance.name == "random-vgg19"
    features = distance.features(IMAGES)
    assert [f.shape[1] * 4 for f in features] == [width for width in cfgs["E"] if width != "M"]
    assert [f.shape[-1] for f in features] == [32] * 2 + [16] * 2 + [8] * 4 + [4] * 4 + [2] * 4
    torch.testing.assert_close(distance(IMAGES, IMAGES.flip(0)), perceptual_distance(None)(IMAGES, IMAGES.flip(0)))
    assert not any(p.requires_grad for p in distance.parameters())


def test_the_farther_a_picture_is_the_longer_the_distance(distance: Perceptual) -> None:
    """The coarser a blur the farther it is, by both; and noise on a blur never pays in the terms that are trained."""
    noise = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    images = (clouds(8, 32) + noise / 4).clamp(0, 1)
    blurs = [F.interpolate(F.avg_pool2d(images, side), (32, 32), mode="bilinear") for side in (2, 8, 32)]
    for measure in (distance, pixel_distance):
        lengths = [measure(images, blur).mean() for blur in blurs]
        assert all(one < other for one, other in pairwise(lengths))
    noisy = (blurs[-1] + noise.roll(1, 0)).clamp(0, 1)
    near, far = (
        VAELossWeights.pixel * pixel_distance(images, other) + VAELossWeights.perceptual * distance(images, other)
        for other in (blurs[-1], noisy)
    )
    assert near.mean() < far.mean()


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of torch hub's with a VGG19 of random weights in it, without its classifier."""
    from torchvision.models import vgg19

    with torch.device("meta"):
        network = vgg19().features
    random = torch.Generator().manual_seed(0)
    state = {f"features.{k}": torch.randn(v.shape, generator=random) / 30 for k, v in network.state_dict().items()}
    folder = tmp_path_factory.mktemp("hub")
    (folder / "checkpoints").mkdir()
    torch.save(state | {"classifier.0.weight": torch.zeros(1)}, folder / "checkpoints" / FILES["vgg19"])
    return folder


def test_vgg19_is_used_where_torchvision_keeps_it(vgg: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its features are the ReLUs of torchvision's own network on normalised images; nothing is fetched."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert vgg_weights("vgg19") is None
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(vgg))
    path = vgg_weights("vgg19")
    assert path == vgg / "checkpoints" / FILES["vgg19"]
    found = perceptual_distance(path)
    assert found.name == "vgg19"
    for ours, theirs in zip(found.features(IMAGES), _torchvision_relus(path), strict=True):
        torch.testing.assert_close(ours, theirs)


def _torchvision_relus(path: Path) -> list[Tensor]:
    from torchvision.models import vgg19
    from torchvision.models.feature_extraction import create_feature_extractor
    from torchvision.transforms.v2.functional import normalize

    with torch.device("meta"):
        network = vgg19()
    network.features.load_state_dict(
        {k.removeprefix("features."): v for k, v in torch.load(path).items() if k.startswith("features.")}, assign=True
    )
    names = [f"{i}" for i, layer in enumerate(network.features) if isinstance(layer, nn.ReLU)]
    images = normalize(IMAGES, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return list(create_feature_extractor(network.features.eval(), names)(images).values())


def test_a_file_that_is_no_vgg19_is_named(tmp_path: Path) -> None:
    """A download cut short, or another network, is told in one sentence."""
    path = tmp_path / FILES["vgg19"]
    for content in (b"", b"half a file"):
        path.write_bytes(content)
        with pytest.raises(BackboneError, match="is no VGG19 of torchvision's"):
            perceptual_distance(path)
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(BackboneError, match=r"is no VGG19 of torchvision's .*; delete it, or fetch it again") as caught:
        perceptual_distance(path)
    assert "\n" not in str(caught.value)


def test_it_learns_to_give_images_back() -> None:
    """In some dozens of steps on four pictures the loss halves, and what comes back beats their mean."""
    learner, images = trainer(batch=4, rate=5e-3), IMAGES[:4]
    sums = [sum(learner.step(images).values()) for _ in range(60)]
    assert sum(sums[-5:]) < 0.5 * sum(sums[:5])
    scores = learner.measure(images)
    assert scores["mse"] < scores["mse of the mean image"]
    assert scores["perceptual"] < scores["perceptual of the mean image"]
    assert scores["kl"] > 1, "the code says something"


def test_a_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Two steps, a state on disk and two more are four steps, the codes that are drawn included."""
    straight = trainer()
    expected = [straight.step(IMAGES) for _ in range(4)]
    first = trainer()
    assert [first.step(IMAGES) for _ in range(2)] == expected[:2]
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = trainer()
    torch.manual_seed(99)
    second.load_state_dict(torch.load(tmp_path / "state.pt"))
    assert [second.step(IMAGES) for _ in range(2)] == expected[2:]
    for old, new in zip(straight.result.state_dict().values(), second.result.state_dict().values(), strict=True):
        assert torch.equal(old, new)


def test_scores_are_means_over_images_beside_the_mean_image() -> None:
    """However many are measured at once; the squared error of the images' mean is their variance."""
    learner, images = trainer(), clouds(40, 32)
    scores = learner.measure(images)
    assert list(scores) == ["mse", "mse of the mean image", "perceptual", "perceptual of the mean image", "kl"]
    halves = [learner.lesson.measure(learner.result, half)["mse"] for half in (images[:20], images[20:])]
    with torch.no_grad():
        assert scores["mse"] == pytest.approx(sum(halves) / 2, rel=1e-4)
        assert scores["mse"] == pytest.approx(F.mse_loss(learner.result(images), images).item(), rel=1e-4)
    assert scores["mse of the mean image"] == pytest.approx(images.var(0, correction=0).mean().item(), rel=1e-4)


def test_a_picture_shows_pairs_and_samples_and_draws_nothing() -> None:
    """Originals with what became of them, then as many from the prior; the training's random numbers are untouched."""
    learner = trainer()
    learner.step(IMAGES)
    before = torch.get_rng_state()
    grid = learner.picture()
    assert torch.equal(before, torch.get_rng_state())
    assert grid.shape == (32, 3, 32, 32)
    assert torch.equal(grid[0:16:2], IMAGES)
    with torch.no_grad():
        torch.testing.assert_close(grid[1:16:2], learner.result(IMAGES))
    assert grid.min() >= 0 and grid.max() <= 1


def test_offering_it_does_not_import_torch() -> None:
    """`partbench list` needs names and channels only."""
    code = "import sys; from partbench.backbones.vae import partbench_backbones as offer; print(*offer())"
    code += "; assert not {'torch', 'torchvision', 'safetensors'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "vae" in done.stdout
