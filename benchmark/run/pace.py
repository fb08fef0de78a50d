"""The pace of one training: the rate of every step, and which step is the last."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from .schedules import Schedule, Settling


@dataclass
class Pace:
    """Follows a schedule; where that ends when the loss has settled, it listens to the loss.

    A loss is read back from its device once a window, not once a step.
    """

    schedule: Schedule
    shots: int
    chance: float
    """The loss of a head that ignores the image."""
    step: int = 0
    """Steps that are done."""
    settled: bool | None = None
    """Whether the loss settled before the rate had to fall; None as long as nobody can say."""
    _losses: list[float] = field(default_factory=list)
    """Of every window that is over."""
    _sum: Tensor | None = None
    """Of the window that is not."""
    _fall: int | None = None
    """The step from which the rate falls."""

    @property
    def total(self) -> int:
        """All steps, as far as it is known now."""
        settling = self.schedule.settling
        if settling is None or self._fall is None:
            return self.schedule.total(self.shots)
        return settling.end(self._fall)

    @property
    def over(self) -> bool:
        return self.step >= self.total

    @property
    def rate(self) -> float:
        """The rate of the next step."""
        settling = self.schedule.settling
        if settling is None:
            return self.schedule.rate * self.schedule.factor(self.step, self.shots)
        if self._fall is None:
            return self.schedule.rate * min(1.0, (self.step + 1) / settling.rise)
        return self.schedule.rate * (self.total - self.step) / (self.total - self._fall)

    def took(self, loss: Tensor) -> None:
        """Count a step with this loss, a scalar without a gradient."""
        self.step += 1
        settling = self.schedule.settling
        if settling is None or self._fall is not None:
            return
        self._sum = loss if self._sum is None else self._sum + loss
        if self.step % settling.width(self.shots) == 0:
            self._losses.append(float(self._sum) / settling.width(self.shots))
            self._sum = None
            self._begin_to_fall(settling, settling.settled(self._losses, self.chance))
        if self._fall is None and self.step >= settling.latest:
            self._begin_to_fall(settling, False)

    def _begin_to_fall(self, settling: Settling, settled: bool) -> None:
        if settled or self.step >= settling.latest:
            self.settled, self._fall = settled, self.step
