"""Pix2Pix translates images as published, and its decoder is the representation."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from skimage.restoration import denoise_bilateral
from sklearn.metrics import f1_score
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.pix2pix import family, partbench_backbones
from partbench.backbones.pix2pix.config import EMBEDDED, SIZES, TASKS, Pix2PixConfig
from partbench.backbones.pix2pix.networks import (
    PatchDiscriminator,
    UNetGenerator,
    extractor,
    load,
    read_config,
    save,
    untrained,
)
from partbench.backbones.pix2pix.tasks import (
    INPUTS,
    Bilateral,
    Color,
    Edges,
    TranslationTask,
    bilateral,
    lab_to_rgb,
    open_task,
    rgb_to_lab,
)
from partbench.backbones.pix2pix.training import IN_PICTURE, Pix2PixRecipe, Pix2PixTrainer

TINY = {task: Pix2PixConfig(task, size=32, width=4, cap=8) for task in TASKS}


def slopes(images: Tensor) -> Tensor:
    """A stand-in for HED: where brightness changes from one pixel to the next."""
    grey = F.pad(images.mean(1, keepdim=True), (0, 1, 0, 1), mode="replicate")
    across, down = grey[..., :-1, 1:] - grey[..., :-1, :-1], grey[..., 1:, :-1] - grey[..., :-1, :-1]
    return (2 * (across.abs() + down.abs())).clamp(0, 1)


def a_task(name: str) -> TranslationTask:
    """The task of this name, with the stand-in for its detector."""
    return Edges(slopes) if name == "hed" else open_task(name, torch.device("cpu"))


def blocks(count: int, seed: int = 0) -> Tensor:
    """Images (count, 3, 32, 32) of coloured blocks, whose colour follows from their brightness, and some noise."""
    generator = torch.Generator().manual_seed(seed)
    grey = F.interpolate(torch.rand(count, 1, 4, 4, generator=generator), (32, 32))
    colored = torch.cat([grey, 0.8 * grey**2, 0.3 + 0.4 * grey], dim=1)
    return (colored + 0.05 * torch.randn(count, 3, 32, 32, generator=generator)).clamp(0, 1)


def trainer(name: str, seed: int = 0, rate: float = 1e-2) -> Pix2PixTrainer:
    """A tiny training at fifty times the published rate."""
    recipe = Pix2PixRecipe(batch=4, rate=rate, average=0.9)
    return Pix2PixTrainer(TINY[name], seed=seed, recipe=recipe, task=a_task(name))


@pytest.fixture(scope="module", params=list(TASKS))
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A task, and a tiny network's weights for it."""
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    save(path, untrained(TINY[request.param], 0), {"images": "40 of cats.zip"})
    return request.param, path


# The record


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(file: tuple[str, Path], check: Callable[[Backbone], None]) -> None:
    """The backbone of a weights file is sound."""
    check(family(file[0]).configure("", str(file[1])))


@pytest.mark.parametrize("check", CHECKS)
def test_its_untrained_twin_passes_every_check(file: tuple[str, Path], check: Callable[[Backbone], None]) -> None:
    """So is the same network before training."""
    backbone = family(file[0]).configure("", str(file[1]))
    twin = backbone.untrained
    assert twin is not None
    check(replace(backbone, load=lambda: twin(1)))


def test_three_records_come_from_one_hook() -> None:
    """The maps are those of the decoder at 64 pixels; only the last one is of the task."""
    records = {record.name: record for record in partbench_backbones()}
    assert {name: record.channels for name, record in records.items()} == {
        "pix2pix-color": (112, 112, 64, 32, 16, 2),
        "pix2pix-hed": (112, 112, 64, 32, 16, 1),
        "pix2pix-bilateral": (112, 112, 64, 32, 16, 3),
    }
    assert [(r.size, r.weights) for r in records.values()] == [(64, family(task).shipped) for task in TASKS]


def test_offering_it_does_not_import_torch() -> None:
    """`partbench list` needs names and channels only."""
    code = "import sys; from partbench.backbones.pix2pix import partbench_backbones as offer; print(*offer())"
    code += "; assert not {'torch', 'safetensors'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pix2pix-bilateral" in done.stdout


def test_a_name_that_cannot_be_had() -> None:
    """The sentence says what to leave out or to choose."""
    with pytest.raises(
        BackboneError,
        match=r"^pix2pix-hed has no variant 'B'; leave it out, or name a weights file as pix2pix-hed@FILE$",
    ):
        family("hed").configure("B", "")
    with pytest.raises(BackboneError, match=r"^Pix2Pix has no size of 48 pixels; choose one of 32, 64, 128, 256, 512$"):
        replace(EMBEDDED["color"], size=48)
    with pytest.raises(BackboneError, match=r"^Pix2Pix has no task 'depth'; choose one of color, hed, bilateral$"):
        Pix2PixConfig(task="depth")


# Weights


def test_a_file_gives_the_network_back(file: tuple[str, Path]) -> None:
    """Shape, running statistics and, within float16, the maps."""
    task, path = file
    generator = UNetGenerator(TINY[task])
    with torch.no_grad():
        generator.train()(INPUTS[task](blocks(8)))  # other running statistics than at the start
    before = extractor(generator)(blocks(2))
    save(path.with_name(f"again-{task}.safetensors"), generator, {})
    after = load(path.with_name(f"again-{task}.safetensors"), task)
    assert after.config == TINY[task] == read_config(path, task)
    for old, new in zip(before, extractor(after)(blocks(2)), strict=True):
        assert (old - new).norm() < 0.005 * old.norm()
    assert not after.training and not any(p.requires_grad for p in after.parameters())


def test_the_shipped_shapes_are_small(tmp_path: Path) -> None:
    """Each file of the embedded shape has at most 3 MB."""
    for task, config in EMBEDDED.items():
        save(tmp_path / "w.safetensors", untrained(config, 0), {})
        assert 2.5e6 < (tmp_path / "w.safetensors").stat().st_size <= 3.0e6, task


def test_a_file_that_is_none(file: tuple[str, Path], tmp_path: Path) -> None:
    """A missing file, a file of text and one of another task are errors that say what to do."""
    task, path = file
    (other,) = [name for name in ("color", "hed") if name != task][:1]
    with pytest.raises(BackboneError, match=f"holds no pix2pix-{other} of ours; make one with: partbench pretrain pix"):
        family(other).configure("", str(path))
    with pytest.raises(BackboneError, match="there is no weights file nowhere"):
        family(task).configure("", "nowhere.safetensors")
    (tmp_path / "text.safetensors").write_text("not a tensor in it")
    with pytest.raises(BackboneError, match="cannot be read as safetensors"):
        family(task).configure("", str(tmp_path / "text.safetensors"))


def test_a_twin_follows_its_seed_and_nothing_else(file: tuple[str, Path]) -> None:
    """The same seed gives the same twin, another seed another, and what is drawn afterwards does not change."""
    backbone = family(file[0]).configure("", str(file[1]))
    assert backbone.untrained is not None
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, same, other = (backbone.untrained(seed)(blocks(1)) for seed in (7, 7, 8))
    assert torch.rand(1) == expected
    trained = backbone.load()(blocks(1))
    for a, b, c, d in zip(one, same, other, trained, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c) and not torch.equal(a, d)


# The networks


def test_the_default_is_the_published_network() -> None:
    """C64-C128-C256-C512 x 5 and CD512 x 3-C512-C256-C128-C64; no norm in the first and in the innermost layer."""
    narrow = Pix2PixConfig(width=2, cap=16)
    generator, discriminator = UNetGenerator(narrow), PatchDiscriminator(narrow)
    assert Pix2PixConfig().encoder == (64, 128, 256, 512, 512, 512, 512, 512)
    assert Pix2PixConfig().decoder == (512, 512, 512, 512, 256, 128, 64, 2)

    def having(kind: type[nn.Module], layers: nn.Module) -> list[bool]:
        return [any(isinstance(part, kind) for part in layer.modules()) for layer in layers.children()]

    assert having(nn.BatchNorm2d, generator.encoder) == [False, *[True] * 6, False]
    assert having(nn.BatchNorm2d, generator.decoder) == [*[True] * 7, False]
    assert having(nn.Dropout, generator.decoder) == [True] * 3 + [False] * 5
    convs = [m for m in discriminator.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.out_channels, c.stride[0]) for c in convs] == [(2, 2), (4, 2), (8, 2), (16, 1), (1, 1)]
    kernels = [m.kernel_size for m in generator.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert kernels == [(4, 4)] * 16


@pytest.mark.parametrize("size", SIZES)
def test_the_maps_are_the_decoders_convolutions(size: int) -> None:
    """One map for each doubling, 2 to S; the last, through tanh, is the output."""
    generator = untrained(Pix2PixConfig("bilateral", size, width=2, cap=4), 0)
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    maps = extractor(generator)(images)
    assert [layer.shape[-1] for layer in maps] == [2**i for i in range(1, size.bit_length())]
    assert tuple(layer.shape[1] for layer in maps) == generator.config.decoder
    assert torch.equal(maps[-1].tanh(), generator(images * 2 - 1))


def test_the_last_layer_sees_the_encoder_directly() -> None:
    """With the way through the middle cut, the skips alone still carry the image to the output."""
    generator = untrained(TINY["bilateral"], 0)
    first = generator.get_submodule("decoder.0.0")
    assert isinstance(first, nn.ConvTranspose2d)
    nn.init.zeros_(first.weight)
    one, other = extractor(generator)(blocks(1)), extractor(generator)(blocks(1, seed=1))
    assert torch.equal(one[0], other[0])
    assert all(not torch.equal(a, b) for a, b in zip(one[1:], other[1:], strict=True))


@pytest.mark.parametrize(("size", "patch"), [(32, 7), (64, 16), (128, 34), (256, 70), (512, 142)])
def test_the_discriminator_sees_patches(size: int, patch: int) -> None:
    """Each of its 30 x 30 outputs answers to a patch of 9 S / 32 - 2 pixels: 70 of 256, as published."""
    config = Pix2PixConfig("hed", size, width=2, cap=4)
    discriminator = PatchDiscriminator(config).eval()
    inputs = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    logits = discriminator(inputs, torch.zeros(1, 1, size, size))
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert inputs.grad is not None
    seen = inputs.grad.abs().sum((0, 1))
    assert [int((seen.sum(axis) > 0).sum()) for axis in (0, 1)] == [patch, patch] == [config.patch] * 2
    assert patch == 9 * size // 32 - 2


# Colours


def test_lab_is_that_of_scikit_image() -> None:
    """Within 0.02, since its matrix has two more digits than the standard's."""
    colors = torch.rand(2, 3, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    colors[0, :, 0, :2] = torch.tensor([[0.0, 1.0]]).expand(3, 2).double()
    colors[1] *= 0.05  # the line beside the root, and the line beside the power
    lab = rgb_to_lab(colors)
    np.testing.assert_allclose(lab.permute(0, 2, 3, 1), rgb2lab(colors.permute(0, 2, 3, 1).numpy()), atol=0.02)
    np.testing.assert_allclose(lab_to_rgb(lab).permute(0, 2, 3, 1), lab2rgb(lab.permute(0, 2, 3, 1)), atol=2e-3)


channel = st.floats(0, 1, width=32)


@given(st.tuples(channel, channel, channel))
def test_lab_and_back_is_the_same_colour(color: tuple[float, float, float]) -> None:
    """For every colour; L is in [0, 100], a and b fit into [-1, 1] once divided."""
    image = torch.tensor(color).view(1, 3, 1, 1)
    lab = rgb_to_lab(image)
    torch.testing.assert_close(lab_to_rgb(lab), image, rtol=0, atol=2e-4)
    assert -1e-4 <= lab[0, 0] <= 100.001
    assert Color().targets(image).abs().max() <= 1
    assert INPUTS["color"](image).abs().max() <= 1.00001


@given(channel, channel)
def test_grey_has_no_colour(one: float, other: float) -> None:
    """a and b of a grey are 0, and the brighter has the larger L."""
    lab = rgb_to_lab(torch.tensor([one, other]).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    torch.testing.assert_close(lab[:, 1:], torch.zeros(2, 2, 1, 1), rtol=0, atol=1e-3)
    assert (lab[0, 0] - lab[1, 0]).item() * (one - other) >= -1e-4


def test_the_colour_task_shows_the_image_that_it_stands_for() -> None:
    """L with the true a and b is the image; L alone is its grey."""
    images, task = blocks(2), Color()
    inputs = INPUTS["color"](images)
    torch.testing.assert_close(task.show(inputs, task.targets(images)), images, rtol=0, atol=1e-3)
    grey = task.show(inputs)
    torch.testing.assert_close(grey, grey[:, :1].expand(-1, 3, -1, -1), rtol=0, atol=1e-4)


# The bilateral filter


def one_by_one(image: np.ndarray, space: float, colors: float, radius: int) -> np.ndarray:
    """The filter of an image (H, W, C) as its equation reads, pixel by pixel."""
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    closeness = np.exp(-(rows**2 + columns**2) / (2 * space**2))
    out = np.empty_like(image)
    for row, column in np.ndindex(*image.shape[:2]):
        near = padded[row : row + 2 * radius + 1, column : column + 2 * radius + 1]
        similarity = np.exp(-(np.linalg.norm(near - image[row, column], axis=-1) ** 2) / (2 * colors**2))
        weight = closeness * similarity
        out[row, column] = (weight[..., None] * near).sum((0, 1)) / weight.sum()
    return out


@pytest.mark.parametrize(("space", "colors", "radius"), [(1.0, 0.1, 2), (2.0, 0.3, 3), (1.5, 1.0, 1)])
def test_the_filter_is_its_equation(space: float, colors: float, radius: int) -> None:
    """Two Gaussians, one of the distance in pixels and one of the distance in RGB; the border is repeated."""
    image = blocks(1)[:, :, :9, 4:14].double()
    expected = one_by_one(image[0].permute(1, 2, 0).numpy(), space, colors, radius)
    np.testing.assert_allclose(bilateral(image, space, colors, radius)[0].permute(1, 2, 0), expected, atol=1e-12)


def test_the_weight_of_colours_is_that_of_scikit_image() -> None:
    """With places weighted alike; 0.26 reads its weights of places in rows of the wrong length.

    For RGB its deviation is a third, since it spreads its table over distances of up to three.
    """
    image = blocks(1)[:, :, :20, :24].double()
    there = denoise_bilateral(
        image[0].permute(1, 2, 0).numpy(),
        win_size=5, sigma_color=0.3 / 3, sigma_spatial=1e6, bins=100_000, mode="edge", channel_axis=-1,
    )  # fmt: skip
    np.testing.assert_allclose(bilateral(image, 1e6, 0.3, radius=2)[0].permute(1, 2, 0), there, atol=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.floats(0.5, 3), st.floats(0.05, 2))
def test_the_filter_takes_means(seed: int, space: float, colors: float) -> None:
    """It leaves no image's range, keeps what is constant, and a mirrored image gives the mirrored result."""
    image = torch.rand(2, 3, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    out = bilateral(image, space, colors, radius=2)
    assert image.min() - 1e-9 <= out.min() and out.max() <= image.max() + 1e-9
    torch.testing.assert_close(bilateral(image.flip(-1), space, colors, 2), out.flip(-1))
    torch.testing.assert_close(bilateral(image[1:], space, colors, 2), out[1:])
    flat = image[:, :, :1, :1].expand(2, 3, 5, 5)
    torch.testing.assert_close(bilateral(flat, space, colors, 2), flat)


def test_the_filter_lies_between_nothing_and_a_gaussian() -> None:
    """Where every colour is near it is a Gaussian blur, where none is it is the identity."""
    image = blocks(1).double()
    blurred = gaussian_filter(image[0].numpy(), 1.5, axes=(1, 2), mode="nearest", radius=3)
    np.testing.assert_allclose(bilateral(image, 1.5, 1e4)[0], blurred, atol=1e-6)
    torch.testing.assert_close(bilateral(image, 1.5, 1e-4), image, rtol=0, atol=1e-6)


def test_the_filter_removes_noise_and_keeps_edges() -> None:
    """Of the blocks, the noise shrinks to less than half; what is lost at their edges is no more than that."""
    noisy, clean = blocks(4), F.interpolate(F.avg_pool2d(blocks(4), 8), (32, 32))
    kept = bilateral(noisy, 1, 0.2) - clean
    assert kept.std() < 0.5 * (noisy - clean).std()
    edge = F.avg_pool2d(noisy, 3, 1, 1, count_include_pad=False) - clean
    assert kept.std() < 0.5 * edge.std()


# Edges and scores


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_f_is_that_of_scikit_learn(seed: int) -> None:
    """Pixel by pixel, at the best of 99 thresholds; beside it, that of an edge everywhere."""
    outputs, targets = torch.rand(2, 2, 1, 6, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    score = Edges(slopes).score(outputs, outputs, targets)
    truth, made = targets.flatten() >= 0, outputs.flatten() / 2 + 0.5
    assert score["F"] == pytest.approx(max(f1_score(truth, made >= step / 100) for step in range(1, 100)))
    assert score["F of edges everywhere"] == pytest.approx(f1_score(truth, torch.ones_like(truth)))


def test_psnr_is_that_of_scikit_image() -> None:
    """Of images in [0, 1]; the input's is the score to beat."""
    images, task = blocks(2), Bilateral()
    inputs, targets = INPUTS["bilateral"](images), task.targets(images)
    score = task.score(inputs, torch.zeros_like(inputs), targets)
    truth = (targets / 2 + 0.5).numpy()
    expected = {"PSNR": np.full_like(truth, 0.5), "PSNR of the input": images.numpy()}
    for name, image in expected.items():
        assert score[name] == pytest.approx(peak_signal_noise_ratio(truth, image, data_range=1.0), abs=1e-3)


@pytest.mark.parametrize("name", TASKS)
def test_the_targets_themselves_score_best(name: str) -> None:
    """No error, F of 1 and the PSNR's upper end, beside trivial answers that are worse."""
    task, images = a_task(name), blocks(3)
    inputs, targets = INPUTS[name](images), task.targets(images)
    assert targets.shape == (3, TASKS[name][1], 32, 32) and targets.abs().max() <= 1
    first, *others = task.score(inputs, targets, targets).items()
    assert first[1] == pytest.approx({"color": 0.0, "hed": 0.0, "bilateral": 120.0}[name])
    assert all(abs(value - first[1]) > 0.01 for _, value in others)
    if name == "hed":
        score = dict(others)
        assert score["F"] == 1.0
        share = (targets >= 0).float().mean().item()
        assert score["F of edges everywhere"] == pytest.approx(2 * share / (1 + share))


def fake_hed(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[Path]:
    """Another detector in the place of HED; the files that it was opened with."""
    opened: list[Path] = []
    package, networks = ModuleType("partbench.backbones.hed"), ModuleType("partbench.backbones.hed.networks")
    package.__dict__["SHIPPED"] = weights
    networks.__dict__["open_hed"] = lambda path: opened.append(path) or nn.Sigmoid()
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, networks.__name__, networks)
    return opened


def test_the_edges_are_those_of_the_shipped_hed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The task `hed` opens HED's weights; where they are missing, the sentence says how to make them."""
    opened = fake_hed(monkeypatch, tmp_path / "hed.safetensors")
    with pytest.raises(BackboneError, match=r"that HED finds, whose weights .* make them with: partbench pretrain hed"):
        Pix2PixTrainer(TINY["hed"])
    (tmp_path / "hed.safetensors").touch()
    task = open_task("hed", torch.device("cpu"))
    assert opened == [tmp_path / "hed.safetensors"]
    images = blocks(1)
    torch.testing.assert_close(task.targets(images), images.sigmoid() * 2 - 1)


# The training


@pytest.mark.parametrize("name", TASKS)
def test_it_learns(name: str) -> None:
    """On eight images, the absolute error falls to less than a third, and the score passes the trivial answer's."""
    training, images = trainer(name), blocks(8)
    losses = [training.step(part) for _ in range(30) for part in images.split(4)]
    assert set(losses[0]) == {"d", "g", "l1"}
    early, late = (sum(loss["l1"] for loss in part) for part in (losses[:2], losses[-2:]))
    assert late < early / 3
    score = training.measure(images)
    if name == "color":
        assert score["ab error"] < 0.7 * score["ab error of the mean"] < score["ab error of grey"]
    elif name == "hed":
        assert score["error"] < score["error of the mean map"]
        assert score["F"] > 2 * score["F of edges everywhere"]
    else:
        assert score["PSNR"] > 1 + score["PSNR of the input"]


@pytest.mark.parametrize("name", TASKS)
def test_it_goes_on_bit_for_bit(name: str) -> None:
    """Three steps, a checkpoint into another training and three more are six steps; dropout included."""
    batches = [blocks(4, seed=i) for i in range(6)]
    whole = trainer(name)
    expected = [whole.step(batch) for batch in batches]
    part = trainer(name)
    seen = [part.step(batch) for batch in batches[:3]]
    buffer = io.BytesIO()
    torch.save(part.state_dict(), buffer)
    rest = trainer(name, seed=5)
    buffer.seek(0)
    rest.load_state_dict(torch.load(buffer, weights_only=True))
    assert seen + [rest.step(batch) for batch in batches[3:]] == expected
    assert torch.equal(rest.picture(), whole.picture())
    assert rest.measure(blocks(2)) == whole.measure(blocks(2))


@pytest.mark.parametrize("name", TASKS)
def test_a_picture_shows_input_output_and_target(name: str) -> None:
    """Three images in [0, 1] for each that it saw first, always the same ones."""
    training = trainer(name)
    training.step(blocks(4))
    training.step(blocks(4, seed=1))
    picture = training.picture()
    assert picture.shape == (3 * 4, 3, 32, 32)
    assert picture.min() >= 0 and picture.max() <= 1
    task, inputs = a_task(name), INPUTS[name](blocks(4))
    torch.testing.assert_close(picture[::3], task.show(inputs))
    torch.testing.assert_close(picture[2::3], task.show(inputs, task.targets(blocks(4))))
    rows = round((3 * IN_PICTURE) ** 0.5)
    assert rows**2 == 3 * IN_PICTURE and rows % 3 == 0  # a square grid cuts no triple in two


def test_measuring_depends_on_no_batch_and_changes_nothing() -> None:
    """Images are measured one by one or all at once alike, and the training goes on as if nobody had asked."""
    other = trainer("bilateral")
    expected = [other.step(blocks(4, seed=i)) for i in range(2)]
    one = trainer("bilateral")
    one.step(blocks(4))
    score = one.measure(blocks(5))
    one.batch = 1
    assert one.measure(blocks(5)) == pytest.approx(score)
    one.picture()
    one.finish(1.0, print)
    assert one.step(blocks(4, seed=1)) == expected[1]


def test_what_is_saved_is_the_averaged_generator(tmp_path: Path) -> None:
    """Weights and running statistics are means over the steps; the discriminator is left out."""
    training = trainer("color")
    for i in range(3):
        training.step(blocks(4, seed=i))
    training.save(tmp_path / "w.safetensors", {"seed": "0"})
    saved = load(tmp_path / "w.safetensors", "color").state_dict()
    now, averaged = training.generator.state_dict(), training.result.state_dict()
    for key, value in saved.items():
        torch.testing.assert_close(value, averaged[key], rtol=1e-3, atol=1e-5)
    assert not torch.equal(now["encoder.1.1.running_mean"], averaged["encoder.1.1.running_mean"])


def test_its_training_has_the_shipped_shape_at_any_size() -> None:
    """`partbench pretrain pix2pix-color --size 32` trains the embedded shape at 32 pixels."""
    start = family("color").configure("", "").trainer
    assert start is not None
    training = start(32, "cpu", 0)
    assert isinstance(training, Pix2PixTrainer)
    assert training.generator.config == replace(EMBEDDED["color"], size=32)
