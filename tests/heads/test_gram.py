"""Sums over labelled pixels of eq. (1) are those of F, which is never made."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads import gram as gram_module
from partbench.heads.gram import class_sums, exact, gram
from partbench.heads.pixelwise import dense

CLASSES, NONE = 3, 255
sides = st.sampled_from((1, 2, 3, 5, 8, 13, 20))
shapes = st.lists(st.tuples(st.integers(1, 3), sides, sides), min_size=1, max_size=5)
sizes = st.sampled_from((1, 2, 5, 8, 13))


def random_mask(size: int, unlabelled: str) -> Tensor:
    """A mask (S, S) of which nothing, a border, a few pixels or most pixels have no label."""
    random = torch.Generator().manual_seed(2)
    mask = torch.randint(CLASSES, (size, size), generator=random)
    noise = torch.rand(size, size, generator=random)
    if unlabelled == "border":
        mask[: size // 3], mask[:, size - size // 4 :] = NONE, NONE
    return mask.where(noise > {"few": 0.2, "most": 0.9}.get(unlabelled, -1), NONE)


@settings(max_examples=60, deadline=None)
@given(shapes, sizes, st.sampled_from(("nothing", "border", "few", "most")))
def test_the_sums_are_those_of_the_labelled_pixels(
    shapes: list[tuple[int, int, int]], size: int, unlabelled: str
) -> None:
    """Maps smaller, larger or as large, square or not, several of one size; padding, holes, or islands."""
    noise = torch.Generator().manual_seed(1)
    maps = [torch.randn(1, *shape, generator=noise) for shape in shapes]
    mask = random_mask(size, unlabelled)
    labels, features = mask.flatten(), dense([layer.double() for layer in maps], size)[0].flatten(1)
    labelled = labels < CLASSES
    features, labels = features[:, labelled], labels[labelled]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram_module, "AT_ONCE", 7 * sum(shape[0] for shape in shapes))
        found = gram(exact(maps, size), mask < CLASSES)
    torch.testing.assert_close(found, features @ features.T, rtol=1e-9, atol=1e-9)
    members = torch.nn.functional.one_hot(labels, CLASSES).double()
    sums = class_sums(exact(maps, size), mask, CLASSES)
    torch.testing.assert_close(sums, features @ members, rtol=1e-9, atol=1e-9)


def test_padding_costs_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where whole rows and columns have no label, no pixel of F is read."""
    monkeypatch.setattr(gram_module, "sample", None)
    maps = exact([torch.randn(1, 3, 4, 4), torch.randn(1, 2, 8, 8)], 8)
    labelled = torch.ones(8, 8, dtype=torch.bool)
    labelled[:2], labelled[:, 7] = False, False
    features = dense(maps, 8)[0][:, labelled]
    torch.testing.assert_close(gram(maps, labelled), features @ features.T, rtol=1e-9, atol=1e-9)
