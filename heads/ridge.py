"""The ridge head: one-hot labels fitted by least squares under a ridge, in closed form, and read as discriminants.

It has no steps, no schedule and no start. F is never made: its Gram matrix comes exactly from the maps (`gram.py`).

Fitted labels as they are would be poor logits: those of rare classes stay small, and one class hides between others. So
they are scored: a matrix (K, K) of the least squares themselves turns them into the log posteriors of classes that are
normal with one covariance, the ridge added to it (penalised discriminant analysis, Hastie, Buja, Tibshirani 1995). Here
those are computed at once, from the covariance within classes. The head stays linear in F; ten photographs score 81
where the labels alone score 74, one 75 where they score 62 at best (mean IoU, %).

The ridge is a share of the mean eigenvalue of F's covariance. Of several shots each is left out in turn, and that of
`SHARES` is taken with which the others predict it best, by mean IoU. Pixels are not left out, since a resized map holds
its neighbours' copies, so that nearly no ridge would win. A single shot has nothing to leave out: `ALONE` is its ridge.
docs/pages/protocol.md has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .gram import class_sums, exact, gram
from .head import NEVER, HeadError, likeliest
from .pixelwise import Projection, project
from .span import span_of

SHARES = tuple(10.0 ** (power / 2) for power in range(-6, 2))
"""Ridges that are tried, of the mean eigenvalue of the covariance."""
ALONE = 1.0
"""The ridge of a single shot: within a point of the best on validation images of three backbones, drawn and real."""
LEAST = 1e-6
"""Of the mean square of F, the least that its mean eigenvalue counts as: there may be one labelled pixel alone."""
AT_ONCE = 2**23
"""Logits of all ridges together that are computed at once."""


@dataclass(frozen=True)
class Moments:
    """All that a fit needs to know of some pixels."""

    gram: Tensor
    """(ΣC + 1, ΣC + 1): products of F, with a one behind, double precision."""
    sums: Tensor
    """(ΣC + 1, K): sums of the same by class, so that the last row has the pixels of each class."""

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.gram + other.gram, self.sums + other.sums)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.gram - other.gram, self.sums - other.sums)

    @property
    def pixels(self) -> Tensor:
        return self.gram[-1, -1]

    def fits(self, shares: Sequence[float], channels: int) -> Iterator[Tensor]:
        """Under each ridge the weights (ΣC + 1, K) of the logits, the intercepts behind.

        The mean eigenvalue is that of so many `channels`: turned into a span, F has fewer, and the rest are zero.
        """
        mean, counts = self.gram[:-1, -1] / self.pixels, self.sums[-1]
        seen = counts > 0.5
        offsets = (self.sums[:-1] / counts.clamp(min=1) - mean[:, None]) * seen  # of the class means
        whole = self.gram[:-1, :-1] - self.pixels * mean.outer(mean)
        spread = (whole.trace() / channels).maximum(LEAST * self.gram.trace() / (channels + 1))
        within = whole - (offsets * counts) @ offsets.T
        prior = torch.where(seen, (counts / self.pixels).clamp(min=1e-9).log(), NEVER)
        for share in shares:
            ridged = within.clone()
            ridged.diagonal().add_(share * spread)
            weights = torch.cholesky_solve(offsets * self.pixels, torch.linalg.cholesky(ridged))
            yield torch.cat((weights, (prior - (offsets / 2 + mean[:, None]).mul(weights).sum(0))[None]))


class Ridge(Projection):
    """Logits that are linear in F, pixel by pixel."""

    @torch.no_grad()
    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        """Fit the labels of all shots, under the ridge that predicts best the shots that are left out."""
        classes, channels = self.weight.shape[:2]

        def doubles(maps: Sequence[Tensor]) -> list[Tensor]:
            return exact(maps, masks.shape[-1])

        tried = len(SHARES) * len(masks) if len(masks) > 1 else 0
        span = span_of(lambda i: doubles(shot(i)), len(masks), fits=1 + tried)
        everything = _sum(_moments(span.narrow(doubles(shot(i))), mask, classes) for i, mask in enumerate(masks))
        if not everything.pixels:
            raise HeadError("its shots have no labelled pixel to fit; label some, or choose other shots")
        counts = torch.zeros(len(SHARES), classes, classes)
        for i, mask in enumerate(masks):
            maps = shot(i)
            rest = everything - _moments(span.narrow(doubles(maps)), mask, classes)
            if rest.pixels > 0.5:
                fits = [span.widen(weights) for weights in rest.fits(SHARES, channels)]
                counts += _confusions(fits, maps, mask, classes)
        share = SHARES[_best(counts)] if counts.any() else ALONE
        weights = span.widen(*everything.fits([share], channels))
        self.weight.copy_(weights[:-1].T[:, :, None, None])
        self.bias.copy_(weights[-1])


def _moments(maps: Sequence[Tensor], mask: Tensor, classes: int) -> Moments:
    """Of the labelled pixels of one image, whose maps are `exact`."""
    layers = [*maps, maps[0].new_ones(1, 1, 1, 1)]  # resized it is one everywhere
    return Moments(gram(layers, mask < classes), class_sums(layers, mask, classes))


def _sum(parts: Iterator[Moments]) -> Moments:
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def _confusions(fits: Sequence[Tensor], maps: Sequence[Tensor], mask: Tensor, classes: int) -> Tensor:
    """What each of some fits makes of the labelled pixels of one image, strip by strip: (fits, K, K), truth first."""
    weights = torch.cat(list(fits), dim=1).T.to(maps[0])
    size, step = len(mask), max(1, AT_ONCE // (len(weights) * len(mask)))
    counts = torch.zeros(len(fits), classes**2)
    for top in range(0, size, step):
        rows = (top, min(top + step, size))
        logits = project(maps, weights[:, :-1, None, None], weights[:, -1], size, rows=rows)
        truth = mask[slice(*rows)].flatten()
        found = truth * classes + likeliest(logits.view(len(fits), classes, -1))
        for count, one in zip(counts, found[:, truth < classes].cpu(), strict=True):
            count += one.bincount(minlength=classes**2)
    return counts.view(len(fits), classes, classes)


def _best(counts: Tensor) -> int:
    """The place of the highest mean IoU over the classes that are there; of equal ones the last."""
    inside, present = counts.diagonal(dim1=1, dim2=2), counts[0].sum(1) > 0
    iou = inside / (counts.sum(1) + counts.sum(2) - inside)
    merit = iou[:, present].mean(1)
    return int((merit == merit.max()).nonzero()[-1])
