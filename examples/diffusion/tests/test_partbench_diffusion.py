"""`diffusion` reads the blocks of the paper, from what diffusers saves, and keeps the contract of a backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from partbench_diffusion import BLOCKS, SMALL, STEPS, configure, open_nameless, partbench_backbones
from torch import Tensor

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS

(FAMILY,) = partbench_backbones()


@pytest.fixture(scope="module")
def network() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel.from_config(dict(SMALL)).eval()


@pytest.fixture(scope="module")
def pipeline(network: UNet2DModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline as diffusers itself saves it, with a schedule of its own."""
    folder = tmp_path_factory.mktemp("ddpm")
    DDPMPipeline(network, DDPMScheduler(beta_schedule="squaredcos_cap_v2")).save_pretrained(str(folder))
    return folder


def decoder(network: UNet2DModel, noisy: Tensor, step: int) -> list[Tensor]:
    """Every block of the decoder, computed layer by layer as the paper of DDPM draws it."""
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


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", FAMILY.examples)
def test_the_contract_is_kept(check: Callable[[Backbone], None], variant: str) -> None:
    check(configure(variant, ""))


@torch.no_grad()
def test_maps_are_the_blocks_of_the_decoder(network: UNet2DModel, pipeline: Path) -> None:
    """At every step, of the image with the share of noise that the pipeline's own schedule says."""
    backbone = configure("", str(pipeline))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    maps = backbone.load()(images)
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    schedule, wanted = DDPMScheduler(beta_schedule="squaredcos_cap_v2"), []
    for step in STEPS:
        noisy = schedule.add_noise(2 * images - 1, noise.expand_as(images), torch.tensor([step, step]))
        blocks = decoder(network, noisy, step)
        assert len(blocks) == 18
        wanted += [blocks[block] for block in BLOCKS]
    assert backbone.channels == tuple(layer.shape[1] for layer in wanted)
    for ours, theirs in zip(maps, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_papers_network_has_the_papers_channels() -> None:
    """8,448 at three steps, of a network with DDPM's widths for 256 pixels."""
    widths = {**SMALL, "block_out_channels": [256, 256, 512, 512, 1024, 1024]}
    from partbench_diffusion import Choice, layers

    assert len(STEPS) * sum(channels for _, channels in layers(widths, Choice())) == 8448


def test_the_network_may_lie_in_the_folder_itself(network: UNet2DModel, tmp_path: Path) -> None:
    """A model that was saved without its pipeline is noised as DDPM does; its weights' hash can be taken."""
    network.save_pretrained(str(tmp_path))
    backbone = configure("b12,t50", str(tmp_path))
    assert backbone.channels == (8,)
    assert backbone.weights is not None and backbone.weights.parent == tmp_path
    (layer,) = backbone.load()(torch.zeros(1, 3, 64, 64))
    assert layer.shape == (1, 8, 32, 32)


def test_another_choice_is_another_backbone(pipeline: Path) -> None:
    """Blocks and steps stand in the name."""
    backbone = configure("b5,b17,t0", str(pipeline))
    assert backbone.name == f"diffusion:b5,b17,t0@{pipeline}"
    assert backbone.channels == (24, 8)


@pytest.mark.parametrize(
    ("variant", "weights", "sentence"),
    [
        ("", "", "diffusion needs a network; name a folder"),
        ("x5", "somewhere", "diffusion has no variant 'x5'; write b5 for a block"),
        ("", "nowhere", r"nowhere holds no network of diffusers \(no config.json\)"),
        ("untrained,b18", "", "there is no block 18; the decoder has 18, counted from 0"),
    ],
)
def test_what_cannot_be_had_is_said(variant: str, weights: str, sentence: str) -> None:
    """In one sentence: the fact, the culprit, the mend."""
    with pytest.raises(BackboneError, match=sentence):
        configure(variant, weights)


def test_weights_that_would_run_code_are_not_read(network: UNet2DModel, tmp_path: Path) -> None:
    """A pickle is no weights file here."""
    network.save_pretrained(str(tmp_path), safe_serialization=False)
    with pytest.raises(BackboneError, match=r"holds no diffusion_pytorch_model.safetensors; save it again"):
        configure("", str(tmp_path))


def test_the_family_alone_cannot_be_opened() -> None:
    with pytest.raises(BackboneError, match="name one, as diffusion@FOLDER"):
        open_nameless()
