"""The nearest-neighbour head votes among the labelled pixels that are nearest by cosine."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads import knn
from partbench.heads.head import HeadError
from partbench.heads.knn import NEIGHBOURS, Knn
from partbench.heads.pixelwise import dense

CLASSES, NONE, SIZE = 4, 255, 9
shapes = st.lists(st.tuples(st.integers(2, 4), st.sampled_from((1, 3, 9, 14))), min_size=1, max_size=4)


def shots(shapes: list[tuple[int, int]], count: int) -> tuple[list[list[Tensor]], Tensor]:
    """Maps in double precision, so that no two neighbours are equally near, and masks with pixels without a label."""
    random = torch.Generator().manual_seed(0)
    maps = [
        [torch.randn(1, c, side, side, generator=random, dtype=torch.float64) for c, side in shapes]
        for _ in range(count)
    ]
    masks = torch.randint(CLASSES - 1, (count, SIZE, SIZE), generator=random)
    masks[:, :2], masks[0, 4, 5] = NONE, NONE
    return maps, masks


def solved(maps: list[list[Tensor]], masks: Tensor, seed: int = 0) -> Knn:
    head = Knn([layer.shape[1] for layer in maps[0]], CLASSES).double().eval()
    torch.manual_seed(seed)
    head.solve(lambda place: maps[place], masks)
    return head


@settings(max_examples=25, deadline=None)
@given(shapes, st.integers(1, 2), st.sampled_from((60, 64 * 81, 2**21)))
def test_it_votes_among_the_nearest(shapes: list[tuple[int, int]], count: int, at_once: int) -> None:
    """With a bank of all labelled pixels, in one block or in many: shares of votes, and of equal ones the nearest."""
    maps, masks = shots([(8, 9), *shapes], count)  # the first tells all pixels apart
    features = torch.cat([dense(one, SIZE)[0].flatten(1).T for one in maps])
    labelled = masks.flatten() < CLASSES
    bank, labels = features[labelled], masks.flatten()[labelled]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn, "AT_ONCE", at_once)
        logits = solved(maps, masks)(maps[0], SIZE)[0].flatten(1).T
    similar = F.normalize(features[: SIZE * SIZE]) @ F.normalize(bank).T
    for pixel, order in enumerate(similar.argsort(dim=1, descending=True)[:, :NEIGHBOURS]):
        votes = Counter(labels[order].tolist())
        shares = torch.tensor([votes[k] / NEIGHBOURS for k in range(CLASSES)]).clamp(min=knn.FLOOR)
        assert (logits[pixel].exp() - shares).abs().max() < 2e-3
        assert logits[pixel].argmax() == votes.most_common(1)[0][0]  # of equal ones the first that was counted


def test_of_many_pixels_it_keeps_a_seeded_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uniformly from the labelled pixels of all shots: other numbers under another seed, the same under the same."""
    monkeypatch.setattr(knn, "BANK", 30)
    maps, masks = shots([(8, 9)], 3)
    head = solved(maps, masks)
    features = torch.cat([F.normalize(dense(one, SIZE)[0].flatten(1), dim=0).T for one in maps])
    found = (head.bank @ features.T).argmax(1)
    assert len(found.unique()) == 30 and {0, 1, 2} == set((found // SIZE**2).tolist())
    torch.testing.assert_close(head.bank, features[found])
    assert torch.equal(head.labels, masks.flatten()[found])
    assert torch.equal(solved(maps, masks).bank, head.bank) and not torch.equal(solved(maps, masks, 1).bank, head.bank)


def test_fewer_pixels_than_votes_all_vote() -> None:
    """The places of the bank that are not taken have no vote."""
    maps, masks = shots([(8, 9)], 1)
    few = torch.full_like(masks, NONE)
    few[0, 5, 5], few[0, 6, 6], few[0, 7, 7] = 1, 2, 2
    logits = solved(maps, few)(maps[0], SIZE)
    assert (logits.argmax(1) == 2).all()
    torch.testing.assert_close(
        logits[0, 1].exp(), torch.full((SIZE, SIZE), 1 / 3, dtype=torch.float64), atol=1e-3, rtol=0
    )


def test_a_new_head_takes_over_its_bank() -> None:
    """Its state has the same shapes however many pixels were labelled."""
    maps, masks = shots([(8, 9)], 1)
    head, restored = solved(maps, masks), Knn([8], CLASSES).double()
    restored.load_state_dict(head.state_dict())
    assert torch.equal(restored(maps[0], SIZE), head(maps[0], SIZE))


def test_without_a_label_it_says_so() -> None:
    maps, masks = shots([(8, 9)], 1)
    with pytest.raises(HeadError, match="no labelled pixel"):
        solved(maps, torch.full_like(masks, NONE))
    with pytest.raises(HeadError, match="let it solve first"):
        Knn([8], CLASSES)([torch.randn(1, 8, 9, 9)], SIZE)
