"""The ridge head: labels as a linear function of F, fitted by least squares in closed form.

It has no steps, no schedule and no start. F is never made: its Gram matrix comes exactly from the maps (`gram.py`).

The ridge is a share of the mean eigenvalue of F's covariance: the one of `SHARES` that predicts best what was left
out. Of several shots each is left out in turn, and the mean IoU of what the others make of it decides. Of a single one
its quadrants are, and the squared error decides, since the IoU of a class that one quadrant alone shows says nothing.
Single pixels are not left out: a resized map holds its neighbours' copies, so that nearly no ridge would win (16 % mean
IoU in place of 75). docs/pages/protocol.md has the numbers, and what weighing the classes would bring and cost.

A class that no shot shows is never predicted: the fitted labels of the others add up to one, and its own are nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .gram import class_sums, exact, gram
from .head import HeadError, Rows
from .pixelwise import Projection, project

SHARES = tuple(10.0 ** (power / 2) for power in range(-8, 1))
"""Ridges that are tried, of the mean eigenvalue of the covariance."""
UNTRIED = 0.1
"""The ridge where nothing can be left out: the best at one shot wherever it was measured."""
LEAST = 1e-6
"""Of the mean square of F, the least that its mean eigenvalue counts as: there may be one labelled pixel alone."""
FLOOR = 1e-3
"""The least that a fitted label counts as, when its logarithm becomes a logit."""
AT_ONCE = 2**23
"""Numbers that all ridges together predict at once."""


@dataclass(frozen=True)
class Moments:
    """All that least squares need to know of some pixels."""

    gram: Tensor
    """(ΣC + 1, ΣC + 1): products of F, with a one behind, double precision."""
    sums: Tensor
    """(ΣC + 1, K): sums of the same by class, so that the last row has the pixels of each class."""

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.gram + other.gram, self.sums + other.sums)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.gram - other.gram, self.sums - other.sums)

    @property
    def pixels(self) -> float:
        return float(self.gram[-1, -1])

    def fit(self, share: float) -> Tensor:
        """Weights (ΣC + 1, K), the intercepts behind, which bear no ridge."""
        squares = self.gram.diagonal()
        spread = (squares - self.gram[-1].square() / self.pixels)[:-1].mean()
        ridge = torch.full_like(squares, share) * spread.maximum(LEAST * squares.mean())
        ridge[-1] = 0
        return torch.cholesky_solve(self.sums, torch.linalg.cholesky(self.gram + ridge.diag()))


class Ridge(Projection):
    """The logarithm of labels that are linear in F, pixel by pixel."""

    @torch.no_grad()
    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        """Fit the labels of all shots, under the ridge that predicts best what is left out."""
        classes = len(self.bias)
        everything = _sum(_moments(shot(i), mask, classes) for i, mask in enumerate(masks))
        if not everything.pixels:
            raise HeadError("its shots have no labelled pixel to fit; label some, or choose other shots")
        judge = _Judge(classes, by_iou=len(masks) > 1)
        for i, mask in enumerate(masks):
            maps = shot(i)
            for out in [mask] if len(masks) > 1 else _quadrants(mask, classes):
                rest = everything - _moments(maps, out, classes)
                if rest.pixels > 0.5:
                    judge.hear([rest.fit(share) for share in SHARES], maps, out)
        self._take(everything.fit(SHARES[judge.best] if judge.heard else UNTRIED))

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """Logits in some rows (N, K, bottom - top, size); `forward` gives them of all."""
        return _logarithm(super().rows(maps, rows, size))

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to logits (N, K, size, size)."""
        return _logarithm(super().forward(maps, size))

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """The same at `pixels` (N, P) alone: (N, K, P)."""
        return _logarithm(super().at(maps, pixels, size))

    def _take(self, weights: Tensor) -> None:
        self.weight.copy_(weights[:-1].T[:, :, None, None])
        self.bias.copy_(weights[-1])


def _moments(maps: Sequence[Tensor], mask: Tensor, classes: int) -> Moments:
    """Of the labelled pixels of one image."""
    one = maps[0].new_ones(1, 1, 1, 1)  # resized it is one everywhere
    layers = exact([*maps, one], len(mask))
    return Moments(gram(layers, mask < classes), class_sums(layers, mask, classes))


def _quadrants(mask: Tensor, classes: int) -> Iterator[Tensor]:
    """The mask (S, S) of each quadrant, which has labels there alone."""
    half = len(mask) // 2
    for rows in (slice(half), slice(half, None)):
        for columns in (slice(half), slice(half, None)):
            quadrant = torch.full_like(mask, classes)
            quadrant[rows, columns] = mask[rows, columns]
            yield quadrant


@dataclass
class _Judge:
    """Counts what every ridge makes of what was left out."""

    classes: int
    by_iou: bool
    """By mean IoU, or by the squared error."""
    heard: bool = False

    def __post_init__(self) -> None:
        self.errors = torch.zeros(len(SHARES), dtype=torch.float64)
        self.counts = torch.zeros(len(SHARES), self.classes, self.classes)

    def hear(self, fits: Sequence[Tensor], maps: Sequence[Tensor], mask: Tensor) -> None:
        """Of fits (ΣC + 1, K) of the rest, on the labelled pixels of one image, strip by strip."""
        weights = torch.cat(list(fits), dim=1).T.to(maps[0])
        size, step = len(mask), max(1, AT_ONCE // (len(weights) * len(mask)))
        for top in range(0, size, step):
            rows = (top, min(top + step, size))
            guess = project(maps, weights[:, :-1, None, None], weights[:, -1], size, rows=rows)
            truth = mask[slice(*rows)].flatten()
            labelled = truth < self.classes
            self._count(guess.view(len(fits), self.classes, -1)[..., labelled], truth[labelled])
        self.heard = self.heard or bool((mask < self.classes).any())

    def _count(self, guess: Tensor, truth: Tensor) -> None:
        """Guesses (ridges, K, P) of labels (P,)."""
        self.errors += (guess - F.one_hot(truth, self.classes).T).square().sum((1, 2)).double().cpu()
        found = (truth * self.classes + guess.argmax(1)).cpu()
        self.counts += torch.stack([one.bincount(minlength=self.classes**2) for one in found]).view_as(self.counts)

    @property
    def best(self) -> int:
        """The place of the best ridge; of equal ones the strongest."""
        inside, present = self.counts.diagonal(dim1=1, dim2=2), self.counts[0].sum(1) > 0
        union = self.counts.sum(1) + self.counts.sum(2) - inside
        iou = (inside / union)[:, present].mean(1)
        merit = iou if self.by_iou else -self.errors
        return int((merit == merit.max()).nonzero()[-1])


def _sum(parts: Iterator[Moments]) -> Moments:
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def _logarithm(labels: Tensor) -> Tensor:
    """Logits whose softmax is the fitted labels: those below nothing count as nearly nothing."""
    return labels.clamp(min=FLOOR).log()
