"""Reads runs for the verbs; damaged files are skipped with a warning."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ...plan import Cell, Plan
from ...results import CellResult, ResultError, RunFolder


def read_run(path: Path) -> tuple[Plan, list[CellResult]]:
    """The plan and the results of a run; damaged files are named on stderr and set aside."""
    folder = RunFolder(path)
    plan = folder.read_plan()
    results, damaged = folder.results()
    for error in damaged:
        print(f"set aside: {error}", file=sys.stderr)
    if all(result.error for result in results):
        raise ResultError(f"{path} has no score yet; run it to its end with partbench run")
    return plan, results


def read_groups(runs: Sequence[Path]) -> dict[str, list[CellResult]]:
    """Results by what may be compared: protocol and images. A cell that two runs scored counts once."""
    groups: dict[str, dict[Cell, CellResult]] = {}
    names: dict[str, str] = {}
    for path in runs:
        plan, results = read_run(path)
        for result in results:
            key = f"{plan.hash} {result.provenance.get('data')}"
            title = names.setdefault(key, plan.dataset if plan.dataset not in names.values() else str(path))
            group = groups.setdefault(title, {})
            if result.cell not in group or group[result.cell].error:
                group[result.cell] = result
    return {title: list(group.values()) for title, group in groups.items()}


def warn_failures(results: Sequence[CellResult]) -> None:
    reasons = [r.error for r in results if r.error]
    for reason in dict.fromkeys(reasons):
        count = reasons.count(reason)
        print(f"{count} cell{'s' if count > 1 else ''} failed: {reason}", file=sys.stderr)
