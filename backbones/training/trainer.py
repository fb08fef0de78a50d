"""What a trainer is: teaches one network on unlabelled images, a step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from .distributed import TrainingDevice


Losses: TypeAlias = "Mapping[str, float | Tensor]"
"""By name; tensors of one number stay on their device until somebody reads them."""


class Trainer(Protocol):
    """One network in training; the loop around it feeds images, keeps the time, checkpoints and takes pictures."""

    machine: TrainingDevice
    """Where it trains; the loop asks it which process this is, and whether all of them go on."""
    batch: int
    """Images per step of one process."""

    def step(self, images: Tensor, /) -> Losses:
        """Learn from images (batch, 3, S, S) in [0, 1]; the losses of this step."""

    def finish(self, budget: float, report: Callable[[str], None], /) -> None:
        """Whatever remains when the images are spent, in at most `budget` seconds."""

    def picture(self) -> Tensor:
        """What the network does now: images (n, 3, S, S) in [0, 1] for a grid."""

    def measure(self, images: Tensor, /) -> Mapping[str, float]:
        """How well the task is done on images (N, 3, S, S) never trained on, beside a trivial answer; may be empty."""

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on bit for bit, random numbers included."""

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...

    def save(self, path: Path, card: Mapping[str, str], /) -> None:
        """Write the frozen network as safetensors, with `card` in its metadata."""


@runtime_checkable
class LearnsFromMasks(Protocol):
    """Optional capability: the task needs masks (edges to detect, say), so the images must have them."""

    def step_with_masks(self, images: Tensor, masks: Tensor, /) -> Losses:
        """As `step`, with masks (batch, S, S) int64 of class indices or 255; called in its place."""

    def measure_with_masks(self, images: Tensor, masks: Tensor, /) -> Mapping[str, float]:
        """As `measure`, in its place."""


@runtime_checkable
class Records(Protocol):
    """Optional capability: steps that can be recorded as CUDA graphs, so that a GPU does not wait for launches."""

    def record(self) -> None:
        """Record the steps from now on; called once all that the training begins with is loaded."""


@runtime_checkable
class HasTeacher(Protocol):
    """Optional capability: what is learnt is what another network does, whose weights may be chosen."""

    def learn_from(self, teacher: str, /) -> str:
        """Have these weights as the teacher from now on; which they are, for the model card."""


@runtime_checkable
class GoesOn(Protocol):
    """Optional capability: a training that begins with the networks of a weights file, not with random ones.

    Only where a weights file holds every network that learns: a discriminator that is not kept would begin anew, and
    pull a good generator back to its own level.
    """

    def go_on_from(self, weights: Path, images: int, /) -> None:
        """Take the networks of a file that `save` wrote after `images` images; the optimisers begin anew."""
