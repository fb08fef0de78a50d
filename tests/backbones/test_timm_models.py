"""Any model of timm is a backbone: maps as declared, where the image is, and from the weights that were named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.timm_models import configure, features, parse_variant, partbench_backbones
from partbench.backbones.timm_models.extractor import TimmExtractor, fit
from partbench.backbones.timm_models.features import build, config_of, describe, nearest, read
from partbench.benchmark.plugins.catalogue import Catalogue, Offer
from partbench.benchmark.plugins.names import find_backbone

CHANNELS = {
    "resnet10t,96": (64, 64, 128, 256, 512),
    "resnext26ts,64": (64, 256, 512, 1024, 2048),
    "regnetx_002,96": (32, 24, 56, 152, 368),
    "densenet121,64": (64, 256, 512, 1024, 1024),
    "convnext_atto,64": (40, 80, 160, 320),
    "efficientnet_b0,64": (16, 24, 40, 112, 320),
    "tf_efficientnet_b0,64": (16, 24, 40, 112, 320),
    "mobilenetv3_small_050,64": (16, 8, 16, 24, 288),
    "swin_tiny_patch4_window7_224,64": (96, 192, 384, 768),
    "maxvit_pico_rw_256,64": (32, 32, 64, 128, 256),
    "coatnet_pico_rw_224,64": (64, 64, 128, 256, 512),
    "vit_tiny_patch16_224,128": (192, 192, 192, 192),
    "deit_tiny_distilled_patch16_224,128": (192, 192, 192, 192),
    "vit_small_patch14_reg4_dinov2,112": (384, 384, 384, 384),
    "eva02_tiny_patch14_224,112": (192, 192, 192, 192),
}
"""Models of every kind, small and at a small size, and the channels of their maps."""


def opened(variant: str, weights: str = "") -> TimmExtractor:
    extractor = configure(variant, weights).load()
    assert isinstance(extractor, TimmExtractor)
    return extractor


@cache
def untrained(variant: str) -> Backbone:
    """An untrained model that is loaded once."""
    backbone = configure(f"{variant},untrained", "")
    extractor = backbone.load()
    return replace(backbone, load=lambda: extractor)


def noise(size: int, count: int = 1) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def close(one: list[Tensor], other: list[Tensor], tolerance: float = 1e-4) -> bool:
    if [layer.shape for layer in one] != [layer.shape for layer in other]:
        return False
    return all((a - b).abs().max() <= tolerance * a.abs().max() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("variant", CHANNELS)
def test_it_passes_every_check(variant: str, check: Callable[[Backbone], None]) -> None:
    """A model of whatever kind is a sound backbone."""
    check(untrained(variant))


@pytest.mark.parametrize("variant", CHANNELS)
def test_its_channels_are_the_models(variant: str) -> None:
    """They are found out without weights; every map tiles the image, and none is larger than it."""
    backbone = untrained(variant)
    maps = backbone.load()(noise(backbone.size))
    assert tuple(m.shape[1] for m in maps) == backbone.channels == CHANNELS[variant]
    assert all(backbone.size % m.shape[-1] == 0 and m.shape[-1] == m.shape[-2] for m in maps)


@pytest.mark.parametrize(
    ("variant", "size", "channels"),
    [
        ("vgg11", 224, (64, 128, 256, 512, 512, 512)),
        ("beit_base_patch16_224", 224, (768,) * 4),
        ("beit_base_patch16_224,64", 64, (768,) * 4),
        ("vit_base_patch14_dinov2,224", 224, (768,) * 4),
        ("resnet50.a1_in1k", 224, (64, 256, 512, 1024, 2048)),
        ("vit_small_patch14_reg4_dinov2", 518, (384,) * 4),
    ],
)
def test_a_large_model_is_configured_at_once(variant: str, size: int, channels: tuple[int, ...]) -> None:
    """Its size and channels are known without the memory of its weights; the size is its own unless one is named."""
    backbone = configure(variant, "")
    assert (backbone.name, backbone.size, backbone.channels) == (f"timm:{variant}", size, channels)


@pytest.mark.parametrize(
    "name", ["resnet10t", "convnext_atto", "regnetx_002", "mobilenetv3_small_050", "densenet121", "tf_efficientnet_b0"]
)
def test_a_shifted_image_shifts_the_maps(name: str) -> None:
    """A convolutional model's map of stride s answers a shift by s pixels with a shift by one cell."""
    extractor = untrained(f"{name},128").load()
    image = spot(extractor, 128)
    for layer in extractor(image):
        stride = 128 // layer.shape[-1]
        if stride <= 8:  # beyond, what the borders do is felt everywhere
            (moved,) = [m for m in extractor(image.roll((stride, stride), (2, 3))) if m.shape == layer.shape]
            assert close([inside(layer.roll((1, 1), (2, 3)))], [inside(moved)])


def test_models_from_tensorflow_look_further_down_and_right() -> None:
    """As documented: of stride s, by s - 1 pixels against the same network with symmetric padding."""
    plain, same = (untrained(f"{name},128").load() for name in ("efficientnet_b0", "tf_efficientnet_b0"))
    image = spot(plain, 128)
    for index, stride in enumerate((2, 4, 8)):
        shifted = plain(image.roll((1 - stride, 1 - stride), (2, 3)))[index]
        # Their batch norms differ in epsilon, by a twentieth of a percent each.
        assert close([inside(shifted)], [inside(same(image)[index])], 0.02)
        assert not close([inside(plain(image)[index])], [inside(same(image)[index])], 0.02)


def spot(extractor: object, size: int) -> Tensor:
    """A noisy spot amid the model's mean colour, which normalises to the zero that convolutions pad with."""
    assert isinstance(extractor, TimmExtractor)
    image = extractor.mean.expand(1, 3, size, size).clone()
    middle = slice(size // 2 - 8, size // 2 + 8)
    image[:, :, middle, middle] = noise(16)
    return image


def inside(layer: Tensor) -> Tensor:
    edge = layer.shape[-1] // 4
    return layer[:, :, edge:-edge, edge:-edge]


@pytest.mark.parametrize(("name", "mean"), [("resnet10t", 0.485), ("vit_tiny_patch16_224", 0.5)])
def test_images_are_normalised_as_the_model_was_trained(name: str, mean: float) -> None:
    """The network reads the image less the mean, over the deviation, that timm keeps beside its weights."""
    extractor, config = untrained(f"{name},128").load(), config_of(name)
    assert isinstance(extractor, TimmExtractor)
    assert config.mean[0] == mean
    images = noise(128, 2)
    normal = torch.stack([normalize(image, config.mean, config.std) for image in images])
    assert close(extractor(images), describe(extractor.network, extractor.reading, normal))


@pytest.mark.parametrize(
    ("variant", "side", "built_for"),
    [
        ("vit_tiny_patch16_224,100", 96, 96),  # to the nearest multiple of the patch
        ("vit_small_patch14_reg4_dinov2,96", 98, 98),
        ("vit_tiny_patch16_224", 224, None),  # its own size
        ("resnet10t,100", 96, None),
        ("resnet10t,40", 32, None),
        ("mixer_s16_224,96", 224, None),  # mixes a fixed number of patches
        ("visformer_tiny,96", 224, None),  # runs at 96, but timm cannot carry its weights over
        ("levit_128s", 224, None),  # a fixed size, though no multiple of its stride of 64
    ],
)
def test_the_image_is_resized_so_that_the_maps_tile_it(variant: str, side: int, built_for: int | None) -> None:
    """A size becomes the nearest multiple of the stride, or the only size that the model takes."""
    asked = parse_variant(variant)
    reading = read(asked.model, asked.size)
    assert (reading.side, reading.built_for) == (side, built_for)


def test_a_resized_image_keeps_its_edges() -> None:
    """A ramp from edge to edge is the same ramp at another size, and an image of the right size is itself."""
    ramp, finer = ((torch.arange(size) + 0.5) / size for size in (96, 98))
    resized = fit(ramp.expand(1, 3, 96, 96), 98)
    assert torch.allclose(resized[0, 0, 0, 1:-1], finer[1:-1], atol=1e-6)
    images = noise(64)
    assert fit(images, 64) is images


@given(st.integers(1, 2000), st.integers(1, 64))
def test_the_nearest_multiple(size: int, step: int) -> None:
    """It is one, differs by half a step at most unless the size is smaller, and keeps what is one already."""
    near = nearest(size, step)
    assert near % step == 0
    assert abs(near - size) <= step / 2 or near == step
    assert nearest(near, step) == near


def test_tokens_lie_where_their_patches_are() -> None:
    """Without attention, a ViT answers a change in one patch in that cell alone: no class token is among the maps."""
    extractor = opened("vit_small_patch14_reg4_dinov2,112,untrained")
    for name, module in extractor.network.named_modules():
        if name.endswith("attn.proj"):
            assert isinstance(module, nn.Linear)
            module.weight.zero_()
    images = noise(112)
    changed = images.clone()
    changed[:, :, 2 * 14 : 3 * 14, 5 * 14 : 6 * 14] += 0.5
    for before, after in zip(extractor(images), extractor(changed), strict=True):
        assert (before - after).abs().sum(1).nonzero().tolist() == [[0, 2, 5]]


def weights_of(name: str, seed: int = 1, **arguments: int) -> dict[str, Tensor]:
    """A model's weights with its classifier, as timm saves them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = timm.create_model(name, **arguments)
    return model.state_dict()


@pytest.mark.parametrize(
    ("variant", "file"),
    [("resnet10t,64", "w.pth"), ("resnet10t,64", "w.bin"), ("vit_tiny_patch16_224", "w.safetensors")],
)
def test_a_file_gives_its_weights(tmp_path: Path, variant: str, file: str) -> None:
    """As safetensors, state_dict or training checkpoint, whatever classifier is in it."""
    asked, path = parse_variant(variant), tmp_path / file
    name, size = asked.model, asked.size
    state = weights_of(name, num_classes=7)
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        wrapped = {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 3}
        torch.save(wrapped if path.suffix == ".bin" else state, path)
    backbone, network = configure(variant, str(path)), timm.create_model(name, num_classes=7).eval()
    assert (backbone.name, backbone.weights) == (f"timm:{variant}@{path}", path)
    network.load_state_dict(state)
    images, config = noise(backbone.size), config_of(name)
    with torch.no_grad():
        expected = describe(network, read(name, size), normalize(images, config.mean, config.std))
    extractor = backbone.load()
    assert isinstance(extractor, TimmExtractor)
    assert close(extractor(images), expected, 1e-5)
    assert not any(p.requires_grad for p in extractor.parameters()) and not extractor.training


def test_a_files_positions_are_resampled(tmp_path: Path) -> None:
    """A ViT's file serves at another size than its own; the positions in it become coarser."""
    state = weights_of("vit_tiny_patch16_224")
    state["pos_embed"] = torch.arange(197.0)[None, :, None].expand(1, 197, 192).clone()
    torch.save(state, tmp_path / "w.pth")
    network = opened("vit_tiny_patch16_224,112", str(tmp_path / "w.pth")).network
    positions = network.get_parameter("pos_embed")[0, 1:, 0].view(7, 7)
    assert torch.allclose(positions[1:-1, 1:-1].diff(dim=0), torch.tensor(28.0), atol=2)  # two rows of 14


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "there is no weights file .*w.pth; check the name behind '@'"),
        ("text", r"w.pth cannot be read as weights \(.*\); save a state_dict"),
        ("empty", r"w.pth holds no weights; save a state_dict"),
        ("module", r"w.pth cannot be read as weights \(.*\); save a state_dict"),
        ("numbers", r"w.pth holds no weights; save a state_dict"),
        ("deeper", r"w.pth holds other weights than those of resnet10t \(.*\); name the model"),
        ("incomplete", r"w.pth holds other weights than those of resnet10t \(.*\); name the model"),
        ("foreign", r"w.pth holds other weights than those of resnet10t \(.*\); name the model"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path: Path, kind: str, message: str) -> None:
    """One sentence says what is wrong with it and what to do."""
    path, state = tmp_path / "w.pth", weights_of("resnet10t")
    contents: dict[str, object] = {
        "empty": {},
        "module": nn.Linear(2, 2),
        "numbers": {"epoch": 3},
        "deeper": state | {"layer4.1.conv1.weight": torch.zeros(512, 512, 3, 3)},
        "incomplete": {key: value for key, value in state.items() if "layer3" not in key},
        "foreign": {"a": torch.zeros(1)},
    }
    if kind == "text":
        path.write_text("not a tensor in it")
    elif kind in contents:
        torch.save(contents[kind], path)
    with pytest.raises(BackboneError, match=message) as caught:
        opened("resnet10t,64", str(path))
    assert "\n" not in str(caught.value)


def test_missing_weights_are_told_even_where_timm_is_lenient(tmp_path: Path) -> None:
    """timm loads whatever it finds into a DLA; we do not."""
    state = {key: value for key, value in weights_of("dla46_c").items() if "level3" not in key}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=r"holds other weights than those of dla46_c \(level3.*is missing\)"):
        opened("dla46_c,64", str(tmp_path / "w.pth"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network, and an empty cache of the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_weights_that_cannot_be_fetched(offline: Path) -> None:
    """The sentence says which they are and the three ways to go on; the untrained twin needs none."""
    backbone = configure("resnet10t.c3_in1k,64", "")
    message = (
        r"the weights of resnet10t.c3_in1k are neither in the cache nor to be had "
        r"\(timm/resnet10t.c3_in1k, model.safetensors: .*\); go online once, "
        r"name a file of them with timm:resnet10t.c3_in1k@FILE, or do without by timm:resnet10t.c3_in1k,untrained"
    )
    with pytest.raises(BackboneError, match=message) as caught:
        backbone.load()
    assert "\n" not in str(caught.value)
    assert backbone.untrained is not None
    backbone.untrained(0)


def test_weights_in_the_cache_need_no_network(offline: Path) -> None:
    """Those that timm once fetched are found where the hub's client keeps them."""
    state, folder = weights_of("resnet10t"), offline / "models--timm--resnet10t.c3_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    save_file(state, folder / "snapshots" / ("0" * 40) / "model.safetensors", metadata={"format": "pt"})
    torch.save(state, offline / "w.pth")
    hub, file = opened("resnet10t.c3_in1k,64"), opened("resnet10t.c3_in1k,64", str(offline / "w.pth"))
    assert close(hub(noise(64)), file(noise(64)), 0)
    record = configure("resnet10t.c3_in1k,64", "")
    assert record.origin == hub.origin == f"hf-hub:timm/resnet10t.c3_in1k at commit {'0' * 40}"
    assert (record.licence, file.origin) == ("apache-2.0", "")


def test_a_model_without_weights() -> None:
    """Not every model of timm has been trained; it can still be a control."""
    with pytest.raises(BackboneError, match="timm has no weights of seresnet18; name a file"):
        configure("seresnet18", "").load()


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("", "'timm:' names no model; write one, as timm:resnet18.a1_in1k"),
        (",96", "'timm:,96' names no model"),
        ("resnet81", r"has no model 'resnet81'; did you mean resnet18"),
        ("resnet18.a9_in1k", r"has no weights 'resnet18.a9_in1k'; did you mean resnet18.a"),
        ("???", r"has no model '\?\?\?'; partbench takes the names of timm.list_models\(\)"),
        (
            "resnet18,big",
            r"timm has no use for 'big'; write, each at most once, a size in pixels, one of last\+norm, last",
        ),
        ("resnet18,0", "timm:resnet18,0 reads no images of 0 pixels"),
    ],
)
def test_a_name_that_stands_for_nothing(variant: str, message: str) -> None:
    """It is told before anything is loaded, with what was probably meant."""
    with pytest.raises(BackboneError, match=message) as caught:
        configure(variant, "")
    assert "\n" not in str(caught.value)


def test_untrained_with_weights() -> None:
    """A file for an untrained model is a contradiction."""
    with pytest.raises(BackboneError, match=r"is untrained and has no use for w\.pth; leave one of the two out"):
        configure("resnet18,untrained", "w.pth")


def test_the_family_by_itself() -> None:
    """It stands in the list without channels, and says what is missing when it is opened."""
    family = next(iter(partbench_backbones()))
    assert (family.name, family.size, family.channels, family.untrained) == ("timm", 224, (), None)
    assert not family.by_default
    with pytest.raises(BackboneError, match=r"timm is a family of models; name one, as timm:resnet18\.a1_in1k"):
        family.load()


def test_listing_imports_no_timm() -> None:
    """The record of the family is light."""
    code = "import sys, partbench.backbones.timm_models as t; list(t.partbench_backbones());"
    code += "print({'torch', 'timm', 'torchvision'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_twin_is_the_network_before_training(tmp_path: Path) -> None:
    """`random:timm:NAME` differs from the trained one, is decided by its seed, and draws nothing that others draw."""
    torch.save(weights_of("resnet10t"), tmp_path / "w.pth")
    catalogue = Catalogue({"timm": Offer(next(iter(partbench_backbones())), "partbench")}, {}, {})
    trained, twin = (
        find_backbone(catalogue, f"{prefix}timm:resnet10t,64@{tmp_path / 'w.pth'}").record for prefix in ("", "random:")
    )
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    maps = twin.load()(noise(64))
    trained_maps = trained.load()(noise(64))
    assert torch.rand(1) == expected
    assert trained.channels == twin.channels
    assert not close(list(maps), list(trained_maps), 0.01)
    assert close(list(maps), opened("resnet10t,64,untrained")(noise(64)), 0)
    assert trained.untrained is not None
    assert not close(list(maps), list(trained.untrained(1)(noise(64))), 0.01)


@pytest.mark.parametrize("variant", ["resnet10t,64", "swin_tiny_patch4_window7_224,64"])
def test_models_without_forward_intermediates(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    """In older versions of timm many lack it: the modules in `feature_info` give the same maps, channels first."""
    extractor = untrained(variant).load()
    assert isinstance(extractor, TimmExtractor)
    expected, network = extractor(noise(64)), type(extractor.network)
    monkeypatch.delattr(network, "forward_intermediates")
    assert close(opened(f"{variant},untrained")(noise(64)), expected, 1e-6)


def test_models_that_meta_tensors_do_not_suit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads numbers from its tensors as it is built is tried out with true ones."""

    def reading(*arguments: object, **others: object) -> nn.Module:
        assert torch.zeros(1).item() == 0  # raises on the meta device
        return build(*arguments, **others)  # type: ignore[arg-type]  # passes on what it is given

    expected = read("resnet10t", 64)
    monkeypatch.setattr(features, "build", reading)
    assert read("resnet10t", 64) == expected
