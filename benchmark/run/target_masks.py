"""The masks that predictions are held against: squares, or each at its own size and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...datasets.dataset import IGNORE, PAD, KeepsShape
from ...datasets.files.fit import own_classes
from ...datasets.files.masks import square_labels
from ...heads.head import likeliest
from ..metrics.confusion import Confusion, confuse
from .task import SegmentationTask


@dataclass(frozen=True)
class Truth:
    """The true masks of some test images."""

    task: SegmentationTask
    rows: Sequence[int]
    classes: tuple[int, ...] = ()
    """The class of each logit, where these are not all classes in their order."""

    @cached_property
    def squares(self) -> Tensor:
        """(N, S, S): class indices, or `IGNORE`."""
        return self.task.scored.masks(self.rows, self.task.plan.size)

    def confuse(self, logits: Tensor) -> Confusion:
        """Confusions (N, K, K) of the classes that logits (N, K, S, S) make likeliest, or of those of `classes`."""
        classes = len(self.task.dataset.classes)
        if not self.task.plan.native:
            return confuse(self._named(likeliest(logits).cpu()).numpy(), self.squares.numpy(), classes)
        pairs = zip(logits, self._own, strict=True)
        return np.concatenate([self._confuse_own(one, mask, classes) for one, mask in pairs])

    def count(self, logits: Tensor) -> Tensor:
        """As `confuse`, of M heads at once and without leaving their device: (M, N, K, K) of (M, N, K, S, S)."""
        classes, device = len(self.task.dataset.classes), logits.device
        if not self.task.plan.native:
            return count_pairs(likeliest(logits, 2), self.squares.to(device), classes)
        parts = []
        for number, mask in enumerate(self._own):
            guess = own_classes(logits[:, number], mask.shape[1], mask.shape[0], self.task.dataset.fit)
            parts.append(count_pairs(guess[:, None], mask[None].to(device), classes))
        return torch.cat(parts, 1)

    def shown(self, guess: Tensor) -> Tensor:
        """Classes (N, S, S) for pictures: `IGNORE` where the square shows nothing of the image."""
        guess = guess.cpu()
        return torch.where(self._inside[: len(guess)], guess, IGNORE)

    def _confuse_own(self, logits: Tensor, mask: Tensor, classes: int) -> Confusion:
        """(1, K, K) of one image; what the square does not show of it is not scored."""
        height, width = mask.shape
        guess = self._named(own_classes(logits, width, height, self.task.dataset.fit).cpu())
        truth = torch.where(guess == IGNORE, guess, mask)
        return confuse(guess[None].numpy(), truth[None].numpy(), classes)

    def _named(self, guess: Tensor) -> Tensor:
        """The classes that guesses stand for."""
        if not self.classes:
            return guess
        named = torch.full((IGNORE + 1,), IGNORE, dtype=guess.dtype)
        named[: len(self.classes)] = torch.tensor(self.classes, dtype=guess.dtype)
        return named[guess.long()]

    @cached_property
    def _own(self) -> list[Tensor]:
        """(h, w) uint8 of each."""
        split = self.task.scored
        assert isinstance(split, KeepsShape)  # as `SegmentationTask.open` has seen
        return [split.own_mask(row) for row in self.rows]

    @cached_property
    def _inside(self) -> Tensor:
        """(N, S, S): where the squares show something of the images."""
        split, size = self.task.scored, self.task.plan.size
        if self.task.dataset.fit != PAD or not isinstance(split, KeepsShape):
            return torch.ones(len(self.rows), size, size, dtype=torch.bool)
        blank = (np.zeros(tuple(mask.shape), dtype=np.uint8) for mask in self._own)
        return torch.stack([torch.from_numpy(square_labels(mask, size, PAD) != IGNORE) for mask in blank])


def count_pairs(guess: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Confusions (M, N, K, K) of guesses (M, N, h, w) and truth (N, h, w); `IGNORE` in either counts nowhere."""
    nowhere = classes**2
    outside = (truth == IGNORE) | (guess == IGNORE)
    pairs = torch.where(outside, nowhere, truth.long() * classes + guess).flatten(2)
    counts = pairs.new_zeros(*pairs.shape[:2], nowhere + 1)
    counts.scatter_add_(2, pairs, pairs.new_ones(()).expand_as(pairs))
    confusions: Tensor = counts[..., :nowhere].unflatten(2, (classes, classes))
    return confusions
