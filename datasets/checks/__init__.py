"""Checks that every dataset passes, ours and a third party's: `@pytest.mark.parametrize("check", CHECKS)`.

Each takes a dataset record and raises a `DatasetError` that says what breaks the promise of `dataset.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import combinations

import torch
from torch.nn.functional import adaptive_avg_pool2d

from ..dataset import IGNORE, Dataset, DatasetError, Inspectable, Split, Splits
from .comparisons import SIZES, require_close, require_equal, require_shape, sizes_differ, values_of
from .mask_agreement import fit, mask_disagreement

_FEW, _SOME, _MANY = 4, 64, 200  # images read: of every check, of the search for copies, of the one for classes
_COARSE = 8
_ASTRAY = 0.15
_PAIRS, _LEAST = 16, 8  # images that are paired with each other's masks, and the fewest that tell anything
_TELLING, _BETTER = 0.1, 1.3
"""Share of the colours from which on masks tell something, and how much better another order must be to be believed.
On faces, cars and horses, real and drawn, the best order is 1.05 times as good; 1.6 times where indices are one off."""


def check_loads(dataset: Dataset) -> None:
    """`load` gives splits, none of them is empty, and up to 200 images of each that can be inspected are."""
    splits = dataset.load()
    if not isinstance(splits, Splits):
        raise DatasetError(f"load of {dataset.name} gives a {type(splits).__name__}; return a partbench Splits")
    for name, split in _splits(dataset):
        if len(split) == 0:
            raise DatasetError(f"the {name} split of {dataset.name} is empty; put images into it")
        if isinstance(split, Inspectable):
            for index in _sample(split, _MANY):
                split.inspect(index)


def check_classes(dataset: Dataset) -> None:
    """Class names are unique and not empty, and `excluded` names some of them."""
    classes = dataset.classes
    if not isinstance(classes, tuple) or not 0 < len(classes) <= IGNORE:
        raise DatasetError(f"classes of {dataset.name} is {classes!r}; give a tuple of 1 to {IGNORE} names")
    wrong = [name for name in classes if not isinstance(name, str) or not name or classes.count(name) > 1]
    if wrong:
        raise DatasetError(f"{dataset.name} has {wrong[0]!r} as a class, empty or twice; rename it")
    strangers = sorted(dataset.excluded - set(classes))
    if strangers:
        raise DatasetError(f"{dataset.name} excludes '{strangers[0]}', which is none of its classes; mend the name")


def check_images(dataset: Dataset) -> None:
    """Images are (N, 3, size, size) float32 in [0, 1]."""
    for name, split in _splits(dataset):
        indices = _sample(split, _FEW)
        for size in SIZES:
            images = split.images(indices, size)
            where = f"images({indices}, {size}) of the {name} split of {dataset.name}"
            require_shape(where, images, (len(indices), 3, size, size), torch.float32)
            # Not `min < 0 or max > 1`: a NaN would pass that.
            if not ((images >= 0) & (images <= 1)).all():
                lowest, highest = images.min().item(), images.max().item()
                raise DatasetError(f"{where} go from {lowest:g} to {highest:g}; scale them to [0, 1]")


def check_masks(dataset: Dataset) -> None:
    """Masks are (N, size, size) int64, and hold class indices or `IGNORE`."""
    for name, split in _labelled(dataset):
        indices = _sample(split, _FEW)
        for size in SIZES:
            masks = split.masks(indices, size)
            where = f"masks({indices}, {size}) of the {name} split of {dataset.name}"
            require_shape(where, masks, (len(indices), size, size), torch.int64)
            strange = [v for v in values_of(masks) if v != IGNORE and not 0 <= v < len(dataset.classes)]
            if strange:
                raise DatasetError(f"{where} hold {min(strange)}; give indices of its classes, or {IGNORE}")


def check_masks_match(dataset: Dataset) -> None:
    """The masks explain the colours of their own images, and no other pairing of the two explains them much better."""
    for name, split in _labelled(dataset):
        indices = list(range(min(_PAIRS, len(split))))  # neighbours, since an index that is one off is the usual fault
        if len(indices) < _LEAST:
            continue
        own, best = fit(split.images(indices, SIZES[0]), split.masks(indices, SIZES[0]))
        if best > max(_TELLING, _BETTER * own):
            what = f"masks of the {name} split of {dataset.name} would fit its images better in another order"
            raise DatasetError(f"{what}; see that image and mask of an index belong together")


def check_sizes_agree(dataset: Dataset) -> None:
    """An image shows the same picture at every size, and its mask has the same classes in the same places."""
    for name, split in _splits(dataset):
        indices = _sample(split, _FEW)
        small, large = (adaptive_avg_pool2d(split.images(indices, size), _COARSE) for size in SIZES)
        require_close(f"images of the {name} split of {dataset.name}", small, large)
    for name, split in _labelled(dataset):
        indices = _sample(split, _FEW)
        if mask_disagreement(*(split.masks(indices, size) for size in SIZES)) > _ASTRAY:
            raise sizes_differ(f"masks of the {name} split of {dataset.name}")


def check_deterministic(dataset: Dataset) -> None:
    """Loading and reading again gives equal names, images and masks, alone or in a batch."""
    again = dict(_splits(dataset))
    for name, split in _splits(dataset):
        where, twin = f"the {name} split of {dataset.name}", again[name]
        if list(map(split.name, range(len(split)))) != list(map(twin.name, range(len(twin)))):
            raise DatasetError(f"{where} has other images when loaded again; sort them")
        require_equal(f"images of {where}", split.images, twin.images, _sample(split, _FEW))
        if name != "unlabelled":
            require_equal(f"masks of {where}", split.masks, twin.masks, _sample(split, _FEW))


def check_names_unique(dataset: Dataset) -> None:
    """A name stands for one image, in one split."""
    owner: dict[str, str] = {}
    for split_name, split in _splits(dataset):
        for name in map(split.name, range(len(split))):
            if name in owner:
                both = f"in {owner[name]} and again in {split_name}"
                raise DatasetError(f"{dataset.name} has '{name}' {both}; give every image one name and one split")
            owner[name] = split_name


def check_pictures_unique(dataset: Dataset) -> None:
    """No picture stands in two splits under two names; up to 64 of each are compared, of episodes the two of each."""
    splits = dataset.load()
    if splits.episodes:
        for index in _sample(splits.test, _SOME):
            pool, test = (split.images([index], SIZES[1]) for split in (splits.pool, splits.test))
            if torch.equal(pool, test):
                raise DatasetError(f"{dataset.name} asks in '{splits.test.name(index)}' for what it shows; pair others")
        return
    pictures = [(name, _pictures(split)) for name, split in _splits(dataset)]
    for (one, ours), (other, theirs) in combinations(pictures, 2):
        shared = sorted(ours.keys() & theirs.keys())
        if shared:
            culprit = f"'{ours[shared[0]]}' of {one} and '{theirs[shared[0]]}' of {other}"
            raise DatasetError(f"{dataset.name} shows one picture as {culprit}; leave it in one split")


def check_classes_seen(dataset: Dataset) -> None:
    """Every class has pixels in the pool; up to 200 masks are read."""
    pool = dict(_splits(dataset))["pool"]
    unseen = set(range(len(dataset.classes)))
    for index in _sample(pool, _MANY):
        unseen -= values_of(pool.masks([index], 256))
        if not unseen:
            return
    culprits = ", ".join(f"'{dataset.classes[index]}'" for index in sorted(unseen))
    raise DatasetError(f"no mask in the pool of {dataset.name} shows {culprits}; drop the class or add images")


CHECKS: tuple[Callable[[Dataset], None], ...] = (
    check_loads,
    check_classes,
    check_images,
    check_masks,
    check_masks_match,
    check_sizes_agree,
    check_deterministic,
    check_names_unique,
    check_pictures_unique,
    check_classes_seen,
)
"""All of them, in the order in which their errors help most."""


def _splits(dataset: Dataset) -> Iterator[tuple[str, Split]]:
    splits = dataset.load()
    for name in ("pool", "test", "validation", "unlabelled"):
        split = getattr(splits, name)
        if split is not None:
            yield name, split


def _labelled(dataset: Dataset) -> Iterator[tuple[str, Split]]:
    return ((name, split) for name, split in _splits(dataset) if name != "unlabelled")


def _sample(split: Split, most: int) -> list[int]:
    count = min(most, len(split))
    return [index * len(split) // count for index in range(count)]


def _pictures(split: Split) -> dict[str, str]:
    def digest(index: int) -> str:
        return hashlib.sha256(split.images([index], SIZES[1]).numpy().tobytes()).hexdigest()

    return {digest(index): split.name(index) for index in _sample(split, _SOME)}
