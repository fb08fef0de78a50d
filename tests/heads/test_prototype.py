"""The prototype head is the nearest class mean by cosine."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads.head import HeadError
from partbench.heads.pixelwise import dense
from partbench.heads.prototype import Prototype

CLASSES, NONE, SIZE = 4, 255, 9
shapes = st.lists(st.tuples(st.integers(1, 4), st.sampled_from((1, 3, 9, 14))), min_size=1, max_size=4)


def reference(features: Tensor, labels: Tensor, asked: Tensor) -> Tensor:
    """Cosines (P, classes that are there) of pixels (P, ΣC) with the class means, all from the mean of the means."""
    means = torch.stack([features[labels == k].mean(0) for k in labels.unique().tolist()])
    return F.cosine_similarity((asked - means.mean(0))[:, None], (means - means.mean(0))[None], dim=2)


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(1, 3), st.integers(2, CLASSES), st.booleans())
def test_it_predicts_the_nearest_class_mean(
    shapes: list[tuple[int, int]], count: int, present: int, padded: bool
) -> None:
    """Over the labelled pixels of all shots, for maps of any size; classes that are not there are never predicted."""
    random = torch.Generator().manual_seed(0)
    shapes = [(4, SIZE), *shapes]  # the first tells classes apart
    maps = [[torch.randn(1, c, side, side, generator=random) + 1 for c, side in shapes] for _ in range(count)]
    masks = torch.randint(present, (count, SIZE, SIZE), generator=random)
    if padded:
        masks[:, :2], masks[0, 4, 5] = NONE, NONE
    head = Prototype([c for c, _ in shapes], CLASSES)
    head.solve(lambda place: maps[place], masks)
    features = torch.cat([dense(one, SIZE)[0].flatten(1).T for one in maps]).double()
    labelled = masks.flatten() < CLASSES
    wanted = reference(features[labelled], masks.flatten()[labelled], features)
    logits = torch.cat([head(one, SIZE)[0].flatten(1).T for one in maps])
    seen = logits[:, masks.flatten()[labelled].unique()].double()
    assert (logits[:, present:].amax(1) < seen.amin(1)).all() if present < CLASSES else True
    lengths = seen.norm(dim=1, keepdim=True)
    torch.testing.assert_close(seen / lengths, wanted / wanted.norm(dim=1, keepdim=True), rtol=1e-3, atol=1e-3)


def test_one_class_alone_is_predicted_everywhere() -> None:
    maps, masks = [torch.randn(1, 3, 4, 4)], torch.full((1, SIZE, SIZE), 2)
    head = Prototype([3], CLASSES)
    head.solve(lambda place: maps, masks)
    assert (head(maps, SIZE).argmax(1) == 2).all() and head(maps, SIZE).isfinite().all()


def test_without_a_label_it_says_so() -> None:
    with pytest.raises(HeadError, match="no labelled pixel"):
        Prototype([3], CLASSES).solve(lambda place: [torch.randn(1, 3, 4, 4)], torch.full((1, SIZE, SIZE), NONE))
