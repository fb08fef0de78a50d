"""INSID3 (Cuttano et al. 2026, arXiv 2603.28480): parts found by example, from frozen features and without training.

For one part it does as the authors' code (github.com/visinf/INSID3, Apache-2.0) with its defaults, on any map in place
of DINOv3's; several shots are theirs too. Ours is what several parts at once need: each is sought by itself, in the
shots that show it, and of two that claim a cluster the one with the higher score has it. Their CRF is left out.

1. Cells are of length one. Position is projected out of them for whatever compares images (`debiased`).
2. A part's prototype is the mean of its cells, of each shot and then of shots. A cell of the picture is a candidate if
   it is like the prototype at all, and if its nearest cell lies in the part for half of the shots at least.
3. Cells of the picture, position included, are clustered: average linkage, until clusters are less alike than `ALIKE`.
4. The seed is the cluster with candidates that is most like the prototype. A cluster's score is how like the prototype
   its cells are, times how like the seed it is, times the share of candidates in it (1 for the seed); above `MERGE` it
   is of the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ALIKE = 0.6
"""Cosine above which clusters are merged (their tau)."""
MERGE = 0.2
"""Score above which a cluster is of a part."""
DIRECTIONS = 500
"""Of position, that are projected out."""
FEW = 0.9
"""Quantile from which cells are candidates where none is like the prototype."""


@dataclass(frozen=True)
class Cells:
    """A map as INSID3 sees it."""

    plain: Tensor
    """(h·w, C), each of length one."""
    debiased: Tensor
    """The same without position."""
    shape: tuple[int, int]

    @classmethod
    def of(cls, layer: Tensor, basis: Tensor) -> Cells:
        """A map (C, h, w), and the directions (C, k) of position."""
        plain = F.normalize(layer.flatten(1).T, dim=1)
        debiased = F.normalize(plain - plain @ basis @ basis.T, dim=1)
        return cls(plain, debiased, (layer.shape[-2], layer.shape[-1]))

    @cached_property
    def clusters(self) -> Tensor:
        """The cluster (h·w,) of each cell, from 0."""
        if len(self.plain) == 1:
            return torch.zeros(1, dtype=torch.int64, device=self.plain.device)
        from scipy.cluster.hierarchy import fcluster, linkage  # of every run, this is the one row that needs them
        from scipy.spatial.distance import squareform

        apart = (1 - (self.plain @ self.plain.T).clamp(-1, 1)).double().cpu().numpy()
        np.fill_diagonal(apart, 0)
        tree = linkage(squareform((apart + apart.T) / 2, checks=False), "average")
        labels = fcluster(tree, np.nextafter(1 - ALIKE, 0), "distance")
        return torch.from_numpy(labels - 1).long().to(self.plain.device)


@dataclass(frozen=True)
class Shown:
    """A part as the shots show it."""

    prototype: Tensor
    """(C,), of length one."""
    inside: dict[int, Tensor]
    """By shot, for those that show it: whether each cell (h·w,) is in the part."""


def shown(shots: Sequence[Cells], masks: Tensor) -> Shown | None:
    """A part by its masks (n, S, S) in all shots; None if none shows it."""
    inside = {i: cover(mask, shots[i].shape) for i, mask in enumerate(masks) if mask.any()}
    if not inside:
        return None
    means = [shots[i].debiased[cells].mean(0) for i, cells in inside.items()]
    return Shown(F.normalize(torch.stack(means).mean(0), dim=0), inside)


def cover(mask: Tensor, shape: tuple[int, int]) -> Tensor:
    """The cells (h·w,) of a mask (S, S) with something in it: at least the one in its middle."""
    for mode in ("bilinear", "nearest"):
        cells = F.interpolate(mask[None, None].float(), shape, mode=mode)[0, 0] > 0.5
        if cells.any():
            return cells.flatten()
    middle = mask.nonzero().double().mean(0) * torch.tensor(shape, device=mask.device) / len(mask)
    cells[tuple(middle.long())] = True
    return cells.flatten()


def nearest(shots: Sequence[Cells], picture: Cells) -> list[Tensor]:
    """For each shot, the place in it (h·w,) of the cell that is most like each cell of the picture."""
    return [(picture.debiased @ shot.debiased.T).argmax(1) for shot in shots]


def scores(part: Shown, picture: Cells, matches: Sequence[Tensor]) -> Tensor:
    """The score (clusters,) of every cluster of the picture as this part; 0 where the part is not there."""
    like = picture.debiased @ part.prototype
    ahead = like > 0
    if not ahead.any():
        ahead = like > like.quantile(FEW)
    votes = torch.stack([cells[matches[i]] for i, cells in part.inside.items()]).sum(0)
    candidates = ahead & (2 * votes >= len(part.inside))
    members = F.one_hot(picture.clusters).to(like)  # (cells, clusters)
    sizes = members.sum(0)
    share = members.T @ candidates.to(like) / sizes
    if not candidates.any():
        return share
    means = F.normalize(members.T @ picture.debiased, dim=1)
    seed = int((means @ part.prototype).masked_fill(share == 0, -torch.inf).argmax())
    centres = F.normalize(members.T @ picture.plain, dim=1)
    share[seed] = 1
    return (members.T @ like / sizes) * (centres @ centres[seed]) * share


def label(
    picture: Cells, shots: Sequence[Cells], parts: Sequence[Shown | None], background: int | None, size: int
) -> Tensor:
    """Logits (K, size, size): the class of each cell's cluster, bilinear, and the background where no part has half.

    Without a background a cluster that no part claims is of the one that is nearest to it.
    """
    matches, count = nearest(shots, picture), int(picture.clusters.max()) + 1
    none = picture.plain.new_full((count,), -torch.inf)
    each = [none if part is None or k == background else scores(part, picture, matches) for k, part in enumerate(parts)]
    best, winner = torch.stack(each).max(0)
    taken = F.one_hot(winner, len(parts)).to(best)
    if background is not None:
        taken = taken * (best > MERGE)[:, None]
    cells = taken[picture.clusters].T.view(1, len(parts), *picture.shape)
    logits = F.interpolate(cells, (size, size), mode="bilinear", align_corners=False)[0]
    if background is not None:
        logits[background] = 0.5
    return logits
