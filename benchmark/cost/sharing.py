"""How long a plan takes several workers, each with what this machine gives one process: in a run's order of groups."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...backbones.backbone import Backbone
from ..auto_shot_names import base_cell
from ..plugins.catalogue import Offer
from ..run.groups import Group, cut_for, groups_of
from .feasibility import Feasibility
from .forecast import Needs, needs

WORTH = 0.1
"""The share of the time that more workers have to save to pay."""


@dataclass(frozen=True)
class Sharing:
    """A plan that so many workers have."""

    workers: int
    seconds: float
    """Until the last group is done."""
    alone: float
    """The same of one worker."""
    longest: Group
    longest_seconds: float
    idle: float
    """The share of all workers' time in which they have nothing to do."""
    enough: int
    """Workers beyond which no number of them saves `WORTH` of the time."""


def forecast_sharing(
    feasibility: Feasibility, backbones: Mapping[str, Offer[Backbone]], workers: int
) -> Sharing | None:
    """What is left of a plan by so many workers; None where nothing is."""
    measured = feasibility.needs
    known: dict[Group, Needs] = {}

    def seconds(group: Group) -> float:
        whole = replace(group, part=None, weight=1.0)
        if whole not in known:
            cells = [cell for cell in feasibility.left[group.backbone] if cell.draw in group.draws]
            known[whole] = needs(feasibility.figures[group.backbone], cells, feasibility.extent)
        heads = len({base_cell(cell).head for cell in known[whole].cells})
        return part_seconds(group, known[whole].stages, heads)

    groups = groups_of(feasibility.plan, backbones, feasibility.extent.test)
    return share([group for group in groups if group.backbone in measured], seconds, workers)


def part_seconds(group: Group, stages: Mapping[str, float], heads: int) -> float:
    """What a group takes of these seconds by stage, which are of all its slices.

    A part loads the backbone and takes the scale as the others do, has its share of so many kinds of heads trained and
    of the shots described, or waits for those who do, and scores its own slices.
    """
    if not group.part or not heads:
        return sum(stages.values())
    parts, own = group.part[1], len(group.own(group.slices)) / group.slices
    draws = min(parts, len(group.draws))
    shares = {"shots": 1 / draws, "fit": 1 / min(parts, draws * heads), "score": own}
    return sum(seconds * shares.get(stage, 1.0) for stage, seconds in stages.items())


def share(groups: Sequence[Group], seconds: Callable[[Group], float], workers: int) -> Sharing | None:
    """Groups in this order by so many workers, cut as a run cuts them; parts may take more together than the whole."""

    def times(workers: int) -> list[tuple[float, Group]]:
        return [(took, group) for group in cut_for(groups, workers) if (took := seconds(group))]

    mine = times(workers)
    if not mine:
        return None
    wall = makespan([took for took, _ in mine], workers)
    took, longest = max(mine, key=lambda one: one[0])
    spent = sum(took for took, _ in mine)

    def until(workers: int) -> float:
        return makespan([took for took, _ in times(workers)], workers)

    ladder = {n: until(n) for n in _ladder(sum(max(len(group.draws), group.slices) for group in groups))}
    enough = min(n for n, time in ladder.items() if time * (1 - WORTH) < min(ladder.values()))
    return Sharing(workers, wall, until(1), longest, took, 1 - spent / (workers * wall), enough)


def makespan(seconds: Sequence[float], workers: int) -> float:
    """When the last of these ends, each begun by the worker who is free first."""
    free = [0.0] * min(workers, max(1, len(seconds)))
    for took in seconds:
        heapq.heapreplace(free, free[0] + took)
    return max(free)


def _ladder(most: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, ... up to so many, and these."""
    step = 1
    while step <= most:
        yield step
        if step > 1 and step + step // 2 <= most:
            yield step + step // 2
        step *= 2
    yield most
