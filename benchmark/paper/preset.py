"""A preset: an experiment of the paper as plans, with the row of the paper that each of our scores stands beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ... import UserError
from ..plan import NO_HEAD, Plan, takes_head
from .published_scores import PaperTable, read_tables

Key = tuple[str, str, int]
"""Backbone, head, shots, as on a leaderboard."""
CONTROL = "control"
"""Name of every row that only says what a score is worth."""

SCALES = ("embedded", "paper")
"""Minutes on a CPU with what is shipped, or the paper's own sizes, schedules and data; the first is the default."""


class PresetError(UserError):
    """A preset that cannot be used, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class PresetRow:
    """A backbone with a head, and the row of the paper that it stands beside."""

    name: str
    """The paper's, or one of our own that the paper has no number for."""
    backbone: str
    """As `stylegan2`; a part may know it by a longer name."""
    head: str
    parts: tuple[str, ...] = ()
    """Where it stands; everywhere if empty."""

    def stands_in(self, part: PresetRun) -> bool:
        return not self.parts or part.name in self.parts


@dataclass(frozen=True)
class PresetRun:
    """One run of a preset, in a folder of its own."""

    name: str
    tasks: tuple[str, ...]
    """The paper's tasks that it scores."""
    plan: Plan
    overlaps: str
    """What wins where two parts overlap in our masks."""
    backbones: Mapping[str, str]
    """The names of backbones in the plan, by those in the rows."""
    controls: tuple[str, ...] = ()
    """Backbones without a row of the paper, with the heads of all rows."""

    def key(self, row: PresetRow, shots: int) -> Key:
        """Which score a row has with so many shots."""
        return self.backbones[row.backbone], row.head, shots


@dataclass(frozen=True)
class Claim:
    """What the paper finds, as a comparison of rows."""

    says: str
    kind: str
    """One of `claims.KINDS`."""
    row: str
    against: tuple[str, ...]
    column: str
    shots: tuple[int, ...] = ()
    """Averaged over; by default all that the paper's rows of these names have."""
    against_shots: tuple[int, ...] = ()
    """Where the others have another number of shots."""
    margin: float = 0.0
    """Points within which two scores are near."""


@dataclass(frozen=True)
class Preset:
    """An experiment of the paper at one scale."""

    name: str
    scale: str
    table: str
    """Key of the table or figure in `numbers.toml`."""
    title: str
    asks: str
    parts: tuple[PresetRun, ...]
    rows: tuple[PresetRow, ...]
    claims: tuple[Claim, ...] = ()
    note: str = ""
    """What this scale can and cannot say."""
    left_out: tuple[str, ...] = ()
    """Why rows of the paper have none of ours, a sentence each."""

    @property
    def paper(self) -> PaperTable:
        return read_tables()[self.table]

    def part_of(self, task: str, row: PresetRow) -> PresetRun | None:
        """The run in which a row's score of a task stands."""
        return next((part for part in self.parts if task in part.tasks and row.stands_in(part)), None)

    def row_of(self, name: str) -> PresetRow | None:
        """Ours beside a row of the paper."""
        return next((row for row in self.rows if row.name == name), None)

    def extras(self, part: PresetRun) -> Iterator[PresetRow]:
        """What the paper has no row for: rows of our own, and controls."""
        here = [row for row in self.rows if row.stands_in(part)]
        paper_names = {row.name for row in self.paper.rows}
        yield from (row for row in here if row.name not in paper_names)
        for control in part.controls:
            for head in dict.fromkeys(row.head for row in here) if takes_head(control) else [NO_HEAD]:
                yield PresetRow(CONTROL, control, head)

    def as_record(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Preset:
        """The preset in such a file."""
        raw = {key: _tuples(value) for key, value in record.items()}
        parts = tuple(PresetRun(**part | {"plan": Plan(**part["plan"])}) for part in raw.pop("parts"))
        rows, claims = (
            tuple(PresetRow(**one) for one in raw.pop("rows")),
            tuple(Claim(**one) for one in raw.pop("claims")),
        )
        return cls(parts=parts, rows=rows, claims=claims, **raw)


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, however deep."""
    if isinstance(value, list):
        return tuple(map(_tuples, value))
    return {key: _tuples(one) for key, one in value.items()} if isinstance(value, dict) else value
