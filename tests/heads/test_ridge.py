"""The ridge head is least squares on F, which it never makes, under the ridge that predicts best what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads import ridge
from partbench.heads.head import HeadError
from partbench.heads.pixelwise import dense
from partbench.heads.ridge import SHARES, UNTRIED, Ridge

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
    """Weights (ΣC, K) and intercepts (K,) of ridge regression, by a least squares solver on rows that are appended."""
    middle, mean = features.mean(0), labels.mean(0)
    centred = features - middle
    strength = np.sqrt(share * np.square(centred).sum() / centred.shape[1])
    rows = np.concatenate([centred, strength * np.eye(centred.shape[1])])
    right = np.concatenate([labels - mean, np.zeros((centred.shape[1], CLASSES))])
    weights = np.linalg.lstsq(rows, right, rcond=None)[0]
    return weights, mean - middle @ weights


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
def test_it_is_least_squares(count: int, unlabelled: str, share: float) -> None:
    """On one-hot labels with an intercept that bears no ridge, whatever has no label."""
    maps, masks = shots(count)
    masks = unlabel(masks, unlabelled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge, "SHARES", (share,))
        head = solved(maps, masks)
    rows = [pixels(one, mask) for one, mask in zip(maps, masks, strict=True)]
    weights, intercepts = reference(*(np.concatenate(part) for part in zip(*rows, strict=True)), share)
    np.testing.assert_allclose(head.weight.detach()[:, :, 0, 0].numpy().T, weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.bias.detach().numpy(), intercepts, rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize("seed", range(4))
def test_of_a_single_shot_it_predicts_best_the_quadrants_that_are_left_out(seed: int) -> None:
    """By the squared error."""
    maps, masks = shots(1, seed)
    features, labels = pixels(maps[0], masks[0])
    across, down = np.meshgrid(np.arange(SIZE) >= SIZE // 2, np.arange(SIZE) >= SIZE // 2)
    quadrants, errors = (2 * down + across).ravel(), []
    for share in SHARES:
        error = 0.0
        for quadrant in range(4):
            out = quadrants == quadrant
            weights, intercepts = reference(features[~out], labels[~out], share)
            error += float(np.square(features[out] @ weights + intercepts - labels[out]).sum())
        errors.append(error)
    assert_has(solved(maps, masks), [(features, labels)], SHARES[int(np.argmin(errors))])


def test_where_nothing_can_be_left_out_the_ridge_is_the_stated_one() -> None:
    """One quadrant has all labels, so that nothing is there to learn from when it is left out."""
    maps, masks = shots(1)
    masks[:, SIZE // 2 :], masks[:, :, SIZE // 2 :] = NONE, NONE
    assert UNTRIED in SHARES
    assert_has(solved(maps, masks), [pixels(maps[0], masks[0])], UNTRIED)


def test_logits_are_logarithms_of_the_fitted_labels() -> None:
    """Their softmax is what was fitted, where that is a share."""
    maps, masks = shots(2)
    head = solved(maps, masks)
    fitted = torch.nn.functional.conv2d(dense(maps[0], SIZE), head.weight, head.bias)
    assert fitted.sum(1).sub(1).abs().max() < 1e-4
    shares = fitted.clamp(min=ridge.FLOOR)
    torch.testing.assert_close(head(maps[0], SIZE).softmax(1), shares / shares.sum(1, keepdim=True))
    torch.testing.assert_close(head(maps[0], SIZE).argmax(1), fitted.argmax(1))


@pytest.mark.parametrize("count", (1, 2))
def test_it_says_the_same_of_a_large_image_in_strips(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left out is judged strip by strip."""
    maps, masks = shots(count)
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
