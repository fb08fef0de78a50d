"""Words of a name choose the maps that are read today: of which blocks, and through which norm."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import BackboneError
from partbench.backbones.timm_models import configure
from partbench.backbones.timm_models.extractor import TimmExtractor
from partbench.backbones.timm_models.features import read
from partbench.backbones.timm_models.layers import four_even, quarters


def test_the_quarters_of_a_plain_model() -> None:
    """Of 12 blocks they are the four that DINOv2 reads for depth; a shallow model gives all that it has."""
    assert quarters(12) == (2, 5, 8, 11)
    assert quarters(24) == (5, 11, 17, 23)
    assert (quarters(4), quarters(3), quarters(1)) == ((0, 1, 2, 3), (0, 1, 2), (0,))


def test_four_even_blocks() -> None:
    """As DINOv3's evaluations have them: those of a ViT-L are given, others are counted in fourths."""
    assert (four_even(12), four_even(24), four_even(40)) == ((2, 5, 8, 11), (4, 11, 17, 23), (9, 19, 29, 39))
    assert (four_even(27), four_even(4)) == ((5, 11, 17, 23), (0, 1, 2, 3))
    with pytest.raises(BackboneError, match="four-even needs four blocks, and here are 3"):
        four_even(3)


@torch.no_grad()
@pytest.mark.parametrize(
    "variant", ["vit_tiny_patch16_224,64", "vit_small_patch16_dinov3,64", "vit_small_patch14_reg4_dinov2,70"]
)
def test_last_and_norm_is_what_the_model_gives(variant: str) -> None:
    """The patch tokens of `forward_features`, each in its place: no class or register token is among them."""
    extractor = configure(f"{variant},last+norm,untrained", "").load()
    assert isinstance(extractor, TimmExtractor)
    network, images = extractor.network, torch.rand(1, 3, extractor.reading.side, extractor.reading.side)
    tokens = features_of(extractor, images)[:, network.num_prefix_tokens :]  # type: ignore[misc]
    (layer,) = extractor(images)
    torch.testing.assert_close(layer.flatten(2).mT, tokens)
    (raw,) = configure(f"{variant},last,untrained", "").load()(images)
    assert raw.shape == layer.shape and not torch.allclose(raw, layer, atol=0.1)


@torch.no_grad()
@pytest.mark.parametrize("variant", ["swin_tiny_patch4_window7_224,64", "samvit_base_patch16,64"])
def test_last_and_norm_of_other_kinds(variant: str) -> None:
    """The last stage of a Swin, and the image embedding of a SAM with 256 channels, as the models give them."""
    extractor = configure(f"{variant},last+norm,untrained", "").load()
    assert isinstance(extractor, TimmExtractor)
    images = torch.rand(1, 3, 64, 64)
    expected = features_of(extractor, images)
    (layer,) = extractor(images)
    torch.testing.assert_close(layer, expected.movedim(-1, 1) if "swin" in variant else expected)


def features_of(extractor: TimmExtractor, images: Tensor) -> Tensor:
    """What timm's own `forward_features` gives of images as the extractor has them."""
    forward = extractor.network.forward_features
    found: Tensor = forward((images - extractor.mean) / extractor.deviation)  # type: ignore[operator]
    return found


@pytest.mark.parametrize(
    ("model", "layers", "indices", "norm"),
    [
        ("vit_small_patch16_dinov3", "four-even", (2, 5, 8, 11), True),
        ("vit_large_patch16_dinov3", "four-even", (4, 11, 17, 23), True),
        ("vit_large_patch16_dinov3", "", (5, 11, 17, 23), True),
        ("vit_large_patch16_dinov3", "last+norm", (23,), True),
        ("vit_large_patch16_dinov3", "last", (23,), False),
        ("samvit_base_patch16", "four-even", (2, 5, 8, 11), False),
        ("sam2_hiera_tiny", "four-even", (0, 1, 2, 3), False),
        ("convnext_atto", "last", (3,), False),
    ],
)
def test_a_word_chooses_the_maps(model: str, layers: str, indices: tuple[int, ...], norm: bool) -> None:
    """Of plain models blocks, of others stages; the order of the words does not matter."""
    reading = read(model, 224, layers)
    assert (reading.indices, reading.norm, len(reading.channels)) == (indices, norm, len(indices))
    if layers:
        assert configure(f"{model},{layers},224", "").channels == configure(f"{model},224,{layers}", "").channels


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("sam2_hiera_tiny,last+norm", "sam2_hiera_tiny gives no map through a final norm; .* with the word last"),
        ("vit_pe_spatial_small_patch16_512,last+norm", "gives no map through a final norm"),
        ("resnet18,four-even", "resnet18 has 5 stages, of which no four are even; leave out four-even"),
    ],
)
def test_a_reading_that_a_model_has_not(variant: str, message: str) -> None:
    """It is refused, and not read in another way."""
    with pytest.raises(BackboneError, match=message):
        configure(variant, "")
