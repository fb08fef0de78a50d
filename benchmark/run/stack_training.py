"""Few-shot training of many heads of one kind at once, each on shots, by a seed and at a pace of its own.

What a head learns does not depend on who learns beside it. On CUDA a step of all of them is one graph, and nothing is
read back until a loss decides how a training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from ...heads.head import Head
from ...heads.stack import Stack
from .head_training import Trained, begin, denormals_as_zero, full_float32, order_of, pace_of
from .pace import Pace
from .schedules import Schedule
from .shot_order import ShotOrder
from .stack_steps import Bank, StackTraining, StepPlan

Guard = Callable[[], AbstractContextManager[None]]
"""What a head's code runs within."""


@dataclass(frozen=True)
class Lesson:
    """What one head of a stack learns from."""

    shots: Sequence[int]
    """Places in the bank of images."""
    seed: int


@dataclass
class _Member:
    """One head of a stack, as it learns."""

    place: int
    lesson: Lesson
    pace: Pace
    order: ShotOrder

    @classmethod
    def of(cls, module: nn.Module, schedule: Schedule, bank: Bank, place: int, lesson: Lesson) -> _Member:
        pace = pace_of(schedule, bank.masks[list(lesson.shots)])
        order = order_of(module, schedule, len(lesson.shots), bank.masks.shape[-1], lesson.seed)
        return cls(place, lesson, pace, order)


class StackLearning:
    """The training of one stack: up to the next decision of any member, then that decision.

    On CUDA it has a stream of its own, so that stacks fill the device beside each other.
    """

    def __init__(
        self,
        head: Head,
        channels: tuple[int, ...],
        classes: int,
        bank: Bank,
        lessons: Sequence[Lesson],
        schedule: Schedule,
        guard: Guard = nullcontext,
    ) -> None:
        self.bank, self.lessons, self.guard, device = bank, lessons, guard, bank.masks.device
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        if self.stream:
            self.stream.wait_stream(torch.cuda.current_stream(device))
        self.learnt, self.steps = dict[int, Trained](), 0
        with self._here():
            own, modules = schedule.for_head(head.name), [begin(head, channels, classes, o.seed) for o in lessons]
            modules = [module.to(device) for module in modules]
            self.members = [_Member.of(modules[0], own, bank, *numbered) for numbered in enumerate(lessons)]
            self.training = StackTraining(Stack(modules), bank, own, len(lessons), self.members[0].order.pixels)

    @contextmanager
    def _here(self) -> Iterator[None]:
        with self.guard(), torch.cuda.stream(self.stream), denormals_as_zero(), full_float32(), torch.enable_grad():
            yield

    @property
    def over(self) -> bool:
        return not self.members

    @property
    def trained(self) -> list[Trained]:
        """The heads, in the order of their lessons."""
        return [Trained(t.module, t.steps, t.settled, len(self.lessons)) for _, t in sorted(self.learnt.items())]

    def launch(self) -> None:
        """Take the steps up to the next decision of any member; a GPU is not waited for."""
        with self._here():
            rates, places = [member.pace.rates() for member in self.members], self.training.places
            plan = StepPlan.idle(min(map(len, rates)), len(places), self.members[0].order.pixels)
            for member, rate in zip(self.members, rates, strict=True):
                _enter(plan, places.index(member.place), member, rate[: len(plan.rows)])
            self.steps = len(plan.rows)
            self.training.launch(plan)

    def decide(self) -> None:
        """Wait for these steps, and let those members go whose training is over."""
        with self._here():
            losses, places = self.training.taken(self.steps), self.training.places
            for member in self.members:
                member.pace.took(losses[places.index(member.place)])
            over = [member for member in self.members if member.pace.over]
            self.learnt |= {m.place: Trained(self.training.module(m.place), m.pace.step, m.pace.settled) for m in over}
            self.members = [member for member in self.members if not member.pace.over]
            self.training.release([member.place for member in self.members])
        if self.stream and self.over:
            self.stream.synchronize()


def learn_together(
    head: Head, channels: tuple[int, ...], classes: int, bank: Bank, lessons: Sequence[Lesson], schedule: Schedule
) -> list[Trained]:
    """The head trained once per lesson: up to rounding the same as each alone."""
    ((_, found),) = learn_beside({0: StackLearning(head, channels, classes, bank, lessons, schedule)})
    if isinstance(found, Exception):
        raise found
    return found


def learn_beside(stacks: Mapping[int, StackLearning]) -> Iterator[tuple[int, list[Trained] | Exception]]:
    """Stacks trained beside each other: by its number, each one's heads or error as soon as it is over."""
    going = dict(stacks)
    while going:
        for act in (StackLearning.launch, StackLearning.decide):
            for number, stack in [*going.items()]:
                try:
                    act(stack)
                except Exception as error:  # one stack fails alone
                    del going[number]
                    yield number, error
        for number in [number for number, stack in going.items() if stack.over]:
            yield number, going.pop(number).trained


def _enter(plan: StepPlan, column: int, member: _Member, rates: Sequence[float]) -> None:
    """Let a member take its next steps."""
    shots, chosen = member.order.take(len(rates))
    plan.rows[:, column] = torch.tensor([member.lesson.shots[shot] for shot in shots])
    plan.rates[:, column] = torch.tensor(rates)
    if plan.pixels is not None and chosen is not None:
        plan.pixels[:, column] = chosen
