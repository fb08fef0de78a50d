"""Scores of edge maps: the F-measure of BSDS with a simpler matching, and a Sobel baseline."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONTOUR, DISPUTED = 1, 255
"""Mask values of a contour, and of a pixel on which annotators disagree, which counts neither way."""
REACH = 0.0075
"""How far a match may be, in diagonals of the image (BSDS500's benchmark, as in the paper of HED)."""
THRESHOLDS = 99
"""Thresholds tried, as many as BSDS500's benchmark tries."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


def best_f(edges: Tensor, masks: Tensor, reach: int | None = None, thresholds: Tensor | None = None) -> float:
    """The F-measure at the best threshold for all images together (ODS), for edges and masks (N, S, S).

    BSDS thins the edges and matches each pixel to one of the annotators'. Here a pixel is right where a contour is
    within reach, and a contour is found where an edge is: edges thinner than the reach gain nothing. The reach is that
    of BSDS; at 0 pixels are compared one by one. Thresholds are quantiles of the edges, so that only their order
    counts, unless some are given. Without a contour it is NaN.
    """
    contour, agreed = masks == CONTOUR, masks != DISPUTED
    if not contour.any():
        return float("nan")
    reach = tolerance(masks.shape[-1]) if reach is None else reach
    near = _spread(contour.to(edges.dtype), reach) > 0
    at = _quantiles(edges[agreed]) if thresholds is None else thresholds.to(edges)
    predicted, right = _above(edges[agreed], at), _above(edges[near & agreed], at)
    # An edge on a disputed pixel is no error, and may find the contour beside it.
    found = _above(_spread(edges, reach)[contour], at)
    precision, recall = right / predicted.clamp(min=1), found / contour.sum()
    return (2 * precision * recall / (precision + recall).clamp(min=1e-12)).max().item()


def tolerance(size: int) -> int:
    """The reach in pixels for images of this side: 1 at 64, 3 at 256."""
    return max(1, round(REACH * 2**0.5 * size))


def sobel(images: Tensor) -> Tensor:
    """How steep the luma of images (N, 3, S, S) is, (N, S, S): the trivial answer."""
    luma = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    across = images.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    slopes = F.conv2d(F.pad(luma, (1, 1, 1, 1), mode="replicate"), kernels)
    return slopes.square().sum(1).sqrt()


def _spread(values: Tensor, reach: int) -> Tensor:
    """The largest value within reach of each pixel, in a square."""
    return F.max_pool2d(values[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0]


def _quantiles(values: Tensor) -> Tensor:
    ordered = values.sort().values
    at = torch.linspace(0, len(ordered) - 1, THRESHOLDS + 2, device=values.device)[1:-1].round().long()
    return ordered[at]


def _above(values: Tensor, thresholds: Tensor) -> Tensor:
    """How many values reach each threshold."""
    return len(values) - torch.searchsorted(values.sort().values, thresholds)
