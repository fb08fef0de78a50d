"""Another HED as the teacher of `pix2pix-hed`: which weights, and at which side it sees the images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..hed import HED
from ..hed.config import SMALLEST
from ..hed.networks import open_hed
from ..sides import side_in


def open_teacher(teacher: str, device: torch.device) -> tuple[Callable[[Tensor], Tensor], str]:
    """The frozen HED of `WEIGHTS[,SIDE]`, and what it is; WEIGHTS is what may stand behind `hed@`.

    Its contours are some pixels wide at whatever size it sees, so that smaller images are enlarged to a SIDE of
    pixels, without one to that of its own images, and the edges (N, 1, S, S) reduced to theirs.
    """
    weights, side = _parse(teacher)
    record = HED.configure("", weights)
    assert isinstance(record.weights, Path), "a HED is one file"
    network, side = open_hed(record.weights).to(device), side or record.size
    digest = hashlib.sha256(record.weights.read_bytes()).hexdigest()[:16]
    what = f"hed@{Path(weights).name}{record.origin and f' ({record.origin})'}, {digest}, at {side} pixels"
    return lambda images: _edges_at(network, side, images), what


def _parse(teacher: str) -> tuple[str, int | None]:
    """The weights, and the side in pixels where one is named."""
    weights, _, side = teacher.rpartition(",")
    if weights and (named := side_in(side, f"the teacher {Path(weights).name}", SMALLEST)):
        return weights, named
    return teacher, None


def _edges_at(network: Callable[[Tensor], Tensor], side: int, images: Tensor) -> Tensor:
    """The probability (N, 1, S, S) of a contour in images (N, 3, S, S), as it is seen at this side."""
    if images.shape[-1] >= side:
        return network(images)
    edges = network(F.interpolate(images, (side, side), mode="bilinear"))
    return F.interpolate(edges, images.shape[-2:], mode="area")
