"""Augmentation moves, turns and mirrors an image and its target alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.segment.augmentation import Augmentation, draw_places, move
from partbench.benchmark.segment.training import augment


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 2**31), st.floats(1.0, 3.0), st.floats(0.0, 45.0), st.floats(0.0, 0.5))
def test_places_are_similarities_within_their_ranges(seed: int, most: float, degrees: float, shift: float) -> None:
    """Scale, angle and shift of every map lie in the augmentation's ranges, and all that else changes is the side."""
    ranges = Augmentation(0.5, (1 / most, most), degrees, shift)
    linear, offset = draw_places(ranges, 16, random(seed)).split([2, 1], 2)
    scale = 1 / linear.det().abs().sqrt()
    assert torch.allclose(linear @ linear.mT, torch.eye(2) / scale[:, None, None] ** 2, atol=1e-4)
    assert (scale >= 1 / most - 1e-4).all() and (scale <= most + 1e-4).all()
    angle = torch.atan2(-linear[:, 1, 0], linear[:, 1, 1]).rad2deg()
    assert (angle.abs() <= degrees + 1e-3).all()
    center = torch.linalg.solve(linear, -offset)  # where the old picture's centre comes to lie
    assert (center.abs() <= 2 * shift + 1e-3).all()


def test_both_sides_come_up_and_all_ranges_are_used() -> None:
    """About half of the pictures are mirrored, half are larger, and shifts and turns go either way."""
    places = draw_places(Augmentation(), 2000, random())
    assert 0.45 < (places[:, :, :2].det() < 0).float().mean() < 0.55
    assert 0.45 < (places[:, :, :2].det().abs() < 1).float().mean() < 0.55
    assert places[:, :, :2].det().abs().min() < 0.26 and places[:, :, :2].det().abs().max() > 3.9


def test_a_target_moves_with_its_image() -> None:
    """A mask, logits and the picture they belong to are moved to the same place, by any map."""
    masks = torch.randint(3, (6, 4, 4), generator=random()).repeat_interleave(8, 1).repeat_interleave(8, 2)
    logits = F.one_hot(masks, 3).permute(0, 3, 1, 2).float()
    places = draw_places(Augmentation(), 6, random(1))
    images, moved = augment(logits, masks, places)
    again, soft = augment(logits, logits, places)
    assert torch.equal(images, again) and torch.equal(images, soft)
    clear = images.max(1).values > 0.99
    assert clear.float().mean() > 0.3
    assert torch.equal(images.argmax(1)[clear], moved[clear])


def test_the_identity_moves_nothing() -> None:
    """And a flip is a flip."""
    picture = torch.rand(1, 2, 8, 8, generator=random())
    same = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert torch.allclose(move(picture, same), picture, atol=1e-6)
    assert torch.allclose(move(picture, same * torch.tensor([[-1.0], [1.0]])), picture.flip(3), atol=1e-6)
