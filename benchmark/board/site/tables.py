"""The tables of a board's pages: one for each dataset and protocol, with ranks among those that may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan

from ...metrics.estimate import Estimate
from ...metrics.significance import Rank, ranks
from ...paper.reported_scores import ReportedScore, reported_for
from ...plan import NO_HEAD, Plan
from ...report.leaderboard_views import Score
from ..board_runs import BoardGroup, backbones_of
from ..query import BoardQuery
from ..submission import Key
from .entries import METRICS, SiteEntry, entry_of, without_chance
from .pair_data import Packed, packed

RANKED = 100
"""Scores of a view that are ranked, the highest: every two are compared, so that more would take the square of time."""


@dataclass(frozen=True)
class SiteRow:
    """A line of a view."""

    entry: SiteEntry
    head: str
    draws: int
    unconverged: int
    scores: Mapping[str, Score]
    """By metric."""


@dataclass(frozen=True)
class SiteView:
    """The scores of one head and number of shots, with all that take no head beside them; the highest first."""

    head: str
    shots: int
    rows: tuple[SiteRow, ...]

    @property
    def capped(self) -> bool:
        """Whether there are more scores than ranks."""
        return len(self.rows) > RANKED

    @cached_property
    def backbones(self) -> tuple[SiteRow, ...]:
        """The lines without the controls, which stand above them."""
        return tuple(row for row in self.rows if not row.entry.control)

    @cached_property
    def leaders(self) -> tuple[SiteRow, ...]:
        """Those that cannot be told from the best."""
        places = [(row, row.scores[METRICS[0]].rank) for row in self.rows]
        return tuple(row for row, rank in places if rank and rank.best == 1)

    @cached_property
    def best_control(self) -> SiteRow | None:
        """The control with the highest score."""
        return next((row for row in self.rows if row.entry.control and row.scores[METRICS[0]].is_number), None)


@dataclass(frozen=True)
class SiteTable:
    """All that may be compared: the scores on one dataset under one protocol."""

    protocol: str
    dataset: str
    """Folders of the board."""
    plan: Plan
    images: int
    classes: tuple[str, ...]
    excluded: tuple[str, ...]
    views: tuple[SiteView, ...]
    """The one that most backbones are in first."""
    packed: Mapping[str, Packed]
    """For the page that compares two, by the name of an entry."""
    told_apart: str = ""
    """In what it is not as others of the same dataset's name."""

    @property
    def name(self) -> str:
        return self.plan.dataset

    @property
    def title(self) -> str:
        return f"{self.name} ({self.told_apart})" if self.told_apart else self.name

    @property
    def page(self) -> str:
        return f"{self.dataset}--{self.protocol}"

    @property
    def capped(self) -> bool:
        """Whether some view has more scores than ranks."""
        return any(view.capped for view in self.views)

    @cached_property
    def entries(self) -> tuple[SiteEntry, ...]:
        return tuple({row.entry.name: row.entry for view in self.views for row in view.rows}.values())

    @cached_property
    def heads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(view.head for view in self.views))

    @cached_property
    def shots(self) -> tuple[int, ...]:
        return tuple(sorted({view.shots for view in self.views}))

    @cached_property
    def rows_of(self) -> Mapping[str, list[tuple[SiteView, SiteRow]]]:
        """The lines of every entry with their views; one without heads is shown once a number of shots."""
        found: dict[str, list[tuple[SiteView, SiteRow]]] = {}
        for view in sorted(self.views, key=lambda view: (self.heads.index(view.head), view.shots)):
            for row in view.rows:
                found.setdefault(row.entry.name, []).append((view, row))
        return found

    @property
    def reported(self) -> list[ReportedScore]:
        return reported_for(self.name, self.classes, self.excluded)


def read_table(query: BoardQuery, group: BoardGroup) -> SiteTable:
    """The table of a group of submissions."""
    first, entries = group.found[0][1], []
    for named in backbones_of(query, group):
        plan = named.submissions[0].plan
        entries.append(entry_of(query.board, named))
    bare = {entry.name: without_chance(entry) for entry in entries}
    views = [_view(entries, bare, head, shots) for head, shots in _crossed(entries)]
    return SiteTable(
        protocol=group.protocol,
        dataset=group.dataset,
        plan=plan,
        images=int(first["images"]),
        classes=tuple(first["classes"]),
        excluded=tuple(first["excluded"]),
        views=tuple(sorted(views, key=lambda view: (-len(view.rows), -view.shots, view.head))),
        packed={entry.name: packed(entry) for entry in entries},
    )


def _crossed(entries: Iterable[SiteEntry]) -> list[Key]:
    """Every head with every number of shots that it has; without any head, shots alone."""
    keys = dict.fromkeys(key for entry in entries for key in entry.scores[METRICS[0]])
    return [key for key in keys if key[0] != NO_HEAD] or list(keys)


def _view(entries: Sequence[SiteEntry], bare: Mapping[str, SiteEntry], head: str, shots: int) -> SiteView:
    keys = {entry.name: key for entry in entries if (key := entry.key(head, shots))}
    there = [entry for entry in entries if entry.name in keys]
    places = {metric: _ranks(there, keys, metric) for metric in METRICS}
    rows = []
    for entry in there:
        key = keys[entry.name]
        found = {metric: entry.scores[metric][key] for metric in METRICS}
        scores = {m: Score(e.mean, e.half_width(), places[m].get(entry.name)) for m, e in found.items()}
        draws, bad = len(found[METRICS[0]].draws), entry.unconverged.get(key, 0)
        rows.append(SiteRow(bare[entry.name], key[0], draws, bad, scores))
    return SiteView(head, shots, tuple(sorted(rows, key=_falling)))


def _ranks(entries: Sequence[SiteEntry], keys: Mapping[str, Key], metric: str) -> dict[str, Rank]:
    """Ranks of the highest scores among themselves; heads that did not converge have none."""
    rivals: dict[str, Estimate] = {}
    for entry in entries:
        key = keys[entry.name]
        if key not in entry.unconverged and not isnan(entry.scores[metric][key].mean):
            rivals[entry.name] = entry.scores[metric][key]
    first = sorted(rivals, key=lambda name: -rivals[name].mean)[:RANKED]
    return ranks({name: rivals[name] for name in first})


def _falling(row: SiteRow) -> tuple[float, str]:
    score = row.scores[METRICS[0]]
    return (-score.mean if score.is_number else 1.0), row.entry.name


def told_apart(tables: Sequence[SiteTable]) -> list[SiteTable]:
    """The tables with what tells those of one name apart: options of their plan, else the hash of their images."""
    by_name: dict[str, list[SiteTable]] = {}
    for table in tables:
        by_name.setdefault(table.name, []).append(table)
    return [replace(table, told_apart=_difference(table, by_name[table.name])) for table in tables]


def _difference(table: SiteTable, alike: Sequence[SiteTable]) -> str:
    options = [(name, str(value)) for name, value in table.plan.options().items()]
    others = [one.plan.options() for one in alike]
    told = [f"{name} {value}" for name, value in options if any(str(other[name]) != value for other in others)]
    folders = {one.dataset for one in alike if one.plan.hash == table.plan.hash}
    return ", ".join([*told, *([table.dataset.rpartition("@")[2]] if len(folders) > 1 else [])])
