"""The three translation tasks: inputs, targets and scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..backbone import BackboneError
from ..hed.scores import best_f

SRGB_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
"""Linear RGB to CIE XYZ (IEC 61966-2-1); its rows add up to white, which is D65."""
BEND = 6 / 29
"""Where the cube root of CIELAB turns into a line (CIE 15:2004, section 8.2.1)."""
COLOR_RANGE = 110.0
"""What a and b are divided by: in sRGB none is beyond 107.9."""
SPACE, RANGE = 1 / 32, 0.3
"""Deviations of the bilateral filter, in sides of the image and in RGB distance; the paper gives none.

Of the procedural faces at 64 pixels it takes away as much as leaves 31 dB, so that to copy the input is no answer.
"""

THRESHOLDS = torch.arange(1, 100) / 100
"""Probabilities from which a pixel is an edge, one of which is the best."""


def rgb_to_lab(images: Tensor) -> Tensor:
    """CIELAB under D65 (N, 3, S, S), L in [0, 100], of sRGB images (N, 3, S, S) in [0, 1]."""
    linear = torch.where(images > 0.04045, ((images + 0.055) / 1.055) ** 2.4, images / 12.92)
    matrix = images.new_tensor(SRGB_TO_XYZ)
    t = torch.einsum("ij,njhw->nihw", matrix / matrix.sum(1, keepdim=True), linear)
    x, y, z = torch.where(t > BEND**3, t ** (1 / 3), t / (3 * BEND**2) + 4 / 29).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The sRGB images (N, 3, S, S) in [0, 1] of CIELAB (N, 3, S, S); what no screen shows is clipped."""
    light, a, b = lab.unbind(1)
    y = (light + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    t = torch.where(f > BEND, f**3, 3 * BEND**2 * (f - 4 / 29))
    matrix = lab.new_tensor(SRGB_TO_XYZ)
    inverse = torch.linalg.inv(matrix / matrix.sum(1, keepdim=True))
    linear = torch.einsum("ij,njhw->nihw", inverse, t).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92).clamp(0, 1)


def bilateral(images: Tensor, space: float, colors: float, radius: int | None = None) -> Tensor:
    """The bilateral filter (Tomasi and Manduchi 1998, equation 5) of images (N, C, H, W), edges repeated.

    Each pixel becomes a mean of those within `radius` (default: two deviations), weighted by a Gaussian of
    their distance in pixels (deviation `space`) and one of their distance in colour (`colors`).
    """
    radius = math.ceil(2 * space) if radius is None else radius
    height, width = images.shape[-2:]
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    total, weights = torch.zeros_like(images), torch.zeros_like(images[:, :1])
    for down, across in product(range(2 * radius + 1), repeat=2):
        near = padded[:, :, down : down + height, across : across + width]
        distance = (near - images).square().sum(1, keepdim=True) / (2 * colors**2)
        weight = torch.exp(-distance - ((down - radius) ** 2 + (across - radius) ** 2) / (2 * space**2))
        total.addcmul_(weight, near)
        weights += weight
    return total / weights


def lightness(images: Tensor) -> Tensor:
    """L of RGB images in [0, 1], as (N, 1, S, S) in [-1, 1]."""
    return rgb_to_lab(images)[:, :1] / 50 - 1


def centred(images: Tensor) -> Tensor:
    """RGB images in [0, 1], as (N, 3, S, S) in [-1, 1]."""
    return images * 2 - 1


INPUTS: dict[str, Callable[[Tensor], Tensor]] = {"color": lightness, "hed": centred, "bilateral": centred}
"""What each task makes of images (N, 3, S, S) in [0, 1] for the generator to read, in [-1, 1]."""


class TranslationTask(Protocol):
    """One translation of images (N, 3, S, S) in [0, 1]."""

    def targets(self, images: Tensor, /) -> Tensor:
        """What the generator should give for these images, (N, out, S, S) in [-1, 1]."""

    def show(self, inputs: Tensor, outputs: Tensor | None = None, /) -> Tensor:
        """Images (N, 3, S, S) in [0, 1] of outputs or targets for these inputs; of the inputs if none are given."""

    def score(self, inputs: Tensor, outputs: Tensor, targets: Tensor, /) -> dict[str, float]:
        """How close outputs are to targets, beside a trivial answer."""


class Color:
    """L to a and b of CIELAB."""

    def targets(self, images: Tensor) -> Tensor:
        return rgb_to_lab(images)[:, 1:] / COLOR_RANGE

    def show(self, inputs: Tensor, outputs: Tensor | None = None) -> Tensor:
        light = inputs * 50 + 50
        colors = torch.zeros_like(light).repeat(1, 2, 1, 1) if outputs is None else outputs * COLOR_RANGE
        return lab_to_rgb(torch.cat([light, colors], dim=1))

    def score(self, _inputs: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Mean absolute error of a and b, in units of CIELAB; grey has none of either, the mean is that of targets."""
        mean = targets.mean((0, 2, 3), keepdim=True)
        answers = {"ab error": outputs, "ab error of grey": torch.zeros_like(mean), "ab error of the mean": mean}
        return {name: COLOR_RANGE * (targets - answer).abs().mean().item() for name, answer in answers.items()}


class Edges:
    """RGB to the edges that a detector finds, from images in [0, 1] to probabilities (N, 1, S, S)."""

    def __init__(self, detector: Callable[[Tensor], Tensor]) -> None:
        self.detector = detector

    def targets(self, images: Tensor) -> Tensor:
        return self.detector(images) * 2 - 1

    def show(self, inputs: Tensor, outputs: Tensor | None = None) -> Tensor:
        return inputs / 2 + 0.5 if outputs is None else (outputs / 2 + 0.5).expand(-1, 3, -1, -1)

    def score(self, _inputs: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Mean absolute error of the probability, and F at the best threshold, where targets from 0.5 are edges.

        F compares pixel by pixel. Beside them, the mean map of the targets as the answer to every image, and an edge
        everywhere.
        """
        edges, made = targets / 2 + 0.5, outputs / 2 + 0.5
        mean, truth = edges.mean(0, keepdim=True), (edges[:, 0] >= 0.5).long()
        everywhere = torch.ones_like(edges[:, 0])
        return {
            "error": (made - edges).abs().mean().item(),
            "error of the mean map": (mean - edges).abs().mean().item(),
            "F": best_f(made[:, 0], truth, reach=0, thresholds=THRESHOLDS),
            "F of edges everywhere": best_f(everywhere, truth, reach=0, thresholds=THRESHOLDS),
        }


class Bilateral:
    """RGB to the same image behind a bilateral filter."""

    def targets(self, images: Tensor) -> Tensor:
        return bilateral(images, SPACE * images.shape[-1], RANGE) * 2 - 1

    def show(self, inputs: Tensor, outputs: Tensor | None = None) -> Tensor:
        return (inputs if outputs is None else outputs) / 2 + 0.5

    def score(self, inputs: Tensor, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """Peak signal-to-noise ratio of the filtered image in dB, and that of the image as it came."""
        answers = {"PSNR": outputs, "PSNR of the input": inputs}
        errors = {name: (answer - targets).square().mean().item() for name, answer in answers.items()}
        return {name: -10 * math.log10(max(error / 4, 1e-12)) for name, error in errors.items()}


def open_task(name: str, device: torch.device) -> TranslationTask:
    """The task of this name; `hed` reads the weights of its detector."""
    if name == "hed":
        return Edges(open_detector(device))
    return Color() if name == "color" else Bilateral()


def open_detector(device: torch.device) -> Callable[[Tensor], Tensor]:
    """The frozen HED whose edges are learned."""
    from ..hed import SHIPPED as HED_WEIGHTS
    from ..hed.networks import open_hed

    if not HED_WEIGHTS.is_file():
        what = f"pix2pix-hed learns the edges that HED finds, whose weights {HED_WEIGHTS} are not there"
        raise BackboneError(f"{what}; make them with: partbench pretrain hed --out {HED_WEIGHTS}")
    detector: Callable[[Tensor], Tensor] = open_hed(HED_WEIGHTS).to(device)
    return detector
