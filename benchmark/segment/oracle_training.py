"""Training of an oracle on the part masks of drawn images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...backbones import weights
from ...backbones.backbone import BackboneError
from ...backbones.training.learner import AdamRecipe, Learner
from ...backbones.training.trainer import Losses
from ...datasets.dataset import IGNORE
from ..metrics.confusion import Scores, confuse, per_class
from ..pictures import PALETTE
from .network import UNet

FAMILY = "oracle"
"""What the file of an oracle says that it holds."""
RECIPE = AdamRecipe(batch=16, rate=3e-3)
AT_ONCE = 32
"""Images that are measured at once."""


@dataclass(frozen=True)
class OracleConfig:
    """The shape of an oracle: the U-Net of Table A, with fewer channels."""

    classes: tuple[str, ...]
    size: int = 64
    """Side of the images that it learns from, pixels."""
    width: int = 10
    """Channels of the first layer; the paper's segmenter has 64."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))  # of a list, as JSON has it


def part_losses(logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Cross entropy and what a soft IoU leaves to be wished for, of logits (N, K, S, S) and masks (N, S, S).

    Classes weigh the inverse square root of their share of the pixels in the first term and the same in the second:
    without either, a U-Net that reached 85 % by area had 0 to 5 % on eyes, mouth and nose.
    """
    labelled = masks != IGNORE
    truth = F.one_hot(masks.where(labelled, 0), logits.shape[1]).movedim(-1, 1) * labelled[:, None]
    count = truth.sum((0, 2, 3)).to(logits.dtype)
    weight = (count + 1).rsqrt() / ((count + 1).rsqrt() * count).sum().clamp(min=1e-9)
    entropy = -(logits.log_softmax(1) * truth * weight[:, None, None]).sum()
    guess = logits.softmax(1) * labelled[:, None]
    both = (guess * truth).sum((0, 2, 3))
    overlap = both / (guess.sum((0, 2, 3)) + count - both).clamp(min=1e-6)
    return {"entropy": entropy, "missed": 1 - overlap[count > 0].mean()}


def random_blur(images: Tensor) -> Tensor:
    """Images as sharp as they are, or up to twice blurred by a 3x3 mean: those of a small generator are soft."""
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand(len(images), 1, 1, 1, device=images.device)
    return images.lerp(blurred, share)


class PartLesson:
    """The lesson: the class of every pixel of images (N, 3, S, S), with `masks` for the images to come."""

    def __init__(self, shape: OracleConfig, recipe: AdamRecipe) -> None:
        self.network: nn.Module = UNet(len(shape.classes), shape.width)
        self.shape, self.recipe = shape, recipe
        self.masks: Tensor | None = None

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        assert self.masks is not None, "step_with_masks gives them"
        return part_losses(network(random_blur(images)), self.masks)

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        """Each image with its parts beside it."""
        palette = torch.from_numpy(PALETTE).to(images.device).float() / 255
        parts = palette[network(images).argmax(1) % len(PALETTE)].movedim(-1, 1)
        return torch.stack([images, parts], 1).flatten(0, 1)

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        """IoU of every class over all images, their mean, and that of the commonest class everywhere."""
        assert self.masks is not None, "measure_with_masks gives them"
        guess = torch.cat([network(part).argmax(1) for part in images.split(AT_ONCE)])
        found, trivial = self._iou(guess), self._iou(torch.zeros_like(guess) + self.masks.flatten().mode().values)
        each = {f"IoU of {name}": float(value) for name, value in zip(self.shape.classes, found, strict=True)}
        return {"mean IoU": float(found.mean()), "mean IoU of one class everywhere": float(trivial.mean())} | each

    def _iou(self, guess: Tensor) -> Scores:
        assert self.masks is not None
        return per_class(confuse(guess.cpu().numpy(), self.masks.cpu().numpy(), len(self.shape.classes)).sum(0))

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str]) -> None:
        weights.save(path, FAMILY, self.shape, {"network": network}, card)

    def restore(self, network: nn.Module, path: Path) -> None:
        weights.restore(path, FAMILY, self.shape, {"network": network})


class OracleTrainer(Learner):
    """An oracle in training, on images with their masks."""

    def __init__(self, shape: OracleConfig, device: str = "cpu", seed: int = 0, recipe: AdamRecipe = RECIPE) -> None:
        self.parts: PartLesson

        def lesson() -> PartLesson:
            self.parts = PartLesson(shape, recipe)
            return self.parts

        super().__init__(lesson, device, seed)

    def step(self, images: Tensor) -> Losses:
        """Nothing: without masks there are no parts."""
        raise BackboneError("an oracle learns from masks, and these images have none; give a dataset that is drawn")

    def step_with_masks(self, images: Tensor, masks: Tensor) -> Losses:
        """Learn from images (batch, 3, S, S) in [0, 1] and masks (batch, S, S)."""
        self.parts.masks = masks.to(self.machine.device)
        return super().step(images)

    def measure_with_masks(self, images: Tensor, masks: Tensor) -> Mapping[str, float]:
        """IoU of every class in [0, 1], and their mean."""
        self.parts.masks = masks.to(self.machine.device)
        return super().measure(images)
