"""The groups of a plan: a backbone on its dataset at its size, with all its heads and draws, or a part of that.

A group is what one worker does in one go: it describes every image once, trains, scores, and writes cells. Which groups
a plan has, and which of them a shard has, follows from the plan alone, whoever is at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import Any

from ... import UserError
from ...backbones.backbone import Backbone
from ..auto_shot_names import is_auto_shot
from ..machine import slices
from ..plan import COPY, SUPERVISED, Cell, Plan, file_name, takes_head
from ..plugins.catalogue import Offer

CELL = 4.0
"""Images that a cell weighs as many as."""
TAUGHT = 400.0
"""The same of a cell whose segmenter is trained on true masks or samples."""
TINY = 1e-9
"""Of a share, what adding up in another order makes of it."""


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
    slices: int = 0
    """Of the test images, that it can be cut by; 0 where each of its cells is done in one go."""
    few: bool = False
    """Whether no more images are tested than learnt from, so that to describe them again costs little."""
    part: tuple[int, int] | None = None
    """Which of how many parts of its slices, counted from 1: every so many-th, of all draws; None: all slices."""

    @property
    def name(self) -> str:
        """For people: `vae`, `vae draws 0-2`, `vae part 1 of 3`."""
        if self.part:
            return f"{self.backbone} part {self.part[0]} of {self.part[1]}"
        return self.counted

    @property
    def counted(self) -> str:
        """What its slices are counted for: `vae`, `vae draws 0-2`; no slice of a part is another's."""
        if self.whole:
            return self.backbone
        first, last = self.draws[0], self.draws[-1]
        return f"{self.backbone} draw{f's {first}-{last}' if last > first else f' {first}'}"

    @property
    def claims(self) -> tuple[str, ...]:
        """The names that it is claimed by: of groups with common work they are common, or exclude each other."""
        if self.part:
            return (f"{file_name(self.backbone)}--part-{self.part[0]}-of-{self.part[1]}",)
        return tuple(f"{file_name(self.backbone)}--draw-{draw}" for draw in self.draws)

    def cells(self, plan: Plan) -> Iterator[Cell]:
        """Its cells, in the order of the plan; parts of slices have them all in common."""
        return (cell for cell in plan.cells() if cell.backbone == self.backbone and cell.draw in self.draws)

    def own(self, count: int) -> range:
        """The numbers of its slices, of so many."""
        first, step = self.part or (1, 1)
        return range(first - 1, count, step)

    def cut(self, parts: int, by_slices: bool = True) -> list[Group]:
        """The same cells in so many groups, or in as many as can be, by slices or draws; their scores are the same.

        Parts of the slices train the heads between them, and no test image is described twice; parts of the draws do
        not wait for each other, and each describes the test images again.
        """
        if by_slices and self._sliced(parts):
            return self._by_slices(min(parts, self.slices))
        return self._by_draws(min(parts, len(self.draws)))

    def _sliced(self, parts: int) -> bool:
        """Whether slices give more parts than draws, or as many that describe less again."""
        more = min(parts, self.slices) > min(parts, len(self.draws))
        return more or (not self.few and min(self.slices, len(self.draws)) >= parts)

    def _by_slices(self, parts: int) -> list[Group]:
        if parts < 2:
            return [self]
        cut = [replace(self, part=(number, parts)) for number in range(1, parts + 1)]
        return [replace(one, weight=self.weight * len(one.own(self.slices)) / self.slices) for one in cut]

    def _by_draws(self, parts: int) -> list[Group]:
        if parts < 2:
            return [self]
        bounds = [len(self.draws) * part // parts for part in range(parts + 1)]
        draws = [self.draws[start:end] for start, end in pairwise(bounds)]
        share = [self.weight * len(some) / len(self.draws) for some in draws]
        return [replace(self, draws=some, whole=False, weight=w) for some, w in zip(draws, share, strict=True)]


def groups_of(
    plan: Plan, backbones: Mapping[str, Offer[Backbone]], test: int = 0, seconds: Mapping[str, float] | None = None
) -> list[Group]:
    """The groups of a plan that tests so many images, 0 of episodes, the longest first.

    `seconds` are forecasts by backbone, where there are any.
    """
    draws = tuple(range(plan.draws))
    weights = seconds or {name: _weight(plan, name, backbones) for name in plan.backbones}
    few = test <= min(plan.pool, max(plan.shots) * plan.draws)
    cut = {name: _slices(plan, name, backbones, test) for name in plan.backbones}
    return longest_first([Group(name, draws, True, weights[name], cut[name], few) for name in plan.backbones])


def longest_first(groups: Sequence[Group]) -> list[Group]:
    """In the order in which workers take them; alike, by their names."""
    return sorted(groups, key=lambda group: (-group.weight, group.backbone, group.draws, group.part or ()))


def cut_for(groups: Sequence[Group], workers: int, by_slices: bool = True, measured: bool = False) -> list[Group]:
    """Groups for so many workers: where there are fewer of them, each is cut into as many as keep all busy.

    Where weights were measured, so is one that takes longer than a worker's share of all.
    """
    parts, whole = -(-workers // max(1, len(groups))), sum(group.weight for group in groups)
    most = {group: ceil(group.weight / whole * workers - TINY) if measured and whole else 0 for group in groups}
    return longest_first([part for group in groups for part in group.cut(max(parts, most[group]), by_slices)])


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


def _slices(plan: Plan, name: str, backbones: Mapping[str, Offer[Backbone]], test: int) -> int:
    """Slices of the test images of a backbone that can be scored apart; 0 where a cell is done in one go."""
    taught = any(is_auto_shot(head) for head in plan.heads)
    if taught or not takes_head(name) or name not in backbones:
        return 0
    return len(slices(range(test), backbones[name].record.size))


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
