"""Training of HED with deep supervision (Xie and Tu 2015): every side output learns the same contours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import weights
from ..backbone import BackboneError
from ..training.learner import AdamRecipe, Learner
from ..training.trainer import Losses
from .config import DEPTHS, HEDConfig
from .networks import FAMILY, HED
from .scores import CONTOUR, DISPUTED, best_f, sobel

TERMS = (*(f"side{block}" for block in range(1, len(DEPTHS) + 1)), "fused")
"""Names of the losses, in the order of the logits."""
RECIPE = AdamRecipe(batch=8, rate=2e-3, warmup=50)
"""The paper's (SGD, batches of 10) starts from ImageNet's weights, ours from random ones."""
AT_ONCE = 32
"""Images that are measured at once."""


def balanced_losses(logits: Tensor, masks: Tensor) -> Tensor:
    """The class-balanced cross-entropy of each map: (C,) from logits (N, C, S, S) and masks (N, S, S).

    Contour pixels weigh the share of the others, and the others the share of contours, in each image. It is the mean
    over an image's labelled pixels where the paper has the sum, so that no rate depends on the size.
    """
    contour, agreed = masks == CONTOUR, masks != DISPUTED
    count = agreed.sum((1, 2), keepdim=True).clamp(min=1)
    beta = 1 - contour.sum((1, 2), keepdim=True) / count
    weight = torch.where(contour, beta, 1 - beta) * agreed / count
    target = contour[:, None].to(logits.dtype).expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (weight[:, None] * entropy).sum((2, 3)).mean(0)


class Contours:
    """The lesson: contours in images (N, 3, S, S), with `masks` (N, S, S) for the images to come."""

    def __init__(self, config: HEDConfig, recipe: AdamRecipe) -> None:
        self.network: nn.Module = HED(config)
        self.config, self.recipe = config, recipe
        self.masks: Tensor | None = None

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        """The class-balanced cross-entropy of each side output and of the fused one; all count alike."""
        assert isinstance(network, HED) and self.masks is not None
        return dict(zip(TERMS, balanced_losses(network.logits(images), self.masks), strict=True))

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        """Each image with its edges beside it."""
        edges = network(images).expand_as(images)
        return torch.stack([images, edges], 1).flatten(0, 1)

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        """The F-measure of the edges at their best threshold, beside that of a Sobel filter."""
        assert self.masks is not None
        edges = torch.cat([network(part)[:, 0] for part in images.split(AT_ONCE)])
        return {"f": best_f(edges, self.masks), "f of sobel": best_f(sobel(images), self.masks)}

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str]) -> None:
        weights.save(path, FAMILY, self.config, {"network": network}, card)

    def restore(self, network: nn.Module, path: Path) -> None:
        weights.restore(path, FAMILY, self.config, {"network": network})


class HEDTrainer(Learner):
    """A HED in training, on images whose masks say where contours are."""

    def __init__(self, config: HEDConfig, device: str = "cpu", seed: int = 0, recipe: AdamRecipe = RECIPE) -> None:
        self.contours: Contours

        def lesson() -> Contours:
            self.contours = Contours(config, recipe)
            return self.contours

        super().__init__(lesson, device, seed)

    def step(self, images: Tensor) -> Losses:
        """Nothing: without masks there is no telling contours."""
        raise _maskless()

    def measure(self, images: Tensor) -> Mapping[str, float]:
        """Nothing, as in `step`."""
        raise _maskless()

    def step_with_masks(self, images: Tensor, masks: Tensor) -> Losses:
        """Learn from images (batch, 3, S, S) in [0, 1] and masks (batch, S, S): 1 on contours, 0 off, 255 disputed."""
        self._look_at(masks)
        return super().step(images)

    def measure_with_masks(self, images: Tensor, masks: Tensor) -> Mapping[str, float]:
        """`f` of the fused edges beside that of a Sobel filter, in [0, 1]; see `scores.best_f`."""
        self._look_at(masks)
        return super().measure(images)

    def _look_at(self, masks: Tensor) -> None:
        other = masks[(masks != DISPUTED) & (masks != CONTOUR) & (masks != 0)]
        if len(other):
            fact = f"hed learns from masks of 0, {CONTOUR} and {DISPUTED}, and these hold {int(other[0])}"
            raise BackboneError(f"{fact}; give images with contours, e.g. --images scenes")
        self.contours.masks = masks.to(self.machine.device)


def _maskless() -> BackboneError:
    fact = "hed learns contours from masks, and these images have none"
    return BackboneError(f"{fact}; give images with contours, e.g. --images scenes")
