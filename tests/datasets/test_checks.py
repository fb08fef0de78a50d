"""The checks pass a sound dataset, and each names what one broken promise breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import max_pool2d

from partbench.datasets import checks
from partbench.datasets.checks import CHECKS
from partbench.datasets.checks.mask_agreement import explained_variance, mask_disagreement
from partbench.datasets.dataset import Dataset, DatasetError, Splits

CLASSES = ("background", "disc")


@dataclass
class Discs:
    """Discs, one per seed, painted alike at every size."""

    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.seeds)

    def name(self, index: int) -> str:
        return f"disc {self.seeds[index]}"

    def _disc(self, seed: int, size: int) -> Tensor:
        x, y, radius = (torch.rand(3, generator=torch.Generator().manual_seed(seed)) / 4 + 0.3).tolist()
        at = (torch.arange(size) + 0.5) / size
        inside: Tensor = (at - x) ** 2 + (at[:, None] - y) ** 2 < radius**2
        return inside.long()

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        discs = torch.stack([self._disc(self.seeds[index], size) for index in indices])
        return discs[:, None].expand(-1, 3, -1, -1) * 0.5 + 0.25

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.stack([self._disc(self.seeds[index], size) for index in indices])


def discs(**changes: Any) -> Dataset:
    """A dataset of discs, with some splits exchanged for others."""
    splits = {"pool": Discs((0, 1, 2)), "test": Discs((3, 4)), "unlabelled": Discs((5,))} | changes
    return Dataset("discs", CLASSES, load=lambda: Splits(**splits), excluded=frozenset({"background"}))


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_dataset_passes(check: Callable[[Dataset], None]) -> None:
    """Every check accepts the discs."""
    check(discs())


def test_every_check_is_listed_and_says_what_it_holds() -> None:
    """No check is forgotten in CHECKS, and its docstring is the promise."""
    written = [check for name, check in vars(checks).items() if name.startswith("check_")]
    assert list(CHECKS) == written
    assert all(check.__doc__ for check in CHECKS)


def test_load_gives_filled_splits() -> None:
    """Anything but splits, and an empty pool or test split, is refused."""
    with pytest.raises(DatasetError, match=r"load of discs gives a list; return a partbench Splits"):
        checks.check_loads(Dataset("discs", CLASSES, load=list))  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match=r"test split of discs is empty; put images"):
        checks.check_loads(discs(test=Discs(())))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ()}, "classes of discs is .*; give a tuple"),
        ({"classes": ["a"]}, "classes of discs is .*; give a tuple"),
        ({"classes": ("disc", "disc")}, "'disc' as a class, empty or twice; rename"),
        ({"classes": ("background", "")}, "'' as a class, empty or twice; rename"),
        ({"excluded": frozenset({"sky"})}, "excludes 'sky', which is none of its classes; mend"),
    ],
)
def test_classes_are_unique_names(change: dict[str, Any], message: str) -> None:
    """Empty, repeated and unknown class names are refused."""
    with pytest.raises(DatasetError, match=message):
        checks.check_classes(replace(discs(), **change))


class Scaled(Discs):
    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return super().images(indices, size) * 255


class Undefined(Discs):
    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return super().images(indices, size) * torch.nan


class Double(Discs):
    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return super().images(indices, size).double()


class FixedSize(Discs):
    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return super().images(indices, 16)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Scaled((3, 4)), "test split of discs go from 63.75 to 191.25; scale"),
        (Undefined((3, 4)), "test split of discs go from nan to nan; scale"),
        (Double((3, 4)), r"test split of discs are .* torch.float64; make them \(2, 3, 32, 32\) torch.float32"),
        (FixedSize((3, 4)), r"are \(2, 3, 16, 16\) torch.float32; make them \(2, 3, 32, 32\)"),
    ],
)
def test_images_are_unit_floats(split: Discs, message: str) -> None:
    """Images in [0, 255], NaN, of another type or size are refused."""
    with pytest.raises(DatasetError, match=message):
        checks.check_images(discs(test=split))


class Bytes(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return super().masks(indices, size).byte()


class Stray(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return super().masks(indices, size) * 7


class Ignored(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        masks = super().masks(indices, size)
        masks[:, 0] = 255
        return masks


def test_masks_are_class_indices() -> None:
    """Masks of another type, or with values that are no class, are refused; IGNORE is allowed."""
    with pytest.raises(DatasetError, match=r"masks.* of the pool split of discs are .* torch.uint8; make them"):
        checks.check_masks(discs(pool=Bytes((0,))))
    with pytest.raises(DatasetError, match=r"pool split of discs hold 7; give indices of its classes, or 255"):
        checks.check_masks(discs(pool=Stray((0,))))
    checks.check_masks(discs(pool=Ignored((0,))))


class Flipping(Discs):
    """Painted from black to white at one size and from white to black at another."""

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        ramp = torch.linspace(0, 1, size) if size > 32 else torch.linspace(1, 0, size)
        return ramp.expand(len(indices), 3, size, size)


class Shifted(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return super().masks(indices, size).roll(size // 2 if size > 32 else 0, dims=-1)


class OneOff(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return super().masks([(index + 1) % len(self) for index in indices], size)


def test_masks_belong_to_their_images() -> None:
    """Masks that are one off, or in any other order, are refused; few images or equal masks tell nothing."""
    message = "masks of the test split of discs would fit its images better in another order; see that image and mask"
    seeds = tuple(range(50, 62))
    checks.check_masks_match(discs(test=Discs(seeds)))
    checks.check_masks_match(discs(test=OneOff(seeds[:7])))
    checks.check_masks_match(discs(test=OneOff((50,) * 12)))
    with pytest.raises(DatasetError, match=message):
        checks.check_masks_match(discs(test=OneOff(seeds)))


def test_a_mask_explains_what_its_classes_differ_in() -> None:
    """As the variance between them over the variance of all, by numpy; pixels to ignore do not count."""
    random = torch.Generator().manual_seed(0)
    images, masks = torch.rand(2, 3, 6, 6, generator=random), torch.randint(0, 3, (2, 6, 6), generator=random)
    masks[:, 0] = 255
    for image, mask, share in zip(
        images.double().numpy(), masks.numpy(), explained_variance(images, masks), strict=True
    ):
        pixels, labels = image[:, mask != 255].T, mask[mask != 255]
        within = sum(((pixels[labels == k] - pixels[labels == k].mean(0)) ** 2).sum() for k in range(3))
        assert share.item() == pytest.approx(1 - within / ((pixels - pixels.mean(0)) ** 2).sum(), abs=1e-5)


def test_sizes_show_the_same_picture() -> None:
    """An image or a mask that depends on the size is refused."""
    with pytest.raises(DatasetError, match=r"images of the pool split of discs show something else at 32 pixels"):
        checks.check_sizes_agree(discs(pool=Flipping((0,))))
    with pytest.raises(DatasetError, match=r"masks of the pool split of discs show something else .*; crop, place"):
        checks.check_sizes_agree(discs(pool=Shifted((0,))))


@dataclass
class Outlines(Discs):
    """The same discs, of which the mask has the outline: a pixel wide and unbroken at every size."""

    shift: float = 0.0
    """How far the masks are moved at sizes above 32, in sides of the image."""

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        discs = super().masks(indices, 256)
        lines = (discs != discs.roll(1, -1)) | (discs != discs.roll(1, -2))
        moved = lines.roll(round(self.shift * 256) if size > 32 else 0, dims=-1)
        return max_pool2d(moved[:, None].float(), 256 // size)[:, 0].long()


def test_lines_of_one_pixel_agree_with_themselves() -> None:
    """At half the side they have twice the share of the pixels, and are in the same places."""
    split = Outlines((0, 1, 2))
    small, large = (split.masks([0, 1, 2], size) for size in checks.SIZES)
    assert small.float().mean() > 1.6 * large.float().mean()
    assert mask_disagreement(small, large) == 0
    checks.check_sizes_agree(discs(pool=split))


def test_lines_that_are_moved_are_refused() -> None:
    """By an eighth of the side at one of the sizes, however few pixels they have; a pixel is allowed."""
    checks.check_sizes_agree(discs(pool=Outlines((0, 1, 2), shift=1 / 64)))
    with pytest.raises(DatasetError, match=r"masks of the pool split of discs show something else .*; crop, place"):
        checks.check_sizes_agree(discs(pool=Outlines((0, 1, 2), shift=1 / 8)))


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_a_mask_repeats_itself_or_contradicts_another(seed: int, classes: int) -> None:
    """Nothing of a mask is astray in its enlargement; all of it is where every class has become another."""
    small = torch.randint(classes, (2, 8, 8), generator=torch.Generator().manual_seed(seed))
    large = small.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert mask_disagreement(small, large) == 0
    assert mask_disagreement(small, large + classes) == 1


def test_what_is_not_drawn_at_one_size_is_astray() -> None:
    """A class that one of the sizes leaves out counts wholly, unless it is a speck that halving may lose."""
    large = torch.zeros(1, 64, 64, dtype=torch.long)
    large[:, 20:22] = 1
    nothing = torch.zeros(1, 32, 32, dtype=torch.long)
    assert mask_disagreement(nothing, large) == 0.5
    assert mask_disagreement(large[:, ::2, ::2], torch.zeros_like(large)) == 0.5
    large[:] = 0
    large[:, 20:23, 20:23] = 1
    assert mask_disagreement(nothing, large) == 0


class Unseeded(Discs):
    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.rand(len(indices), 3, size, size)


class BatchDependent(Discs):
    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return super().masks(indices, size) * (len(indices) == 1)


def test_reading_again_gives_the_same() -> None:
    """Unseeded images, masks that depend on their batch, and another order at each load are refused."""
    with pytest.raises(DatasetError, match=r"images of the test split of discs differ when read again; let"):
        checks.check_deterministic(discs(test=Unseeded((3, 4))))
    with pytest.raises(DatasetError, match=r"masks of the test split of discs differ when read again; let"):
        checks.check_deterministic(discs(test=BatchDependent((3, 4))))
    orders = iter([(0, 1), (1, 0)])
    shuffled = replace(discs(), load=lambda: Splits(Discs(next(orders)), Discs((2,))))
    with pytest.raises(DatasetError, match=r"pool split of discs has other images when loaded again; sort"):
        checks.check_deterministic(shuffled)


class Renamed(Discs):
    def name(self, index: int) -> str:
        return f"another {index}"


def test_no_image_stands_in_two_splits() -> None:
    """A shared name is refused, and so is a shared picture under two names."""
    with pytest.raises(DatasetError, match=r"has 'disc 1' in pool and again in test; give every image one name"):
        checks.check_names_unique(discs(test=Discs((3, 1))))
    checks.check_names_unique(discs(test=Renamed((3, 1))))
    with pytest.raises(DatasetError, match=r"one picture as 'disc 1' of pool and 'another 1' of test; leave it in one"):
        checks.check_pictures_unique(discs(test=Renamed((3, 1))))


def test_every_class_is_seen() -> None:
    """A class without a pixel in the pool is named."""
    with pytest.raises(DatasetError, match=r"no mask in the pool of discs shows 'cone'; drop the class or add"):
        checks.check_classes_seen(replace(discs(), classes=(*CLASSES, "cone")))
