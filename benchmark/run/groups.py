"""The groups of a plan: a backbone on its dataset at its size, with all its heads and draws, or with some of the draws.

A group is what one worker does in one go: it describes every image once, trains, scores, and writes cells. Which groups
a plan has, and which of them a shard has, follows from the plan alone, whoever is at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ... import UserError
from ...backbones.backbone import Backbone
from ..plan import COPY, SUPERVISED, Cell, Plan, file_name, is_auto_shot
from ..plugins.catalogue import Offer

CELL = 4.0
"""Images that a cell weighs as many as."""
TAUGHT = 400.0
"""The same of a cell whose segmenter is trained on true masks or samples."""


class ShardError(UserError):
    """A shard that there cannot be, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Group:
    """What one worker does in one go."""

    backbone: str
    draws: tuple[int, ...]
    whole: bool = True
    """Whether these are all draws of the plan."""
    weight: float = 1.0
    """What it takes, against others: seconds where they were forecast, else a guess from sizes."""

    @property
    def name(self) -> str:
        """For people: `vae`, `vae draws 0-2`."""
        if self.whole:
            return self.backbone
        first, last = self.draws[0], self.draws[-1]
        return f"{self.backbone} draw{f's {first}-{last}' if last > first else f' {first}'}"

    @property
    def claims(self) -> tuple[str, ...]:
        """The names that it is claimed by: groups with a common cell have one in common, however they were cut."""
        return tuple(f"{file_name(self.backbone)}--draw-{draw}" for draw in self.draws)

    def cells(self, plan: Plan) -> Iterator[Cell]:
        """Its cells, in the order of the plan."""
        return (cell for cell in plan.cells() if cell.backbone == self.backbone and cell.draw in self.draws)

    def cut(self, parts: int) -> list[Group]:
        """The same cells in so many groups of about as many draws each, or in one a draw; their scores are the same.

        Each describes the test images again: what it costs to have the heads of one backbone trained by several.
        """
        parts = min(parts, len(self.draws))
        if parts < 2:
            return [self]
        bounds = [len(self.draws) * part // parts for part in range(parts + 1)]
        draws = [self.draws[start:end] for start, end in pairwise(bounds)]
        share = [self.weight * len(some) / len(self.draws) for some in draws]
        return [replace(self, draws=some, whole=False, weight=w) for some, w in zip(draws, share, strict=True)]


def groups_of(
    plan: Plan, backbones: Mapping[str, Offer[Backbone]], seconds: Mapping[str, float] | None = None
) -> list[Group]:
    """The groups of a plan, the longest first; `seconds` are forecasts by backbone, where there are any."""
    draws = tuple(range(plan.draws))
    weights = seconds or {name: _weight(plan, name, backbones) for name in plan.backbones}
    return longest_first([Group(name, draws, weight=weights[name]) for name in plan.backbones])


def longest_first(groups: Sequence[Group]) -> list[Group]:
    """In the order in which workers take them; alike, by their names."""
    return sorted(groups, key=lambda group: (-group.weight, group.backbone, group.draws))


def cut_for(groups: Sequence[Group], workers: int) -> list[Group]:
    """Groups for so many workers: where there are fewer of them, each is cut into as many as keep all busy."""
    parts = -(-workers // max(1, len(groups)))
    return longest_first([part for group in groups for part in group.cut(parts)])


def shard_of(groups: Sequence[Group], number: int, count: int) -> list[Group]:
    """The groups of a shard, counted from 1: each goes to the shard that has least, the longest first."""
    if not 1 <= number <= count:
        raise ShardError(f"there is no shard {number}/{count}; count from 1/{count} to {count}/{count}")
    loads, own = [0.0] * count, list[Group]()
    for group in longest_first(groups):
        least = loads.index(min(loads))
        loads[least] += group.weight
        own += [group] if least == number - 1 else []
    return own


def _weight(plan: Plan, name: str, backbones: Mapping[str, Offer[Backbone]]) -> float:
    """A guess: images and cells times the numbers that an image goes through a backbone as."""
    if name == COPY:
        return 0.0
    cells = plan.draws * len(plan.shots)
    if name == SUPERVISED:
        return TAUGHT * cells * plan.size**2
    record: Any = backbones[name].record if name in backbones else None
    taught = sum(is_auto_shot(head) for head in plan.heads)
    heads = len(plan.heads) - taught
    work = plan.pool + plan.test + CELL * cells * heads + TAUGHT * cells * taught
    return float(work * (record.size**2 * max(1, sum(record.channels)) if record else 1))
