"""Steps of many heads at once: one function of tables that lie on the device, on CUDA one graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...backbones.training.recorded import RecordedStep
from ...heads.head import Rows
from ...heads.stack import Stack
from .adam import Adam
from .losses import loss_of, parts
from .pace import AHEAD
from .schedules import Schedule


@dataclass(frozen=True)
class Bank:
    """All images that a stack learns from."""

    maps: Sequence[Tensor]
    """(I, C_i, h_i, w_i)."""
    masks: Tensor
    """(I, S, S)."""

    def part(self, places: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """Maps and masks of some of them."""
        rows = list(places)
        return [layer[rows] for layer in self.maps], self.masks[rows]


@dataclass(frozen=True)
class StepPlan:
    """The next T steps of M heads; one that takes none has a rate of 0."""

    rows: Tensor
    """Images of the bank, (T, M)."""
    rates: Tensor
    """(T, M)."""
    pixels: Tensor | None
    """(T, M, P), flat indices; None where heads see whole images."""

    @classmethod
    def idle(cls, steps: int, members: int, pixels: int | None) -> StepPlan:
        shape = (steps, members)
        chosen = None if pixels is None else torch.zeros(*shape, pixels, dtype=torch.int64)
        return cls(torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.float64), chosen)

    def onto(self, device: torch.device) -> StepPlan:
        chosen = None if self.pixels is None else self.pixels.to(device)
        return StepPlan(self.rows.to(device), self.rates.to(device), chosen)

    def take_over(self, other: StepPlan) -> None:
        """Copy the steps of a plan that is no longer."""
        for mine, its in ((self.rows, other.rows), (self.rates, other.rates), (self.pixels, other.pixels)):
            if mine is not None and its is not None:
                mine[: len(its)].copy_(its, non_blocking=True)


class StackTraining:
    """The heads of a stack as they learn: what they know, Adam's memory of it, and the step."""

    def __init__(self, stack: Stack, bank: Bank, schedule: Schedule, members: int, pixels: int | None) -> None:
        self.stack, self.bank, self.schedule, self.pixels = stack, bank, schedule, pixels
        self.places = list(range(members))
        """Which member each column is; those that are over stay until half are."""
        self.parts = parts(stack.head, bank.masks.shape[-1], pixels is not None)
        self.optimizer = self._adam()
        self._lay_out()

    def module(self, place: int) -> nn.Module:
        """A member as a trained head."""
        return self.stack.member(self.places.index(place)).requires_grad_(False).eval()

    def launch(self, plan: StepPlan) -> None:
        """Take the steps of a plan; a GPU is not waited for."""
        self.plan.take_over(plan)
        self.step.zero_()
        for _ in range(len(plan.rows)):
            self.recorded()

    def taken(self, steps: int) -> list[list[float]]:
        """The losses of each member in the steps of the last plan, once they are there."""
        losses: list[list[float]] = self.losses[:steps].T.tolist()
        return losses

    def release(self, places: Sequence[int]) -> None:
        """Go on with the members at these places, once the others are so many that it pays."""
        if not places or 2 * len(places) > len(self.places):
            return
        columns = torch.tensor([self.places.index(place) for place in places], device=self.bank.masks.device)
        before = [self.optimizer.state[parameter] for parameter in self.stack.trained]
        self.stack.keep(columns)
        self.places, self.optimizer = list(places), self._adam()
        for parameter, state in zip(self.stack.trained, before, strict=True):
            self.optimizer.state[parameter] = {
                name: number if number.dim() == 0 else number[columns] for name, number in state.items()
            }
        self._lay_out()

    def _adam(self) -> Adam:
        """Adam with a rate of 1, since every member has its own, which `_one` brings in."""
        on_cuda = self.bank.masks.is_cuda
        return Adam(self.stack.trained, lr=1.0, weight_decay=self.schedule.weight_decay, fused=True, capturable=on_cuda)

    def _lay_out(self) -> None:
        """Make the tables that a step reads and writes, where a graph finds them again."""
        device, members = self.bank.masks.device, len(self.places)
        self.plan = StepPlan.idle(AHEAD, members, self.pixels).onto(device)
        self.losses = torch.zeros(AHEAD, members, device=device, dtype=self.bank.maps[0].dtype)
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.recorded = RecordedStep(self._one, device)

    def _one(self) -> Tensor:
        """One step of every member, on its image and pixels and at its rate; their losses (M,)."""
        rows = self.plan.rows.index_select(0, self.step)[0]
        data = (
            [m.index_select(0, rows)[:, None] for m in self.bank.maps],
            self.bank.masks.index_select(0, rows)[:, None],
        )
        pixels = () if self.plan.pixels is None else (self.plan.pixels.index_select(0, self.step)[0][:, None],)
        trained, total = self.stack.trained, torch.zeros_like(self.losses[0])
        for number, part in enumerate(self.parts):
            loss = self.stack.each(_loss(part), *data, *pixels)
            gradients = torch.autograd.grad(loss.sum(), trained)
            for parameter, gradient in zip(trained, gradients, strict=True):
                parameter.grad = gradient if number == 0 else parameter.grad + gradient  # type: ignore[operator]
            total = total + loss.detach()
        self._move(trained)
        self.losses.index_copy_(0, self.step, total[None])
        self.step.add_(1)
        return total

    @torch.no_grad()
    def _move(self, trained: Sequence[Tensor]) -> None:
        """Let Adam step, and go as far as each member's rate of the way: exact, since Adam's step is linear in it."""
        before = [parameter.clone() for parameter in trained]
        self.optimizer.step()
        rates = self.plan.rates.index_select(0, self.step)[0]
        for parameter, start in zip(trained, before, strict=True):
            rate = rates.view(-1, *[1] * (parameter.dim() - 1))
            torch.addcmul(start, parameter - start, rate.to(start.dtype), out=parameter)


def _loss(rows: Rows | None) -> Callable[..., Tensor]:
    """The loss of one member, as a function of what is its own."""
    return lambda head, maps, masks, chosen=None: loss_of(head, maps, masks, chosen, rows)
