"""The ridge head is least squares on F, which it never makes, under the ridge that predicts left out shots best."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from partbench.heads import ridge
from partbench.heads.head import NEVER, HeadError
from partbench.heads.pixelwise import dense
from partbench.heads.ridge import ALONE, SHARES, Ridge

CLASSES, NONE, SIZE = 4, 255, 10
SHAPES = ((3, 4), (2, 10), (2, 16), (4, 5))
CHANNELS = tuple(channels for channels, _ in SHAPES)


def shots(count: int, seed: int = 0) -> tuple[list[list[Tensor]], Tensor]:
    """Maps of so many images, and masks that follow a few of their channels, with noise."""
    random = torch.Generator().manual_seed(seed)
    maps = [[torch.randn(1, c, side, side, generator=random) for c, side in SHAPES] for _ in range(count)]
    scores = torch.cat([dense(one, SIZE)[:, 2 : 2 + CLASSES - 1] for one in maps])
    return maps, (scores + torch.randn(scores.shape, generator=random)).argmax(1)


def pixels(maps: list[Tensor], mask: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """F (P, ΣC) and one-hot labels (P, K) of the labelled pixels of one image."""
    labelled = (mask < CLASSES).flatten()
    features = dense([layer.double() for layer in maps], SIZE)[0].flatten(1).T[labelled]
    return features.numpy(), np.eye(CLASSES)[mask.flatten()[labelled].numpy()]


def reference(features: np.ndarray, labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (ΣC, K) and intercepts (K,): ridge regression by a least squares solver, whose labels are scored.

    With fitted labels E in place of Y, means of E by class in Q and class sizes in D, the regression's B becomes the
    discriminants P · B · (D - D Q)⁻¹ of class means under the covariance within classes and the ridge.
    """
    seen = labels.any(0)
    labels = labels[:, seen]
    sizes, middle = labels.sum(0), features.mean(0)
    centred = features - middle
    strength = np.sqrt(share * np.square(centred).sum() / centred.shape[1])
    rows = np.concatenate([centred, strength * np.eye(centred.shape[1])])
    right = np.concatenate([labels, np.zeros((centred.shape[1], labels.shape[1]))])
    regression = np.linalg.lstsq(rows, right, rcond=None)[0]
    means = labels.T @ centred / sizes[:, None]
    scored = np.diag(sizes) - np.diag(sizes) @ means @ regression
    weights = len(features) * regression @ np.linalg.inv(scored)
    every, intercepts = np.zeros((len(middle), CLASSES)), np.full(CLASSES, NEVER)
    every[:, seen] = weights
    intercepts[seen] = np.log(sizes / sizes.sum()) - np.einsum("kc,ck->k", means / 2 + middle, weights)
    return every, intercepts


def mean_iou(guess: np.ndarray, truth: np.ndarray) -> float:
    """Of the classes that are there."""
    classes = np.unique(truth)
    return float(np.mean([((guess == k) & (truth == k)).sum() / ((guess == k) | (truth == k)).sum() for k in classes]))


def solved(maps: list[list[Tensor]], masks: Tensor) -> Ridge:
    head = Ridge(CHANNELS, CLASSES)
    head.solve(lambda place: maps[place], masks)
    return head


def unlabel(masks: Tensor, how: str) -> Tensor:
    random = torch.Generator().manual_seed(3)
    masks = masks.clone()
    if how == "padding":
        masks[:, :3], masks[:, :, 8:] = NONE, NONE
    return masks.where(torch.rand(masks.shape, generator=random) > {"few": 0.1, "most": 0.7}.get(how, -1), NONE)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.sampled_from(("nothing", "padding", "few", "most")), st.sampled_from(SHARES))
def test_it_is_least_squares_whose_labels_are_scored(count: int, unlabelled: str, share: float) -> None:
    """One-hot labels and an intercept that bears no ridge, whatever has no label."""
    maps, masks = shots(count)
    masks = unlabel(masks, unlabelled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "SHARES", (share,))
        patch.setattr(ridge, "ALONE", share)
        head = solved(maps, masks)
    rows = [pixels(one, mask) for one, mask in zip(maps, masks, strict=True)]
    weights, intercepts = reference(*(np.concatenate(part) for part in zip(*rows, strict=True)), share)
    np.testing.assert_allclose(head.weight.detach()[:, :, 0, 0].numpy().T, weights, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(head.bias.detach().numpy(), intercepts, rtol=1e-3, atol=1e-4)


def test_it_finds_what_discriminant_analysis_finds() -> None:
    """With hardly a ridge, scikit-learn's linear discriminants of all labelled pixels give the same posteriors."""
    maps, masks = shots(2)
    masks[0, 0] = CLASSES - 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "SHARES", (1e-9,))
        head = solved(maps, masks)
    features, labels = (np.concatenate(part) for part in zip(*map(pixels, maps, masks), strict=True))
    other = LinearDiscriminantAnalysis(solver="lsqr").fit(features, labels.argmax(1))
    found = torch.cat([head(one, SIZE)[0].flatten(1).softmax(0) for one in maps], dim=1).T
    np.testing.assert_allclose(found.detach().numpy(), other.predict_proba(features), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_ridge_predicts_best_the_shots_that_are_left_out(seed: int) -> None:
    """By the mean IoU of each shot under what the others teach, all of them counted together."""
    maps, masks = shots(3, seed)
    masks = unlabel(masks, "few")
    rows = [pixels(one, mask) for one, mask in zip(maps, masks, strict=True)]
    scores = []
    for share in SHARES:
        guesses = []
        for out, (features, _) in enumerate(rows):
            rest = [np.concatenate(part) for part in zip(*rows[:out], *rows[out + 1 :], strict=True)]
            weights, intercepts = reference(*rest, share)
            guesses.append((features @ weights + intercepts).argmax(1))
        scores.append(mean_iou(np.concatenate(guesses), np.concatenate([labels.argmax(1) for _, labels in rows])))
    best = max(share for share, score in zip(SHARES, scores, strict=True) if score > max(scores) - 1e-6)
    assert_has(solved(maps, masks), rows, best)


def assert_has(head: Ridge, rows: list[tuple[np.ndarray, np.ndarray]], share: float) -> None:
    """The head is fitted to all rows under this ridge, and the next ones would give other numbers."""
    every = [np.concatenate(part) for part in zip(*rows, strict=True)]
    found = head.weight.detach()[:, :, 0, 0].numpy().T
    distances = {one: float(np.abs(found - reference(*every, one)[0]).max()) for one in SHARES}
    assert min(distances, key=lambda one: distances[one]) == share and distances[share] < 1e-4


@pytest.mark.parametrize("empty", (0, 1))
def test_where_nothing_can_be_left_out_the_ridge_is_the_stated_one(empty: int) -> None:
    """A single shot, also beside one without a label."""
    maps, masks = shots(1 + empty)
    masks[1:] = NONE
    assert ALONE in SHARES
    assert_has(solved(maps, masks), [pixels(maps[0], masks[0])], ALONE)


def test_it_says_the_same_of_a_large_image_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left out is judged strip by strip."""
    maps, masks = shots(2)
    whole = solved(maps, masks)
    monkeypatch.setattr(ridge, "AT_ONCE", 3 * SIZE * CLASSES * len(SHARES))
    strips = solved(maps, masks)
    torch.testing.assert_close(strips.weight, whole.weight)


@pytest.mark.parametrize("labelled", (1, 2))
def test_few_pixels_are_enough(labelled: int) -> None:
    """One pixel gives its class everywhere; numbers stay finite."""
    maps, masks = shots(1)
    few = torch.full_like(masks, NONE)
    few.view(-1)[:labelled] = 2
    logits = solved(maps, few)(maps[0], SIZE)
    assert logits.isfinite().all() and (logits.argmax(1) == 2).all()


def test_without_a_label_it_says_so() -> None:
    maps, masks = shots(2)
    with pytest.raises(HeadError, match="no labelled pixel"):
        solved(maps, torch.full_like(masks, NONE))
