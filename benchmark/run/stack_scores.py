"""Counts what heads of one kind predict of some images, all at once: on a GPU one operator serves all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from ...heads.head import HeadError, likeliest
from ...heads.stack import Stack
from ..machine import SHARE, MemoryLimit
from ..metrics.confusion import Confusion
from .head_training import UNSOUND, full_float32, logits_of, read
from .losses import PIXELS_AT_ONCE
from .target_masks import Truth


@dataclass(frozen=True)
class Counted:
    """What a head predicts of some images."""

    confusion: Confusion
    """(N, K, K)."""
    guess: Tensor | None = None
    """The likeliest classes (N, S, S), where they were asked for."""


@dataclass(frozen=True)
class SliceReading:
    """Some images as heads see them, and what is true of them."""

    maps: Sequence[Tensor]
    """(N, C_i, h_i, w_i)."""
    truth: Truth
    room: MemoryLimit | None = None
    """The memory that there is for heads that read together; None: as much as they like."""

    def alone(self, module: nn.Module) -> Tensor:
        """The logits (N, K, S, S) of one head."""
        return logits_of(module, self.maps, self.size, self.classes)

    def counted(self, logits: Tensor, shown: bool) -> Counted:
        """What one head predicts, by its logits."""
        return Counted(self.truth.confuse(logits), likeliest(logits) if shown else None)

    def together(self, modules: Sequence[nn.Module], shown: Sequence[bool]) -> list[Counted | HeadError]:
        """What heads of one kind predict, up to rounding the same as each alone: in pieces that memory holds.

        One that predicts no numbers has an error in its place.
        """
        most = self.most(modules[0])
        if len(modules) <= most:
            try:
                return self._read(modules, shown)
            except torch.OutOfMemoryError:
                if len(modules) == 1:
                    raise
            torch.cuda.empty_cache()
            most = (len(modules) + 1) // 2
        parts = [slice(first, first + most) for first in range(0, len(modules), most)]
        return [found for part in parts for found in self.together(modules[part], shown[part])]

    def most(self, module: nn.Module) -> int:
        """How many heads of this kind fit into the memory that is left, with all outputs of their layers twice."""
        left = self.room.left() if self.room else None
        if left is None:
            return sys.maxsize
        pixels, numbers = len(self.maps[0]) * self.size**2, [*module.parameters(), *module.buffers()]
        layers = sum(len(number) for number in numbers if number.dim() > 1)
        copies = (1 + len(self.maps[0])) * sum(number.numel() for number in numbers)  # products copy some for an image
        held = copies + 2 * layers * min(pixels, PIXELS_AT_ONCE)
        answers = 2 * self.classes + 8  # logits and whether they are numbers; classes and pairs of them are long
        return max(1, int(SHARE * left) // (4 * (held + answers * pixels)))

    @property
    def size(self) -> int:
        return self.truth.task.plan.size

    @property
    def classes(self) -> int:
        return len(self.truth.task.dataset.classes)

    def _read(self, modules: Sequence[nn.Module], shown: Sequence[bool]) -> list[Counted | HeadError]:
        """All that is asked of a stack comes back to the host at once."""
        with torch.no_grad(), full_float32():
            logits = Stack(modules).each(lambda head: read(head, self.maps, self.size, self.classes))
            places = [place for place, one in enumerate(shown) if one]
            found = [self.truth.count(logits), logits.isfinite().flatten(1).all(1), likeliest(logits[places], 2)]
        numbers = torch.cat([part.flatten().long() for part in found]).cpu().split([prod(p.shape) for p in found])
        counts, sound, guesses = (one.view(part.shape) for one, part in zip(numbers, found, strict=True))
        guess, confusions = dict(zip(places, guesses, strict=True)), counts.numpy()
        return [
            Counted(confusions[place], guess.get(place)) if right else HeadError(UNSOUND)
            for place, right in enumerate(sound.tolist())
        ]
