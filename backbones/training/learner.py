"""The trainer of networks that minimise one loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .distributed import TrainingDevice, to_device
from .trainer import Losses

SHOWN = 16
"""Images of a picture."""


@dataclass(frozen=True)
class AdamRecipe:
    """Numbers of a training by Adam."""

    batch: int = 32
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 100
    """Steps over which the rate rises from zero."""
    average: float = 0.995
    """How much of the averaged network stays at each step, less at the start."""


class Lesson(Protocol):
    """What one network learns from images (N, 3, S, S) in [0, 1]."""

    network: nn.Module
    recipe: AdamRecipe

    def losses(self, network: nn.Module, images: Tensor, /) -> dict[str, Tensor]:
        """The terms whose sum is minimised, by name."""

    def picture(self, network: nn.Module, images: Tensor, /) -> Tensor:
        """What the network makes of `images`: (n, 3, S, S) in [0, 1] for a grid."""

    def measure(self, network: nn.Module, images: Tensor, /) -> dict[str, float]:
        """How well the task is done, beside a trivial answer."""

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str], /) -> None:
        """Write the weights."""

    def restore(self, network: nn.Module, path: Path, /) -> None:
        """Fill the network with the weights of a file that `save` wrote; `BackboneError` if it is of another shape."""


@torch.no_grad()
def blend(stays: float, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
    """Move averages towards what they average; `count` steps into a training at most (1 + count) / (10 + count) stays.

    So a young average does not drag the first, untrained weights along.
    """
    stays = min(stays, (1 + int(count)) / (10 + int(count)))
    for average, now in zip(averaged, current, strict=True):
        if average.is_floating_point():
            average.lerp_(now, 1 - stays)
        else:  # a count of batches
            average.copy_(now)


class AveragedTraining:
    """Base of our trainers: averages the weights, and resumes bit for bit."""

    PARTS: tuple[str, ...]
    """Attributes that a checkpoint holds, each with a state dict."""

    def __init__(self, device: str, seed: int) -> None:
        torch.manual_seed(seed)
        self.machine = TrainingDevice(device)
        self.steps = 0
        self.shown: Tensor | None = None
        """The first images that it saw, for its pictures."""
        self.averaged: AveragedModel

    def average(self, network: nn.Module, stays: float) -> None:
        """Begin to average `network`, of which `stays` remains at each step."""
        self.averaged = AveragedModel(network, multi_avg_fn=partial(blend, stays), use_buffers=True).eval()

    @property
    def result(self) -> nn.Module:
        """The averaged network, in evaluation."""
        module: nn.Module = self.averaged.module
        return module.eval()

    def take(self, images: Tensor) -> Tensor:
        """Images on the device; the first ones are kept to be shown."""
        images = images.to(self.machine.device)
        if self.shown is None:
            self.shown = images[:SHOWN].clone()
        return images

    def finish(self, _budget: float, _report: Callable[[str], None]) -> None:
        """Nothing remains when the images are spent."""

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: getattr(self, name).state_dict() for name in self.PARTS}
        return state | {"steps": self.steps, "shown": self.shown} | self.machine.random_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.steps, shown = int(state["steps"]), state["shown"]
        self.shown = None if shown is None else shown.to(self.machine.device)
        self.machine.set_random_state(state)


class Learner(AveragedTraining):
    """A training that minimises a lesson's loss."""

    PARTS = ("network", "averaged", "optimizer")

    def __init__(self, lesson: Callable[[], Lesson], device: str = "cpu", seed: int = 0) -> None:
        super().__init__(device, seed)
        self.lesson = lesson()
        recipe = self.lesson.recipe
        self.batch = recipe.batch
        self.network = to_device(self.lesson.network, self.machine)
        self.average(self.network, recipe.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.rate, recipe.betas, weight_decay=recipe.weight_decay
        )
        self.machine.seed(seed)

    def step(self, images: Tensor) -> Losses:
        """One step of Adam."""
        images, recipe = self.take(images), self.lesson.recipe
        self.optimizer.param_groups[0]["lr"] = recipe.rate * min(1.0, (self.steps + 1) / max(1, recipe.warmup))
        with self.machine.autocast():
            terms = self.lesson.losses(self.network.train(), images)
        self.machine.descend(self.optimizer, torch.stack([term.float() for term in terms.values()]).sum())
        self.averaged.update_parameters(self.network)
        self.steps += 1
        return {name: term.detach() for name, term in terms.items()}

    @torch.no_grad()
    def picture(self) -> Tensor:
        """What the network makes of the first images that it saw."""
        assert self.shown is not None, "a picture is taken after the first step"
        return self.lesson.picture(self.result, self.shown)

    @torch.no_grad()
    def measure(self, images: Tensor) -> Mapping[str, float]:
        """How well the task is done on images never trained on, beside a trivial answer."""
        return self.lesson.measure(self.result, images.to(self.machine.device))

    def save(self, path: Path, card: Mapping[str, str]) -> None:
        self.lesson.save(self.result, path, card)

    def go_on_from(self, weights: Path, images: int) -> None:
        """Begin with the weights of a file, in the network as in its average, which is as old as they are.

        `steps` stays at 0: Adam begins anew, so its rate rises from zero once more.
        """
        for network in (self.network, self.averaged.module):
            self.lesson.restore(network, weights)
        self.averaged.n_averaged.fill_(images // (self.batch * self.machine.processes))
