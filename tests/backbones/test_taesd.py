"""`taesd` reads published files as they lie, gives an image back, and its maps are the decoder's blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from partbench.backbones import taesd
from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.taesd.checkpoints import load, pair
from partbench.backbones.taesd.config import TaesdConfig
from partbench.backbones.taesd.networks import Taesd
from partbench.backbones.weights import from_seed
from partbench.benchmark.file_hashes import file_hash, weights_hash

SHAPES = {"taesd": TaesdConfig(), "taesd3": TaesdConfig(latent=16), "taef2": TaesdConfig(latent=32, pooled=True)}
"""The layouts that were published."""


def publish(folder: Path, name: str, seed: int = 0) -> Path:
    """The two files of an autoencoder as its author publishes them: float16, each half by itself; the decoder's."""
    network = from_seed(lambda: Taesd(SHAPES[name]), seed)
    for part in ("encoder", "decoder"):
        state = {key: value.half() for key, value in network.get_submodule(part).state_dict().items()}
        torch.save(state, folder / f"{name}_{part}.pth")
    return folder / f"{name}_decoder.pth"


def clouds(size: int = 64) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["", "taef2"])
def test_the_contract_is_kept(check: Callable[[Backbone], None], name: str, tmp_path: Path) -> None:
    """Untrained, and with a pooled pair's files."""
    check(taesd.configure("64", str(publish(tmp_path, name))) if name else taesd.configure("64,untrained", ""))


@pytest.mark.parametrize("name", SHAPES)
def test_a_published_pair_is_read_by_either_file(name: str, tmp_path: Path) -> None:
    """Its shape is found in it, its numbers become float32, and its latents are an eighth as wide as the image."""
    decoder = publish(tmp_path, name, seed=3)
    network, same = load(pair(decoder)), load(pair(tmp_path / f"{name}_encoder.pth"))
    truth = from_seed(lambda: Taesd(SHAPES[name]), 3)
    for key, value in truth.state_dict().items():
        assert torch.equal(network.state_dict()[key], value.half().float())
        assert torch.equal(network.state_dict()[key], same.state_dict()[key])
    assert network.encoder(clouds()).shape == (2, SHAPES[name].latent, 8, 8)


def test_the_files_have_the_published_number_of_tensors(tmp_path: Path) -> None:
    """79 in each of FLUX.2's, and four less for each of the three blocks that look at the whole image in others."""
    for name, count in {"taef2": 79, "taesd": 67}.items():
        publish(tmp_path, name)
        for part in ("encoder", "decoder"):
            assert len(torch.load(tmp_path / f"{name}_{part}.pth", weights_only=True)) == count


@torch.no_grad()
def test_it_computes_what_diffusers_does() -> None:
    """The autoencoder without the pooled branch is diffusers' `AutoencoderTiny`, whose images are in [-1, 1]."""
    diffusers = pytest.importorskip("diffusers")
    theirs, ours = diffusers.AutoencoderTiny().eval(), from_seed(lambda: Taesd(TaesdConfig()), 0)
    for part in ("encoder", "decoder"):
        pairs = zip(ours.get_submodule(part).parameters(), theirs.get_submodule(part).parameters(), strict=True)
        for mine, yours in pairs:
            mine.copy_(yours)
    decoded = theirs.decode(theirs.encode(2 * clouds() - 1).latents).sample
    torch.testing.assert_close(ours(clouds()), ((decoded + 1) / 2).clamp(0, 1), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_pooled_block_adds_what_the_whole_image_says(tmp_path: Path) -> None:
    """A group norm of a widened map, added before the residual."""
    block = load(pair(publish(tmp_path, "taef2"))).get_submodule("decoder.3")
    weight = dict(block.named_parameters())
    maps = torch.rand(2, 64, 4, 4, generator=torch.Generator().manual_seed(2))
    wide = torch.einsum("oi,nihw->nohw", weight["pool.0.weight"][:, :, 0, 0], maps).unflatten(1, (4, 64))
    spread, mean = torch.var_mean(wide, (2, 3, 4), keepdim=True, correction=0)
    normal = ((wide - mean) / (spread + 1e-5).sqrt()).flatten(1, 2)
    normal = normal * weight["pool.1.weight"][:, None, None] + weight["pool.1.bias"][:, None, None]
    pooled = maps + torch.einsum("oi,nihw->nohw", weight["pool.3.weight"][:, :, 0, 0], normal.relu())
    wanted = (pooled + block.get_submodule("conv")(pooled)).relu()
    torch.testing.assert_close(block(maps), wanted, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_maps_are_the_blocks_of_the_decoder(tmp_path: Path) -> None:
    """Ten of them, coarse to fine, computed here layer by layer; the last one is what the image is made from."""
    file = publish(tmp_path, "taesd3")
    backbone, network = taesd.configure("64", str(file)), load(pair(file))
    maps, x, wanted = backbone.load()(clouds()), network.encoder(clouds()), []
    for layer in network.decoder:
        x = layer(x)
        if type(layer).__name__ == "Block":
            wanted.append(x)
    assert [layer.shape[-1] for layer in maps] == [8] * 3 + [16] * 3 + [32] * 3 + [64]
    assert tuple(layer.shape[1] for layer in maps) == backbone.channels
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_result_belongs_to_both_files(tmp_path: Path) -> None:
    """The hash of the weights is another once either half is."""
    file = publish(tmp_path, "taesd")
    before = weights_hash(taesd.configure("", str(file)).weights)
    (tmp_path / "other").mkdir()
    publish(tmp_path / "other", "taesd", seed=1)
    (tmp_path / "other" / "taesd_encoder.pth").replace(tmp_path / "taesd_encoder.pth")
    after = weights_hash(taesd.configure("", str(file)).weights)
    assert None not in (before, after) and before != after and before != file_hash(file)


def test_the_twin_has_the_shape_of_the_files(tmp_path: Path) -> None:
    """`random:taesd@FILE` is as pooled and has as many latents as FILE's, and other numbers."""
    backbone = taesd.configure("64", str(publish(tmp_path, "taef2", seed=5)))
    assert backbone.untrained is not None
    twin, trained = (dict(network.named_parameters()) for network in (backbone.untrained(0), backbone.load()))  # type: ignore[attr-defined]
    assert {name: value.shape for name, value in twin.items()} == {n: v.shape for n, v in trained.items()}
    assert not torch.equal(*(state["module.encoder.0.weight"] for state in (twin, trained)))


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    """With the numbers of the .pth files."""
    file = publish(tmp_path, "taesd")
    for part in ("encoder", "decoder"):
        state = torch.load(tmp_path / f"taesd_{part}.pth", weights_only=True)
        save_file(state, tmp_path / f"taesd_{part}.safetensors")
    one, other = load(pair(file)), load(pair(file.with_suffix(".safetensors")))
    assert all(map(torch.equal, one.parameters(), other.parameters()))


@pytest.mark.parametrize(
    ("variant", "weights"),
    [("", ""), ("100", "taesd_decoder.pth"), ("nothing", "taesd_decoder.pth"), ("untrained", "taesd_decoder.pth"),
     ("", "nowhere_decoder.pth"), ("", "weights.pth"), ("", "alone_decoder.pth")],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(
    variant: str, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size that eight does not divide, a word, weights for an untrained one, and half of a pair."""
    monkeypatch.chdir(tmp_path)
    publish(Path(), "taesd")
    Path("alone_decoder.pth").write_bytes(Path("taesd_decoder.pth").read_bytes())
    with pytest.raises(BackboneError):
        taesd.configure(variant, weights)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    """A file with a tensor less, one of no tensors, and one that is no number."""
    file = publish(tmp_path, "taesd")
    state = torch.load(file, weights_only=True)
    for wrong in (
        {k: v for k, v in state.items() if k != "19.bias"},
        {**state, "19.bias": "three"},
        state | {"19.bias": state["19.bias"] * torch.nan},
    ):
        torch.save(wrong, file)
        with pytest.raises(BackboneError):
            taesd.configure("64", str(file)).load()
