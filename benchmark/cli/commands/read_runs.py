"""Reads runs for the verbs; damaged files are skipped with a warning."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from .... import counted
from ...board.board_runs import board_runs, merged_findings, merged_signoffs
from ...board.layout import BoardError
from ...board.query import BoardQuery, Record, parse_query
from ...flags import Findings, findings_of_scored
from ...plan import Cell, Plan
from ...plugins.run_signoffs import RunSignoff, run_signoffs
from ...results import CellResult, ResultError
from ...run_folder import RunFolder, split_outdated
from ...scores.comparability import Conditions, fewer_draws
from ...scores.convergence import flags
from ...stored_run import here, mirror_of, shown


def run_here(path: Path) -> Path:
    """The folder of a run, which a URL is brought into; what only this machine has of it is counted on stderr."""
    folder = here(path)
    mirror = mirror_of(folder)
    if mirror and (unsent := mirror.unsent()):
        count = f"{len(unsent)} files of {shown(folder)} are" if len(unsent) > 1 else f"1 file of {shown(folder)} is"
        what = f"{count} on this machine alone as yet, where it counts"
        print(f"{what}; the same partbench run brings it", file=sys.stderr)
    return folder


def read_run(path: Path) -> tuple[Plan, list[CellResult]]:
    """The plan and the results of a run, or of what a query means of a board if that is one; see `read_parts`."""
    parts = read_parts(path)
    if len(parts) > 1:
        names = ", ".join(f"dataset={plan.dataset},protocol={_protocol(results)}" for plan, results in parts)
        where = str(path).partition("#")[0]
        raise BoardError(f"{path} is of {len(parts)} datasets or protocols; name one, as '{where}#...' with {names}")
    return parts[0]


def read_parts(path: Path) -> list[tuple[Plan, list[CellResult]]]:
    """The plans and results behind a path: one of a run, of a board one for each of its protocols and datasets."""
    query = parse_query(path)
    if query is None:
        return [_read_folder(path)]
    runs = board_runs(query)
    where = str(path).partition("#")[0]
    print(f"submissions are read as they lie; partbench board check {where} holds them", file=sys.stderr)
    for note in (note for run in runs for note in run.notes):
        print(note, file=sys.stderr)
    return [(run.plan, list(run.results)) for run in runs]


def _read_folder(path: Path) -> tuple[Plan, list[CellResult]]:
    """The plan and the results of a run; damaged files are named on stderr and set aside."""
    folder = RunFolder(path)
    plan = folder.read_plan()
    results, damaged = folder.results()
    for error in damaged:
        print(f"set aside: {error}", file=sys.stderr)
    if all(result.error for result in results):
        raise ResultError(f"{shown(path)} has no score yet; run it to its end with partbench run")
    return plan, results


def read_groups(runs: Sequence[Path]) -> dict[str, list[CellResult]]:
    """Results by the conditions under which they may be compared. A cell that two runs scored counts once."""
    groups: dict[Conditions, list[CellResult]] = {}
    titles: dict[Conditions, str] = {}
    for path in runs:
        for plan, results in read_parts(path):
            for result in results:
                key = Conditions.of(result)._replace(images=0)
                groups.setdefault(key, []).append(result)
                titles.setdefault(key, _title(plan.dataset, path, key, tuple(titles.values())))
    return {titles[key]: _once(group) for key, group in groups.items()}


def findings_of(path: Path) -> list[tuple[str, Findings | None]]:
    """What the guards found of all that has a score, by the name of a run, or of each part of a board."""
    if (query := parse_query(path)) is None:
        return [(shown(path), findings_of_scored(path))]
    return [(name, merged_findings(records)) for name, records in _parts(query).items()]


def datasets_of(path: Path) -> dict[str | None, str]:
    """The names of datasets by the hash of their images, of a run or of what a query means of a board."""
    if (query := parse_query(path)) is None:
        folder = RunFolder(path)
        return {folder.read_data(): folder.read_plan().dataset}
    return {str(record["data"]): str(record["plan"]["dataset"]) for _, record in query.select()}


def signoffs_of(path: Path) -> list[RunSignoff]:
    """How everything of a run, or of a board, stands with its contract."""
    query = parse_query(path)
    return run_signoffs(path) if query is None else list(merged_signoffs([record for _, record in query.select()]))


def _parts(query: BoardQuery) -> dict[str, list[Record]]:
    """What the submissions say that a query means, by where they may be compared."""
    parts: dict[str, list[Record]] = {}
    for folder, record in query.select():
        parts.setdefault(f"{folder.parents[1].name}, protocol {folder.parents[2].name}", []).append(record)
    return parts


def _protocol(results: Sequence[CellResult]) -> str:
    conditions = Conditions.of(results[0])
    return f"{conditions.protocol}-{conditions.plan}"


def _once(results: Sequence[CellResult]) -> list[CellResult]:
    """Every cell once, by the weights and the code of the latest of these runs."""
    latest, outdated = split_outdated(results)
    for sentence in outdated:
        print(f"set aside: {sentence} of these runs; show them one by one", file=sys.stderr)
    cells: dict[Cell, CellResult] = {}
    for result in latest:
        if result.cell not in cells or cells[result.cell].error:
            cells[result.cell] = result
    return list(cells.values())


def _title(dataset: str, path: Path, conditions: Conditions, taken: Collection[str]) -> str:
    """What a group is called: its data set, or its run where another has that name."""
    if parse_query(path) is not None:
        part = f"{dataset}, protocol {conditions.protocol}-{conditions.plan}"
        ways: tuple[str, ...] = (dataset, part, f"{part}, {conditions.data}", f"{path} {len(taken)}")
        return next(way for way in ways if way not in taken)
    name = shown(path)
    ways = (dataset, name, f"{name}, protocol {conditions.protocol}", f"{name}, {conditions.data} {len(taken)}")
    return next(way for way in ways if way not in taken)


def warn_failures(results: Sequence[CellResult]) -> None:
    """Name on stderr why cells failed, and which scores are of fewer draws than the others."""
    reasons = [r.error for r in results if r.error]
    for reason in dict.fromkeys(reasons):
        count = reasons.count(reason)
        print(f"{counted(count, 'cell')} failed: {reason}", file=sys.stderr)
    for sentence in fewer_draws(results):
        print(sentence, file=sys.stderr)


def warn_makers(names: tuple[str, str], one: Sequence[CellResult], other: Sequence[CellResult]) -> None:
    """Name on stderr the weights and code that are not the same in two runs that are compared."""
    ours, theirs = ({what: value for result in run for what, value in result.makers.items()} for run in (one, other))
    for what in (what for what in ours if ours[what] != theirs.get(what, ours[what])):
        print(f"{names[1]} has other {what} than {names[0]}", file=sys.stderr)


def warn_unconverged(results: Sequence[CellResult]) -> None:
    """Name on stderr how many cells did not converge, for verbs without a leaderboard to say it under."""
    for sentence in flags(results):
        print(sentence, file=sys.stderr)
