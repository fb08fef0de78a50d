"""Few-shot training of many heads of one kind at once, each on shots, by a seed and at a pace of its own.

What a head learns does not depend on who learns beside it. On CUDA a step of all of them is one graph, and nothing is
read back until a loss decides how a training goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...heads.head import Head
from ...heads.stack import Stack
from .head_training import Trained, denormals_as_zero, order_of, pace_of
from .pace import Pace
from .schedules import Schedule
from .shot_order import ShotOrder
from .stack_steps import Bank, StackTraining, StepPlan


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


def learn_together(
    head: Head, channels: tuple[int, ...], classes: int, bank: Bank, lessons: Sequence[Lesson], schedule: Schedule
) -> list[Trained]:
    """The head trained once per lesson: up to rounding the same as each alone."""
    own = schedule.for_head(head.name)
    modules = [_build(head, channels, classes, lesson.seed).to(bank.masks.device) for lesson in lessons]
    size, learnt = bank.masks.shape[-1], dict[int, Trained]()
    members = [
        _Member(
            place,
            lesson,
            pace_of(own, bank.masks[list(lesson.shots)]),
            order_of(modules[0], own, len(lesson.shots), size, lesson.seed),
        )
        for place, lesson in enumerate(lessons)
    ]
    training = StackTraining(Stack(modules), bank, own, len(lessons), members[0].order.pixels)
    with denormals_as_zero(), torch.enable_grad():
        while members:
            _advance(training, members)
            over = [member for member in members if member.pace.over]
            learnt |= {m.place: Trained(training.module(m.place), m.pace.step, m.pace.settled) for m in over}
            members = [member for member in members if not member.pace.over]
            training.release([member.place for member in members])
    return [Trained(t.module, t.steps, t.settled, len(lessons)) for _, t in sorted(learnt.items())]


def _build(head: Head, channels: tuple[int, ...], classes: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return head.build(channels, classes)


def _advance(training: StackTraining, members: Sequence[_Member]) -> None:
    """Take the steps up to the next decision of any member."""
    rates = [member.pace.rates() for member in members]
    plan = StepPlan.idle(min(map(len, rates)), len(training.places), members[0].order.pixels)
    columns = [training.places.index(member.place) for member in members]
    for column, member, rate in zip(columns, members, rates, strict=True):
        _enter(plan, column, member, rate[: len(plan.rows)])
    losses = training.take(plan)
    for column, member in zip(columns, members, strict=True):
        member.pace.took(losses[column])


def _enter(plan: StepPlan, column: int, member: _Member, rates: Sequence[float]) -> None:
    """Let a member take its next steps."""
    shots, chosen = member.order.take(len(rates))
    plan.rows[:, column] = torch.tensor([member.lesson.shots[shot] for shot in shots])
    plan.rates[:, column] = torch.tensor(rates)
    if plan.pixels is not None and chosen is not None:
        plan.pixels[:, column] = chosen
