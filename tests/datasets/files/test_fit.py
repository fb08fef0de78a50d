"""Fits: what of a picture stands in its square, image and mask alike, and what comes back from there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from partbench.datasets.dataset import CROP, FITS, IGNORE, PAD, STRETCH
from partbench.datasets.files.fit import own_classes, square, window
from partbench.datasets.files.masks import square_labels

SIDES = st.integers(1, 60)


def ramp(width: int, height: int) -> Image.Image:
    """A picture whose red grows to the right and whose green grows downwards, both over half of a byte's range."""
    red, green = np.meshgrid(np.linspace(60, 190, width), np.linspace(60, 190, height))
    return Image.fromarray(np.stack([red, green, 0 * red], 2).round().astype(np.uint8))


@settings(max_examples=60)
@given(width=SIDES, height=SIDES, size=st.integers(2, 40))
def test_a_padded_mask_holds_the_pixel_under_each_centre(width: int, height: int, size: int) -> None:
    """The picture lies in the middle, its longer side as long as the square's; what is beside it is ignored."""
    numbers = np.arange(width * height).reshape(height, width) + 1000
    side = max(width, height)
    found = square_labels(numbers, size, PAD)
    for i in range(size):
        for j in range(size):
            # Doubled, so that half pixels are integers.
            y, x = ((2 * k + 1) * side - size * (side - n) for k, n in ((i, height), (j, width)))
            y, x = y // (2 * size), x // (2 * size)
            inside = 0 <= y < height and 0 <= x < width
            assert found[i, j] == (numbers[y, x] if inside else IGNORE)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [5, 16, 24])
def test_of_a_square_picture_all_fits_are_the_same(fit: str, size: int) -> None:
    """Where there is nothing to choose, no score depends on the choice."""
    image, labels = ramp(16, 16), np.arange(256).reshape(16, 16)
    assert torch.equal(square(image, size, fit), square(image, size, CROP))
    assert (square_labels(labels, size, fit) == square_labels(labels, size, CROP)).all()


@pytest.mark.parametrize("shape", [(340, 512), (512, 340), (41, 60), (60, 37)], ids=str)
@pytest.mark.parametrize("size", [16, 33, 64])
@pytest.mark.parametrize("fit", FITS)
def test_image_and_mask_lie_on_each_other(shape: tuple[int, int], size: int, fit: str) -> None:
    """A mask that is the picture's own red says the same as the square picture, wherever it says anything."""
    image = ramp(*shape)
    red = np.asarray(image)[:, :, 0].astype(np.int64) + 1000
    mask, pixels = square_labels(red, size, fit), 255 * square(image, size, fit)[0].numpy()
    labelled = mask != IGNORE
    wanted = min(shape) / max(shape) if fit == PAD else 1
    assert labelled.mean() == pytest.approx(wanted, abs=1.5 / size)
    step = 130 / min(shape)  # of the ramp from one pixel to the next; a border blends with its mirror image
    inner = labelled.copy()
    inner[:, 0] = inner[:, -1] = False
    assert np.abs(mask - 1000 - pixels)[inner].max() <= 1.5 + step + (130 / (size * wanted) if fit == PAD else 0)
    assert np.abs((mask - 1000 - pixels)[inner].mean()) < 0.5


def test_the_padding_mirrors_the_picture() -> None:
    """A network sees the picture go on, and no border that is not there."""
    image = ramp(20, 40)
    padded = square(image, 40, PAD)
    assert torch.equal(padded[:, :, 10:30], square(image.crop((0, 0, 20, 40)), 40, PAD)[:, :, 10:30])
    assert torch.equal(padded[:, :, :10], padded[:, :, 10:20].flip(2))
    assert torch.equal((padded[:, :, 10:30] * 255).byte(), torch.from_numpy(np.array(image)).permute(2, 0, 1))


@pytest.mark.parametrize("shape", [(20, 40), (39, 20), (33, 40)], ids=str)
def test_the_padding_is_black_where_that_is_asked_for(shape: tuple[int, int]) -> None:
    """The picture lies where it lies between its mirror images, and blends with black on a border inside a pixel."""
    white = square(Image.new("RGB", shape, "white"), 40, PAD, mirrored=False)
    black, mirrored = (square(ramp(*shape), 40, PAD, mirrored=mirrored) for mirrored in (False, True))
    ignored = torch.from_numpy(square_labels(np.zeros(shape[::-1]), 40, PAD) == IGNORE)[None].float()
    beside, inside = (1 - F.max_pool2d(1 - ignored, 3, 1, 1)).bool()[0], ~F.max_pool2d(ignored, 3, 1, 1).bool()[0]
    assert beside.any() and (white[:, beside] == 0).all() and (black[:, beside] == 0).all()
    assert inside.any() and torch.equal(black[:, inside], mirrored[:, inside])
    covered = white[0].sum().item() / 40**2
    assert covered == pytest.approx(min(shape) / max(shape), abs=0.002)


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (2, 3), (20000, 7)], ids=str)
@pytest.mark.parametrize("fit", FITS)
def test_a_picture_of_any_shape_becomes_square(shape: tuple[int, int], fit: str) -> None:
    """Thin ones too, without a square of their longer side in memory."""
    image = square(Image.new("RGB", shape, (51, 102, 204)), 32, fit)
    assert torch.allclose(image, torch.tensor([0.2, 0.4, 0.8])[:, None, None].expand(3, 32, 32))


@settings(max_examples=60)
@given(width=SIDES, height=SIDES, size=st.integers(1, 40))
@example(width=1, height=60, size=8)
def test_a_class_that_fills_the_square_fills_the_picture(width: int, height: int, size: int) -> None:
    """Padded or stretched, every pixel of the picture gets a class; cropped, those of the square do."""
    logits = torch.zeros(3, size, size)
    logits[2] = 1
    for fit in FITS:
        found = own_classes(logits, width, height, fit)
        view = window(width, height, fit)
        assert found.shape == (height, width)
        assert (found == 2).sum() == len(view.rows.seen) * len(view.columns.seen)
        assert (found == IGNORE).sum() == (width * height - min(width, height) ** 2 if fit == CROP else 0)


def test_what_is_predicted_on_the_padding_never_reaches_the_picture() -> None:
    """A class of the padding alone is cut away with it."""
    for width, height in ((20, 40), (41, 60), (60, 37)):
        mask = torch.from_numpy(square_labels(np.zeros((height, width), dtype=np.int64), 32, PAD))
        logits = torch.stack([torch.zeros(32, 32), 100.0 * (mask == IGNORE)])
        assert (own_classes(logits, width, height, PAD) == 0).all()


@pytest.mark.parametrize("fit", [CROP, STRETCH])
def test_logits_are_resized_once_and_bilinearly(fit: str) -> None:
    """As torch resizes them to the part of the picture that the square shows."""
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 12, 12, generator=random)
    shape = (45, 45) if fit == CROP else (45, 70)
    wanted = F.interpolate(logits[None], shape, mode="bilinear", align_corners=False)[0]
    sure = wanted.sort(0).values.diff(dim=0)[-1] > 1e-4
    found = own_classes(logits, 70, 45, fit)
    found = found[:, 12:57] if fit == CROP else found
    assert (found[sure] == wanted.argmax(0)[sure]).all() and sure.float().mean() > 0.99


def test_a_padded_part_goes_back_where_it_came_from() -> None:
    """Masks that were padded and resized come back as they were, up to what a pixel of the square covers."""
    rows, columns = np.mgrid[:96, :60]
    own = ((columns > 20).astype(np.int64) + 2 * (rows > 50)).astype(np.int64)
    mask = torch.from_numpy(square_labels(own, 96, PAD))
    logits = F.one_hot(mask.where(mask != IGNORE, 0), 4).permute(2, 0, 1).float()
    assert (own_classes(logits, 60, 96, PAD).numpy() == own).all()


def test_a_large_picture_is_resized_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classes are the same, however many pixels are held at once."""
    logits = torch.randn(3, 9, 9, generator=torch.Generator().manual_seed(1))
    whole = own_classes(logits, 50, 31, PAD)
    monkeypatch.setattr("partbench.datasets.files.fit.PIXELS_AT_ONCE", 120)
    assert torch.equal(own_classes(logits, 50, 31, PAD), whole)
