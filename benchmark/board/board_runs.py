"""The submissions that a query means as runs: one per protocol and dataset, whose scores may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
Maker = tuple[str, str | None]
"""A backbone and the hash of its weights."""


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


def board_runs(query: BoardQuery) -> list[BoardRun]:
    """Every run that a query means."""
    groups: dict[tuple[str, str], list[tuple[Path, Record]]] = {}
    for folder, record in query.select():
        groups.setdefault((folder.parents[2].name, folder.parents[1].name), []).append((folder, record))
    return [_run(query, *names, found) for names, found in groups.items()]


def _run(query: BoardQuery, protocol: str, dataset: str, found: Sequence[tuple[Path, Record]]) -> BoardRun:
    submissions = [open_submission(folder) for folder, _ in found]
    named = _named(_merged(query, submissions))
    results = tuple(_called(name, result) for name, cells in named.items() for result in cells.values())
    plan = _plan(submissions, list(named), results)
    return BoardRun(protocol, dataset, plan, results, tuple(_notes(submissions)))


def _plan(submissions: Sequence[Submission], names: Sequence[str], results: Sequence[CellResult]) -> Plan:
    """What was crossed, as far as there are results."""
    plan = reduce(Plan.union, (one.plan for one in submissions))
    heads, shots = {result.cell.head for result in results} - {NO_HEAD}, {result.cell.shots for result in results}
    return replace(
        plan,
        backbones=tuple(names),
        heads=tuple(head for head in plan.heads if head in heads),
        shots=tuple(count for count in plan.shots if count in shots),
    )


def _merged(query: BoardQuery, submissions: Sequence[Submission]) -> list[tuple[Submission, Cells]]:
    """The cells of each backbone that are meant: those of equal weights together, as long as they agree."""
    merged: list[tuple[Submission, Cells]] = []
    for submission in submissions:
        cells = {r.cell: r for r in submission.cells if query.keeps(r.cell.head, r.cell.shots)}
        for first, earlier in merged:
            if _maker(first) == _maker(submission) and _agree(earlier, cells):
                earlier.update({cell: result for cell, result in cells.items() if cell not in earlier})
                break
        else:
            merged.append((submission, cells))
    return merged


def _agree(one: Cells, other: Cells) -> bool:
    """Whether what both have is the same to the pixel."""
    both = one.keys() & other.keys()
    return all(np.array_equal(_counts(one[cell]), _counts(other[cell])) for cell in both)


def _counts(result: CellResult) -> Any:
    return result.confusion


def _maker(submission: Submission) -> Maker:
    return submission.backbone, submission.weights


def _named(merged: Sequence[tuple[Submission, Cells]]) -> dict[str, Cells]:
    """Cells by a name of their backbone that no other has: by its weights, else by who submitted it."""
    names: dict[str, Cells] = {}
    for submission, cells in merged:
        alike = [one for one, _ in merged if one.backbone == submission.backbone]
        equal = [one for one in alike if one.weights == submission.weights]
        weights = f" ({(submission.weights or 'no weights')[:10]})" if len(alike) > 1 else ""
        who = f" ({submission.by}, {submission.date})"
        name = submission.backbone + (who if len(equal) > 1 else weights)
        names[name] = names.get(name, {}) | cells
    return names


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
