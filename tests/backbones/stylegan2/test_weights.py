"""A weights file is a StyleGAN2 and says so; the backbone's names choose what is read of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from partbench.backbones import stylegan2
from partbench.backbones.backbone import Backbone, BackboneError, Extractor, Generates, Inverts
from partbench.backbones.checks import CHECKS
from partbench.backbones.stylegan2 import configure
from partbench.backbones.stylegan2.config import EMBEDDED, SHAPES, StyleGAN2Config, select
from partbench.backbones.stylegan2.recipe import StyleGAN2Recipe
from partbench.backbones.stylegan2.schedule import METHODS
from partbench.backbones.stylegan2.training import StyleGAN2Trainer
from partbench.backbones.stylegan2.weights import load, read_config, save, untrained
from partbench.benchmark.plugins.catalogue import Catalogue, Offer
from partbench.benchmark.plugins.names import find_backbone
from partbench.benchmark.run.features import FeatureSource

TINY = StyleGAN2Config(size=32, latent=16, depth=2, width=256, cap=16)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(path, untrained(TINY, 0), {"images": "40 of cats.zip"})
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method in three steps."""
    for name, method in METHODS.items():
        monkeypatch.setitem(METHODS, name, replace(method, steps=3))


def test_a_file_gives_the_network_back(file: Path) -> None:
    """In float16 on disk, in float32 in memory; the features change by less than 0.2 %."""
    before, after = untrained(TINY, 0), load(file)
    styles = before.generator.broadcast(before.generator.mapping(torch.randn(4, TINY.latent)))
    quiet = [torch.zeros(1, 1, r, r) for r, _ in TINY.layers]
    (images, maps), (images2, maps2) = (n.generator.synthesis(styles, quiet) for n in (before, after))
    for old, new in zip([images, *maps], [images2, *maps2], strict=True):
        assert (old - new).norm() < 0.002 * old.norm()
        assert new.dtype == torch.float32
    dtypes = {name.endswith(".average"): value.dtype for name, value in load_file(file).items()}
    assert dtypes == {False: torch.float16, True: torch.float32}, "parameters as float16, the mean of w as it is"
    for part in after.parts().values():
        assert not part.training and not any(p.requires_grad for p in part.parameters())


def test_the_card_stands_in_the_metadata(file: Path) -> None:
    """Family, shape and model card are read without reading a tensor."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
    assert (metadata["family"], metadata["images"]) == ("stylegan2", "40 of cats.zip")
    assert json.loads(metadata["config"]) == {"size": 32, "latent": 16, "depth": 2, "width": 256, "cap": 16}
    assert read_config(file) == TINY


@pytest.mark.parametrize(
    ("variant", "group", "method"),
    [
        ("", "full", "encode"),
        ("B", "B", "encode"),
        ("full", "full", "encode"),
        ("all", "all", "encode"),
        ("optimise", "full", "optimise"),
        ("B,optimise", "B", "optimise"),
        ("descend,A-B", "A-B", "descend"),
    ],
)
def test_a_variant_chooses_layers_and_method(variant: str, group: str, method: str) -> None:
    """Words in any order, with commas; the channels are those of the group, the name is what was asked."""
    backbone = configure(variant, "")
    assert backbone.channels == tuple(EMBEDDED.layers[i][1] for i in select(EMBEDDED, group))
    assert backbone.name == ("stylegan2:" + variant if variant else "stylegan2")
    assert (backbone.size, backbone.weights) == (64, stylegan2.SHIPPED)
    assert stylegan2.parse_variant(variant) == (group, method)


def test_every_method_is_a_projection() -> None:
    """The words of the light module are those of the one that needs torch."""
    assert tuple(METHODS) == stylegan2.METHODS


def test_a_word_that_is_no_variant() -> None:
    """The sentence lists the words there are."""
    message = r"stylegan2 has no variant 'Z'; combine, with commas, any of A, B, C, A-B, B-C, all, full, encode"
    with pytest.raises(BackboneError, match=message):
        configure("B,Z", "")
    with pytest.raises(BackboneError, match="group C has no layer in a StyleGAN2 of 64 pixels"):
        configure("C", "")


def test_a_word_for_another_shape(file: Path) -> None:
    """`small` is a shape to train and has no weights; a weights file has a shape of its own."""
    backbone = configure("small", "")
    assert (backbone.size, backbone.channels[:1], backbone.weights) == (64, (SHAPES["small"].cap,), None)
    assert backbone.trainer
    trainer = backbone.trainer(32, "cpu", 0)
    assert isinstance(trainer, StyleGAN2Trainer)
    assert trainer.generator.config == replace(SHAPES["small"], size=32)
    with pytest.raises(BackboneError, match="stylegan2:small has no weights of its own; train some"):
        backbone.load()
    with pytest.raises(BackboneError, match="has its shape in it; leave the word for another out"):
        configure("small,B", str(file))


def test_a_weights_file_decides_the_shape(file: Path) -> None:
    """Size and channels come from its metadata; a missing file is told before anything runs."""
    backbone = configure("B,descend", str(file))
    assert (backbone.size, backbone.channels, backbone.weights) == (32, (16, 16), file)
    assert backbone.name == f"stylegan2:B,descend@{file}"
    with pytest.raises(BackboneError, match="there is no weights file nowhere"):
        configure("", "nowhere.safetensors")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", ["", "B,optimise"])
def test_it_passes_every_check(quick: None, file: Path, check: Callable[[Backbone], None], variant: str) -> None:
    """The backbone of a weights file is sound, whatever it reads and however images enter."""
    check(configure(variant, str(file)))


@pytest.mark.parametrize("check", CHECKS)
def test_its_untrained_twin_passes_every_check(quick: None, file: Path, check: Callable[[Backbone], None]) -> None:
    """`random:stylegan2` is sound too, and needs no file once its shape is known."""
    catalogue = Catalogue(backbones={"stylegan2": Offer(configure("", ""), "partbench")}, heads={}, datasets={})
    check(find_backbone(catalogue, f"random:stylegan2:A@{file}").record)


def test_a_loaded_one_inverts_and_generates(file: Path) -> None:
    """Both optional capabilities are there; other seeds give other twins."""
    backbone = configure("", str(file))
    loaded = backbone.load()
    assert isinstance(loaded, Inverts)
    assert isinstance(loaded, Generates)
    assert backbone.untrained is not None
    samples = [sampled(backbone.untrained(seed)) for seed in (0, 0, 1)]
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])


def sampled(twin: Extractor) -> torch.Tensor:
    assert isinstance(twin, Generates)
    return twin.sample(1, 0)[0]


def test_its_training_has_the_shipped_shape_at_any_size() -> None:
    """`partbench pretrain stylegan2 --size 32` trains the embedded shape at 32 pixels."""
    start = configure("", "").trainer
    assert start is not None
    trainer = start(32, "cpu", 0)
    assert isinstance(trainer, StyleGAN2Trainer)
    assert trainer.generator.config == replace(EMBEDDED, size=32)
    with pytest.raises(BackboneError, match="no size of 48 pixels"):
        start(48, "cpu", 0)


def test_untrained_networks_leave_the_random_numbers_alone() -> None:
    """Building the control does not change what is drawn after it."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    untrained(StyleGAN2Config(size=8, latent=8, depth=1, width=64, cap=8), 0)
    assert torch.rand(1) == expected


@pytest.mark.filterwarnings("error")
def test_finishing_teaches_the_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`finish` keeps the mean of w and trains the encoder within its budget, until its loss has fallen."""
    from partbench.backbones.stylegan2 import encoding
    from partbench.backbones.stylegan2.perceptual import discriminator_distance

    config = StyleGAN2Config(size=8, latent=8, depth=2, width=64, cap=8)
    trainer = StyleGAN2Trainer(config, recipe=StyleGAN2Recipe(batch=4))
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 100)  # a step takes 10 ms
    distance = discriminator_distance(trainer.discriminator)

    def loss() -> float:
        torch.manual_seed(1)
        with torch.no_grad():
            return encoding.encoder_loss(trainer.encoder, trainer.averaged, distance, 128).item()

    said: list[str] = []
    trainer.finish(0.0, said.append)
    before = loss()
    trainer.finish(1.5, said.append)
    assert loss() < 0.8 * before
    assert [line.split(",")[0] for line in said] == [f"encoder: {n} generated pairs" for n in (1600, 3200)]
    z = torch.randn(5000, config.latent)
    mean = trainer.averaged.mapping(z).mean(0)
    torch.testing.assert_close(trainer.averaged.average, mean, rtol=0, atol=0.05)
    trainer.save(tmp_path / "w.safetensors", {})
    torch.testing.assert_close(load(tmp_path / "w.safetensors").generator.average, mean, rtol=0, atol=0.05)
    assert all(p.requires_grad for p in trainer.discriminator.parameters()), "the training may go on"


def test_offering_it_does_not_import_torch() -> None:
    """`partbench list` needs names and channels only."""
    code = "import sys; from partbench.backbones.stylegan2 import partbench_backbones as offer; print(*offer())"
    code += "; assert 'torch' not in sys.modules and 'safetensors' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stylegan2" in done.stdout


def test_layer_groups_share_their_codes(file: Path, tmp_path: Path) -> None:
    """An image is projected once for all of them; another method, and an untrained twin, make codes of their own."""

    def codes(name: str) -> list[Path]:
        backbone = find_backbone(catalogue, name).record
        codes = FeatureSource.open(backbone, torch.device("cpu"), tmp_path).codes
        assert codes
        return codes.files(torch.zeros(1, 3, 32, 32))

    catalogue = Catalogue(backbones={"stylegan2": Offer(configure("", ""), "partbench")}, heads={}, datasets={})
    names = (f"stylegan2:A@{file}", f"stylegan2:B@{file}", f"stylegan2@{file}+position", f"stylegan2:optimise@{file}")
    a, b, position, optimised = map(codes, names)
    assert a == b == position != optimised
    assert codes(f"random:stylegan2:A@{file}") not in (a, optimised)
