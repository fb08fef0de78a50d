"""The submissions that a query means as runs: one per protocol and dataset, whose scores may be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from ..flags import Findings, GuardFlag
from ..plan import NO_HEAD, Cell, Plan
from ..plugins.run_signoffs import RunSignoff, signoffs_in
from ..results import CellResult
from .query import BoardQuery, Record
from .submission import Submission, open_submission

Cells = dict[Cell, CellResult]
Merged = tuple[list[Submission], Cells]
"""Submissions that agree in what they have in common, and the cells of all."""


@dataclass(frozen=True)
class BoardRun:
    """The scores of one protocol and dataset, as if one run had made them."""

    protocol: str
    dataset: str
    """Folders of the board."""
    plan: Plan
    """What was crossed, though not every cell of it."""
    results: tuple[CellResult, ...]
    notes: tuple[str, ...]
    """What is not the same in all of its submissions."""


@dataclass(frozen=True)
class BoardGroup:
    """The submissions of one protocol and dataset, whose scores may be compared; their cells are not read yet."""

    protocol: str
    dataset: str
    """Folders of the board."""
    found: tuple[tuple[Path, Record], ...]
    """Folder of each, and what it says."""


@dataclass(frozen=True)
class NamedBackbone:
    """A row of a leaderboard: what one submitted, or several alike."""

    name: str
    """That no other backbone of its group has."""
    submissions: tuple[Submission, ...]
    results: tuple[CellResult, ...]


def board_runs(query: BoardQuery) -> list[BoardRun]:
    """Every run that a query means."""
    return [_run(query, group) for group in board_groups(query)]


def board_groups(query: BoardQuery) -> list[BoardGroup]:
    """What a query means, by protocol and dataset."""
    groups: dict[tuple[str, str], list[tuple[Path, Record]]] = {}
    for folder, record in query.select():
        groups.setdefault((folder.parents[2].name, folder.parents[1].name), []).append((folder, record))
    return [BoardGroup(*names, tuple(found)) for names, found in groups.items()]


def backbones_of(query: BoardQuery, group: BoardGroup) -> Iterator[NamedBackbone]:
    """One backbone after the other, so that many take no more memory than one and time in proportion."""
    by_name: dict[str, list[Path]] = {}
    for folder, record in group.found:
        by_name.setdefault(record["plan"]["backbones"][0], []).append(folder)
    for folders in by_name.values():
        for name, (submissions, cells) in _named(_merged(query, map(open_submission, folders))).items():
            yield NamedBackbone(name, tuple(submissions), tuple(_called(name, r) for r in cells.values()))


def _run(query: BoardQuery, group: BoardGroup) -> BoardRun:
    named = [*backbones_of(query, group)]
    results = tuple(result for one in named for result in one.results)
    submissions = [submission for one in named for submission in one.submissions]
    plan = _plan(submissions, [one.name for one in named], results)
    return BoardRun(group.protocol, group.dataset, plan, results, tuple(_notes(submissions)))


def _plan(submissions: Sequence[Submission], names: Sequence[str], results: Sequence[CellResult]) -> Plan:
    """What was crossed, as far as there are results."""
    plan = reduce(Plan.union, (replace(one.plan, backbones=()) for one in submissions))
    heads, shots = {result.cell.head for result in results} - {NO_HEAD}, {result.cell.shots for result in results}
    return replace(
        plan,
        backbones=tuple(names),
        heads=tuple(head for head in plan.heads if head in heads),
        shots=tuple(count for count in plan.shots if count in shots),
    )


def _merged(query: BoardQuery, submissions: Iterable[Submission]) -> list[Merged]:
    """The cells of a backbone that are meant: those of equal weights together, as long as they agree."""
    merged: list[Merged] = []
    for submission in submissions:
        cells = {r.cell: r for r in submission.cells if query.keeps(r.cell.head, r.cell.shots)}
        for others, earlier in merged:
            if others[0].weights == submission.weights and _agree(earlier, cells):
                earlier.update({cell: result for cell, result in cells.items() if cell not in earlier})
                others.append(submission)
                break
        else:
            merged.append(([submission], cells))
    return merged


def _agree(one: Cells, other: Cells) -> bool:
    """Whether what both have is the same to the pixel."""
    both = one.keys() & other.keys()
    return all(np.array_equal(_counts(one[cell]), _counts(other[cell])) for cell in both)


def _counts(result: CellResult) -> Any:
    return result.confusion


def _named(merged: Sequence[Merged]) -> dict[str, Merged]:
    """The cells of a backbone by a name of its own: by its weights, else by who submitted it."""
    names: dict[str, Merged] = {}
    for submissions, cells in merged:
        first = submissions[0]
        equal = [others for others, _ in merged if others[0].weights == first.weights]
        weights = f" ({_short(first, merged)})" if len(merged) > 1 else ""
        who = f" ({first.by}, {first.date})"
        names[first.backbone + (who if len(equal) > 1 else weights)] = submissions, cells
    return names


def _short(one: Submission, merged: Sequence[Merged]) -> str:
    """The first digits of its weights, unless others of its name begin with them too."""
    digits = one.weights or "no weights"
    every = {submissions[0].weights or "no weights" for submissions, _ in merged}
    return digits if sum(other[:10] == digits[:10] for other in every) > 1 else digits[:10]


def _called(name: str, result: CellResult) -> CellResult:
    """A cell under the name of its backbone here; of another's code nothing is set aside, since the protocol is one."""
    provenance = {key: value for key, value in result.provenance.items() if key != "code"}
    return replace(result, cell=replace(result.cell, backbone=name), provenance=provenance)


def _notes(submissions: Sequence[Submission]) -> Iterator[str]:
    """What is not the same in all of the submissions, though their protocol is."""
    codes: dict[str, set[str]] = {}
    for submission in submissions:
        for result in submission.cells:
            code = result.provenance.get("code")
            if isinstance(code, Mapping) and code.get("head"):
                codes.setdefault(result.cell.head, set()).add(str(code["head"]))
    for head, found in codes.items():
        if len(found) > 1:
            yield f"{head} was scored by {len(found)} versions of its code, all of one protocol"


def merged_findings(records: Sequence[Record]) -> Findings:
    """What the guards of all submissions found, each flag once; what was looked at says how many never did."""
    guards = [record["guards"] for record in records]
    known = [one for one in guards if one is not None]
    flags = [GuardFlag(f["of"], f["name"], f["text"], tuple(f["evidence"])) for one in known for f in one["flags"]]
    checked = {str(of): str(what) for one in known for of, what in one["checked"].items()}
    if len(known) < len(guards):
        never = GuardFlag("images", "guards", f"nobody looked at the images of {len(guards) - len(known)} submissions")
        flags.append(never)
    return Findings(str(records[0]["data"]), checked, tuple(dict.fromkeys(flags)))


def merged_signoffs(records: Sequence[Record]) -> tuple[RunSignoff, ...]:
    """How all that was crossed stands with its contract, each thing once in each standing."""
    found = {(one.noun, one.name, one.standing): one for record in records for one in signoffs_in(record["checks"])}
    return tuple(found.values())
