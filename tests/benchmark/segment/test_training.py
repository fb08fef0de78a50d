"""The training of the segmentation network on labelled samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partbench.benchmark.segment.network import UNet
from partbench.benchmark.segment.pairs import TensorPairs
from partbench.benchmark.segment.recipe import SegmenterRecipe
from partbench.benchmark.segment.training import Training, split_rows, target_loss, train_unet
from partbench.datasets.dataset import IGNORE

CPU = torch.device("cpu")


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pairs() -> TensorPairs:
    """Dark pictures with a bright square, whose right half is red."""
    images, masks = torch.rand(12, 3, 32, 32, generator=random()) * 0.2, torch.zeros(12, 32, 32, dtype=torch.uint8)
    for i in range(12):
        y, x = (int(v) for v in torch.randint(4, 12, (2,), generator=random(i)))
        images[i, :, y : y + 14, x : x + 14], masks[i, y : y + 14, x : x + 14] = 0.9, 1
        images[i, 1:, y : y + 14, x + 7 : x + 14], masks[i, y : y + 14, x + 7 : x + 14] = 0.1, 2
    return TensorPairs((images * 255).byte(), masks)


def test_logits_that_are_sure_are_one_hot() -> None:
    """The loss on logits goes over into the cross entropy on their classes, and counts their doubt otherwise."""
    logits = torch.randn(2, 3, 4, 4, generator=random())
    masks = torch.randint(3, (2, 4, 4), generator=random())
    sure = 100 * F.one_hot(masks, 3).permute(0, 3, 1, 2).float()
    assert target_loss(logits, sure).item() == pytest.approx(F.cross_entropy(logits, masks).item(), rel=1e-5)
    probabilities = (sure / 100).softmax(1)
    expected = -(probabilities * logits.log_softmax(1)).sum(1).mean().item()
    assert target_loss(logits, sure / 100).item() == pytest.approx(expected, rel=1e-5)


def test_pixels_without_label_teach_nothing() -> None:
    """A mask that is ignored nearly everywhere has the loss of its only labelled pixel."""
    logits, masks = torch.randn(1, 3, 4, 4, generator=random()), torch.full((1, 4, 4), IGNORE)
    masks[0, 1, 2] = 1
    expected = F.cross_entropy(logits[:, :, 1, 2], torch.tensor([1])).item()
    assert target_loss(logits, masks).item() == pytest.approx(expected, rel=1e-5)


def test_the_same_seed_gives_the_same_network(pairs: TensorPairs) -> None:
    """Whatever ran before; another seed gives another, and nobody else's random numbers move."""
    few, found = SegmenterRecipe(width=2, steps=2, batch=4), []
    for seed, before in ((3, 1), (3, 2), (4, 1)):
        torch.manual_seed(before)
        network = train_unet(pairs, 3, few, seed, CPU)
        assert torch.equal(torch.rand(1), torch.rand(1, generator=random(before)))
        found.append(torch.cat([p.flatten() for p in network.parameters()]))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_the_rate_falls_where_nothing_is_gained(pairs: TensorPairs) -> None:
    """`patience` epochs without a better validation loss make it a tenth, and held pairs are never learnt from."""
    recipe = SegmenterRecipe(width=2, batch=4, epochs=6, patience=1, held=0.34, rate=1e-3)
    seen: list[int] = []

    class Watched(TensorPairs):
        def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
            seen.extend(rows)
            return super().read(rows)

    training = Training(UNet(3, 2), Watched(pairs.images, pairs.targets), recipe, 0, CPU)
    training.validate = lambda: 1.0  # type: ignore[method-assign]
    assert training.total == 6 * 2
    assert len(list(training)) == training.total
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(1e-5)
    assert set(seen) == set(training.split.learnt.tolist())
    assert len(set(seen)) == 8 and not set(seen) & set(training.split.held.tolist())


@given(st.integers(1, 60), st.floats(0.0, 0.5))
def test_rows_are_learnt_from_or_held(count: int, share: float) -> None:
    """Never both where there are enough; with too few to hold one, all are both."""
    recipe = SegmenterRecipe(held=share)
    split = split_rows(count, recipe.learnt(count), random())
    learnt, held = set(split.learnt.tolist()), set(split.held.tolist())
    assert learnt and held and learnt | held == set(range(count))
    assert not learnt & held or (learnt == held and int(count * share) == 0)
    assert replace(recipe, steps=7).learnt(count) == count and replace(recipe, steps=7).total(count) == 7
