"""`partbench leaderboard --flags`: the contamination flags of runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from ...flags import Findings, lines
from ...results import ResultError
from ...scores.leaderboard_tables import FORMATS, as_text
from ..terminal import open_console
from .read_runs import findings_of

NEVER = "guards: nobody has looked at the images; the same command of partbench run does, and keeps the scores"


def print_flags(runs: Sequence[Path], console: Console, backbones: Collection[str] | None = None) -> None:
    """A line per flag, for under a leaderboard of all or of these backbones; one line where there is no flag."""
    for run in runs:
        try:
            found = findings_of(run)
        except ResultError as error:
            console.print(f"[yellow]{escape(str(error))}[/]")
            continue
        for name, findings in found:
            where = f"{name}: " if len(runs) + len(found) > 2 else ""
            _print_lines(findings.about(backbones) if findings and backbones is not None else findings, where, console)


def _print_lines(findings: Findings | None, where: str, console: Console) -> None:
    texts = lines(findings) if findings else [NEVER]
    style = "yellow" if findings and findings.flags else "dim"
    for line in texts:
        console.print(escape(where + line), style=style, highlight=False)


def show(runs: Sequence[Path], kind: str) -> None:
    """Print every flag with all of its evidence, and what was looked at."""
    if kind not in FORMATS:
        raise ResultError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    by_run = {name: findings for run in runs for name, findings in findings_of(run)}
    if kind == "json":
        print(json.dumps([_record(run, findings) for run, findings in by_run.items()], indent=1))
    elif kind == "table":
        for run, findings in by_run.items():
            _show_run(run, findings)
    else:
        print(as_text(_frame(by_run), kind))


def _record(run: str, findings: Findings | None) -> dict[str, object]:
    """One run for a program; null where nobody has looked."""
    flags = None if findings is None else [asdict(flag) for flag in findings.flags]
    return {"run": run, "checked": None if findings is None else dict(findings.checked), "flags": flags}


def _frame(by_run: dict[str, Findings | None]) -> pd.DataFrame:
    rows = [
        (run, flag.of, flag.name, flag.text, "; ".join(flag.evidence))
        for run, findings in by_run.items()
        for flag in (findings.flags if findings else ())
    ]
    return pd.DataFrame(rows, columns=["run", "of", "name", "text", "evidence"])


def _show_run(run: str, findings: Findings | None) -> None:
    console = open_console()
    console.print(f"[bold]{escape(run)}[/]")
    if findings is None:
        console.print(NEVER)
        return
    for flag in findings.flags:
        console.print(f"[yellow]{escape(flag.name)}[/] ({escape(flag.of)}): {escape(flag.text)}", highlight=False)
        for case in flag.evidence:
            console.print(f"  {escape(case)}", style="dim", highlight=False)
    console.print(f"{len(findings.flags) or 'no'} flag{'s' if len(findings.flags) != 1 else ''}; looked at:")
    for what in dict.fromkeys(filter(None, findings.checked.values())):
        console.print(f"  {escape(what)}", style="dim", highlight=False)
