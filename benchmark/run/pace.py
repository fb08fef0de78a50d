"""The pace of one training: the rate of every step, and which step is the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .schedules import Schedule, Settling

AHEAD = 50
"""Steps that are planned at once, at most."""


@dataclass
class Pace:
    """Follows a schedule; where that ends when the loss has settled, it listens to the loss.

    It knows the rates of many steps at once, so that losses are read back from a device once a window.
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
    _sum: float = 0.0
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

    def rates(self) -> list[float]:
        """The rates of the steps until the next decision, or of the next `AHEAD`: whatever their losses will be."""
        end = min(self.total, self.step + AHEAD)
        settling = self.schedule.settling
        if settling is not None and self._fall is None:
            width = settling.width(self.shots)
            end = min(end, (self.step // width + 1) * width, settling.latest)
        return [self._rate(step) for step in range(self.step, end)]

    def _rate(self, step: int) -> float:
        settling = self.schedule.settling
        if settling is None:
            return self.schedule.rate * self.schedule.factor(step, self.shots)
        if self._fall is None:
            return self.schedule.rate * min(1.0, (step + 1) / settling.rise)
        return self.schedule.rate * (self.total - step) / (self.total - self._fall)

    def took(self, losses: Sequence[float]) -> None:
        """Count steps with these losses, no more than `rates` gave."""
        for loss in losses:
            self.step += 1
            settling = self.schedule.settling
            if settling is not None and self._fall is None:
                self._listen(settling, loss)

    def _listen(self, settling: Settling, loss: float) -> None:
        self._sum += loss
        settled = False
        if self.step % settling.width(self.shots) == 0:
            self._losses.append(self._sum / settling.width(self.shots))
            self._sum = 0.0
            settled = settling.settled(self._losses, self.chance)
        if settled or self.step >= settling.latest:
            self.settled, self._fall = settled, self.step
