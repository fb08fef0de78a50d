"""`diffusers:` reads what diffusers saves as the papers do, layer by layer, and says what is missing."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from partbench.backbones import diffusers_models as family
from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.diffusers_models import opening
from partbench.backbones.diffusers_models.reading import DDPM, DIFT, VAE, Reading, complete, layers, parse
from partbench.backbones.diffusers_models.sizes import size_of
from partbench.backbones.diffusers_models.small import SMALL_LATENTS, SMALL_PIXELS, SMALL_VAE
from partbench.benchmark.file_hashes import weights_hash
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone

diffusers = pytest.importorskip("diffusers")

STEPS = (50, 150, 250)
PROMPT = torch.randn(1, 7, 8, generator=torch.Generator().manual_seed(3))
SD21: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 96,
    "layers_per_block": 2,
    "block_out_channels": [320, 640, 1280, 1280],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
}
SD_VAE: dict[str, Any] = {**SMALL_VAE, "block_out_channels": [128, 256, 512, 512]}


def images(size: int = 64) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def noises(count: int, *shape: int) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def make(config: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return getattr(diffusers, config["_class_name"]).from_config(dict(config)).eval()


@pytest.fixture(scope="module")
def pixels() -> Any:
    return make(SMALL_PIXELS)


@pytest.fixture(scope="module")
def ddpm(pixels: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline as diffusers itself saves it, with a schedule of its own."""
    folder = tmp_path_factory.mktemp("ddpm")
    schedule = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    diffusers.DDPMPipeline(pixels, schedule).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of a Stable Diffusion, tiny and each in its folder; the text encoder is a file that nobody opens."""
    folder = tmp_path_factory.mktemp("stable")
    make(SMALL_LATENTS, 1).save_pretrained(str(folder / "unet"))
    make(SMALL_VAE, 2).save_pretrained(str(folder / "vae"))
    schedule = diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    schedule.save_pretrained(str(folder / "scheduler"))
    (folder / "text_encoder").mkdir()
    (folder / "text_encoder" / "model.safetensors").write_bytes(b"text")
    (folder / "README.md").write_text("---\nlicense: openrail++\n---\nA model.\n")
    return folder


@pytest.fixture
def prompted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text encoder that says `PROMPT` of no text."""
    monkeypatch.setattr(opening, "empty_prompt", lambda _source: PROMPT)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", family.EXAMPLES)
def test_the_contract_is_kept(check: Callable[[Backbone], None], variant: str) -> None:
    check(family.configure(variant, ""))


def decoder(network: Any, noisy: Tensor, step: int) -> list[Tensor]:
    """Every block of a UNet2DModel's decoder, computed layer by layer as the paper of DDPM draws it."""
    time = network.time_embedding(network.time_proj(torch.full((len(noisy),), step)))
    x = network.conv_in(noisy)
    kept = [x]
    for level in network.down_blocks:
        x, passed = level(x, time)
        kept += passed
    x, blocks = network.mid_block(x, time), []
    for level in network.up_blocks:
        for place, residual in enumerate(level.resnets):
            x = residual(torch.cat([x, kept.pop()], dim=1), time)
            if hasattr(level, "attentions"):
                x = level.attentions[place](x)
            if place == len(level.resnets) - 1 and level.upsamplers:
                x = level.upsamplers[0](x)
            blocks.append(x)
    return blocks


@torch.no_grad()
def test_ddpm_gives_the_blocks_of_the_decoder(pixels: Any, ddpm: Path) -> None:
    """At every step, of the image with the share of noise that the pipeline's own schedule says."""
    backbone = family.configure("", str(ddpm))
    maps = backbone.load()(images())
    noise = noises(1, 3, 64, 64).expand(2, -1, -1, -1)
    schedule, wanted = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"), []
    for step in STEPS:
        blocks = decoder(pixels, schedule.add_noise(2 * images() - 1, noise, torch.tensor([step, step])), step)
        assert len(blocks) == 18
        wanted += [blocks[index] for index in (5, 6, 7, 8, 12)]
    assert tuple(layer.shape[1] for layer in maps) == backbone.channels
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def hooked(network: nn.Module, name: str, call: Callable[[], object]) -> Tensor:
    """The output of a layer of a whole network."""
    seen: list[Tensor] = []
    handle = network.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    call()
    handle.remove()
    return seen[0]


@torch.no_grad()
def test_dift_is_the_mean_of_eight_noises(stable: Path, prompted: None) -> None:
    """The second up block at step 261, of the whole network, on latents with the noise of the pipeline's scheduler."""
    network = diffusers.UNet2DConditionModel.from_pretrained(str(stable / "unet"))
    vae = diffusers.AutoencoderKL.from_pretrained(str(stable / "vae"))
    schedule = diffusers.DDIMScheduler.from_pretrained(str(stable / "scheduler"))
    latents = vae.encode(2 * images() - 1).latent_dist.mean * 0.18215
    found = []
    for noise in noises(8, 4, 8, 8):
        noisy = schedule.add_noise(latents, noise.expand(2, -1, -1, -1), torch.tensor([261, 261]))

        def call(noisy: Tensor = noisy) -> object:
            return network(noisy, 261, encoder_hidden_states=PROMPT.expand(2, -1, -1))

        found.append(hooked(network, "up_blocks.1", call))
    (ours,) = family.configure("dift,64", str(stable)).load()(images())
    torch.testing.assert_close(ours, torch.stack(found).mean(0), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(ours, found[0], atol=1e-3)


@torch.no_grad()
def test_cleandift_sees_no_noise(stable: Path, prompted: None) -> None:
    """The third layer of the second up block, before it enlarges its map, of the latents as they are."""
    network = diffusers.UNet2DConditionModel.from_pretrained(str(stable / "unet"))
    vae = diffusers.AutoencoderKL.from_pretrained(str(stable / "vae"))
    latents = vae.encode(2 * images() - 1).latent_dist.mean * 0.18215

    def call() -> object:
        return network(latents, 261, encoder_hidden_states=PROMPT.expand(2, -1, -1))

    wanted = hooked(network, "up_blocks.1.attentions.2", call)[0]
    backbone = family.configure("cleandift,64", str(stable))
    (ours,) = backbone.load()(images())
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_vae_gives_the_blocks_of_the_decoder(stable: Path) -> None:
    """Fourteen of them, coarse to fine, of the latents' mean; computed here layer by layer."""
    vae = diffusers.AutoencoderKL.from_pretrained(str(stable / "vae"))
    backbone = family.configure("vae,64", str(stable))
    maps, read = backbone.load()(images()), vae.decoder
    x = read.conv_in(vae.post_quant_conv(vae.encode(2 * images() - 1).latent_dist.mean))
    wanted = [x := read.mid_block.resnets[0](x, None)]
    wanted.append(x := read.mid_block.resnets[1](read.mid_block.attentions[0](x), None))
    for level in read.up_blocks:
        for block in level.resnets:
            wanted.append(x := block(x, None))
        for enlarge in level.upsamplers or ():
            x = enlarge(x)
    assert [layer.shape[-1] for layer in maps] == [8] * 5 + [16] * 3 + [32] * 3 + [64] * 3
    assert tuple(layer.shape[1] for layer in maps) == backbone.channels
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_tiny_autoencoder_is_read_by_its_class(tmp_path: Path) -> None:
    """The maps are its decoder's ten residual blocks, and nobody has to say `vae`."""
    vae = diffusers.AutoencoderTiny().eval()
    vae.save_pretrained(str(tmp_path))
    maps, x, wanted = family.configure("64", str(tmp_path)).load()(images()), vae.encode(2 * images() - 1).latents, []
    x = 3 * torch.tanh(x / 3)
    for layer in vae.decoder.layers:
        x = layer(x)
        if type(layer).__name__ == "AutoencoderTinyBlock":
            wanted.append(x)
    assert len(wanted) == 10
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_published_networks_have_the_published_channels() -> None:
    """8,448 of DDPM (Baranchuk et al., section 4.1), 1,280 at 768 pixels of DIFT, 5,248 of Stable Diffusion's VAE."""
    large = {**SMALL_PIXELS, "block_out_channels": [256, 256, 512, 512, 1024, 1024], "sample_size": 256}
    reading = complete(Reading(), large, "it")
    assert (reading.kind, reading.steps, size_of(reading, large, large)) == (DDPM, STEPS, 256)
    assert len(STEPS) * sum(layer.channels for layer in layers(reading, large)) == 8448
    reading = complete(Reading(), SD21, "it")
    assert (reading.kind, reading.noises, size_of(reading, SD21, SD_VAE)) == (DIFT, 8, 768)
    assert layers(reading, SD21) == [("up_blocks.1", 1280)]
    assert layers(complete(parse("cleandift"), SD21, "it"), SD21) == [("up_blocks.1.attentions.2", 1280)]
    widths = [channels for _, channels in layers(complete(parse("vae"), SD_VAE, "it"), SD_VAE)]
    assert widths == [512] * 8 + [256] * 3 + [128] * 3


def test_what_is_read_is_recorded(stable: Path, ddpm: Path, prompted: None) -> None:
    """Blocks, steps and noises stand in every result, and so does the licence where the card says it."""
    backbone = family.configure("dift,64,n2,t100", str(stable))
    assert backbone.load().settings == "blocks 1 at steps 100, mean of 2 noises of seed 0"  # type: ignore[attr-defined]
    assert backbone.origin == "licence openrail++"
    assert family.configure("", str(ddpm)).origin.startswith("licence not stated")
    plain = family.configure("cleandift,64", str(stable)).load()
    assert plain.settings == "blocks 1 at steps 261, no noise"  # type: ignore[attr-defined]


def test_another_choice_is_another_backbone(ddpm: Path) -> None:
    """Blocks and steps stand in the name."""
    backbone = family.configure("b5,b17,t0", str(ddpm))
    assert backbone.name == f"diffusers:b5,b17,t0@{ddpm}"
    assert backbone.channels == (24, 8)


def test_the_network_may_lie_in_the_folder_itself(pixels: Any, tmp_path: Path) -> None:
    """A model that was saved without its pipeline is noised as DDPM does."""
    pixels.save_pretrained(str(tmp_path))
    backbone = family.configure("b12,t50", str(tmp_path))
    (layer,) = backbone.load()(torch.zeros(1, 3, 64, 64))
    assert layer.shape == (1, 8, 32, 32)
    assert backbone.weights == (tmp_path / "diffusion_pytorch_model.safetensors",)


@torch.no_grad()
def test_weights_in_several_files_are_one_network(pixels: Any, ddpm: Path, tmp_path: Path) -> None:
    """As diffusers saves large ones, with an index; all of them are in the hash."""
    pixels.save_pretrained(str(tmp_path), max_shard_size="100KB")
    backbone = family.configure("", str(tmp_path))
    assert isinstance(backbone.weights, tuple) and len(backbone.weights) > 1
    before = weights_hash(backbone.weights)
    whole = family.configure("t0,b5", str(tmp_path)).load()(images())
    torch.testing.assert_close(whole[0], family.configure("t0,b5", str(ddpm)).load()(images())[0], atol=0.01, rtol=0.01)
    with backbone.weights[-1].open("ab") as file:
        file.write(b" ")
    assert weights_hash(backbone.weights) != before
    backbone.weights[0].unlink()
    with pytest.raises(BackboneError):
        family.configure("", str(tmp_path))


def test_a_result_belongs_to_all_networks_that_it_reads(stable: Path) -> None:
    """U-Net, autoencoder and text encoder of dift; of vae the autoencoder alone."""
    files = {kind: family.configure(f"{kind},64", str(stable)).weights for kind in (VAE, DIFT)}
    assert [[file.parent.name for file in found or ()] for found in files.values()] == [  # type: ignore[union-attr]
        ["vae"],
        ["unet", "vae", "text_encoder"],
    ]


def on_hub(root: Path, folder: Path, commit: str) -> None:
    """A folder in the cache of the hub, as huggingface_hub lays it out, behind the branch `main`."""
    repo = root / "models--user--repo"
    (repo / "refs").mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    for file in (path for path in folder.rglob("*") if path.is_file()):
        data, link = file.read_bytes(), repo / "snapshots" / commit / file.relative_to(folder)
        blob = repo / "blobs" / hashlib.sha256(data).hexdigest()
        blob.write_bytes(data)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


@torch.no_grad()
def test_a_repository_of_the_hub_is_read_from_its_cache(
    stable: Path, ddpm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network; the commit and the licence stand in every result, and a revision may be named."""
    from huggingface_hub import constants

    commit = "c" * 40
    on_hub(tmp_path, stable, commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    catalogue = load_catalogue()
    for name in ("hf-hub:user/repo", f"hf-hub:user/repo@{commit}"):
        backbone = find_backbone(catalogue, f"diffusers:vae,64@{name}").record
        assert backbone.origin == f"{name} at commit {commit}, licence openrail++"
        local = family.configure("vae,64", str(stable)).load()(images())
        assert all(map(torch.equal, backbone.load()(images()), local))
    for missing in ("hf-hub:user/other", "hf-hub:user/repo@v2", "hf-hub:user", "hf-hub:user/repo/unet"):
        with pytest.raises(BackboneError):
            find_backbone(catalogue, f"diffusers:vae@{missing}")


def test_an_empty_prompt_is_what_the_text_encoder_says(stable: Path, tmp_path: Path) -> None:
    """Of a start, an end and padding to the full length; through the true tokenizer and encoder."""
    transformers = pytest.importorskip("transformers")
    from partbench.backbones.diffusers_models.networks import empty_prompt
    from partbench.backbones.diffusers_models.sources import open_source

    words = ["<|startoftext|>", "<|endoftext|>", "a</w>"]
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    (tmp_path / "vocab.json").write_text(str({word: index for index, word in enumerate(words)}).replace("'", '"'))
    tokenizer = transformers.CLIPTokenizer(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"), model_max_length=7, pad_token="<|endoftext|>"
    )
    tokenizer.save_pretrained(str(tmp_path / "tokenizer"))
    config = transformers.CLIPTextConfig(
        vocab_size=3, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=7, eos_token_id=1, bos_token_id=0,
    )  # fmt: skip
    encoder = transformers.CLIPTextModel(config).eval()
    encoder.save_pretrained(str(tmp_path / "text_encoder"))
    said = empty_prompt(open_source(str(tmp_path)))
    with torch.no_grad():
        wanted = encoder(torch.tensor([[0, 1, 1, 1, 1, 1, 1]])).last_hidden_state
    torch.testing.assert_close(said, wanted)


@pytest.mark.parametrize(
    ("variant", "weights"),
    [("", ""), ("x5", "somewhere"), ("", "nowhere"), ("untrained,b18", ""), ("untrained", "somewhere"),
     ("vae,untrained,b1", ""), ("vae,untrained,n2", ""), ("cleandift,untrained,n2", ""), ("ddpm,untrained,n0", ""),
     ("dift,untrained,n2,n3", ""), ("dift,untrained,b4", ""), ("vae,untrained,100", ""), ("dift,untrained,72", "")],
)  # fmt: skip
def test_what_cannot_be_had_is_refused(variant: str, weights: str) -> None:
    """A word, a block, a number of noises or a size that there is none of, and a folder that is not there."""
    with pytest.raises(BackboneError):
        family.configure(variant, weights)


def test_a_pipeline_without_a_part_is_refused(ddpm: Path, stable: Path, pixels: Any, tmp_path: Path) -> None:
    """Another reading than the network's class, a lone U-Net of latents, a pickle, settings that are none."""
    make(SMALL_LATENTS).save_pretrained(str(tmp_path / "alone"))
    pixels.save_pretrained(str(tmp_path / "pickle"), safe_serialization=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for variant, folder in {
        "dift": ddpm, "vae": ddpm, "ddpm": stable, "": tmp_path / "alone", "b5": tmp_path / "pickle",
        "b6": tmp_path / "broken",
    }.items():  # fmt: skip
        with pytest.raises(BackboneError):
            family.configure(variant, str(folder))


def test_weights_of_another_shape_are_refused(pixels: Any, tmp_path: Path) -> None:
    """Numbers of one network beside the settings of another."""
    pixels.save_pretrained(str(tmp_path))
    make({**SMALL_PIXELS, "block_out_channels": [16] * 6}).save_config(str(tmp_path))
    with pytest.raises(BackboneError):
        family.configure("", str(tmp_path)).load()


def test_numbers_that_a_file_lacks_are_not_drawn(pixels: Any, tmp_path: Path) -> None:
    """diffusers would go on with random ones."""
    pixels.save_pretrained(str(tmp_path))
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    save_file(
        {name: value.clone() for name, value in state.items() if name != "up_blocks.1.resnets.0.conv1.bias"}, file
    )
    with pytest.raises(BackboneError):
        family.configure("", str(tmp_path)).load()


def test_half_precision_is_read_as_float32(ddpm: Path, tmp_path: Path) -> None:
    """Maps are float32 whatever was saved."""
    network = diffusers.UNet2DModel.from_pretrained(str(ddpm / "unet"))
    network.half().save_pretrained(str(tmp_path))
    halves, whole = (family.configure("b5,t0", str(path)).load()(images())[0] for path in (tmp_path, ddpm))
    assert halves.dtype == torch.float32
    torch.testing.assert_close(halves, whole, atol=0.02, rtol=0.02)


def test_naming_asks_for_no_library(ddpm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels are declared without diffusers; opening says that it is missing."""
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert family.configure("", str(ddpm)).channels == (24, 16, 16, 16, 8) * 3
    for variant, weights in {"": str(ddpm), "vae,untrained": ""}.items():
        with pytest.raises(BackboneError, match="install partbench"):
            family.configure(variant, weights).load()
