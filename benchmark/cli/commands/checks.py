"""`partbench leaderboard --checks`: the sign-offs of a run's backbones, heads and data."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from ...plugins.run_signoffs import RunSignoff, line
from ...plugins.signoff import KEPT
from ...results import ResultError
from ...scores.leaderboard_tables import FORMATS, as_text
from ...stored_run import shown
from ..terminal import open_console
from .read_runs import signoffs_of

NEVER = "contract: the run noted nothing; the same command of partbench run does, and keeps the scores"


def print_signoffs(runs: Sequence[Path], console: Console, names: Collection[str] | None = None) -> None:
    """One line per run, for under a leaderboard of all or of these names; none of a run that noted nothing."""
    for run in runs:
        noted = signoffs_of(run)
        found = [one for one in noted if names is None or one.name in names]
        if found:
            where = f"{shown(run)}: " if len(runs) > 1 else ""
            style = "yellow" if any(one.standing.startswith(("stale", "fails")) for one in found) else "dim"
            console.print(escape(where + line(found)), style=style, highlight=False, soft_wrap=True)
        elif (run / KEPT).exists() and not noted:
            console.print(f"[yellow]{escape(NEVER)}[/]", soft_wrap=True)


def show(runs: Sequence[Path], kind: str) -> None:
    """Print how each record stands, what was checked, when and by which version."""
    if kind not in FORMATS:
        raise ResultError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    by_run = {run: signoffs_of(run) for run in runs}
    if kind == "json":
        print(json.dumps([_record(run, found) for run, found in by_run.items()], indent=1))
    elif kind == "table":
        for run, found in by_run.items():
            _show_run(run, found)
    else:
        rows = [{"run": shown(run), **_row(one)} for run, found in by_run.items() for one in found]
        print(as_text(pd.DataFrame(rows), kind))


def _record(run: Path, found: Sequence[RunSignoff]) -> dict[str, object]:
    return {"run": shown(run), "checks": [asdict(one) for one in found]}


def _row(one: RunSignoff) -> dict[str, str]:
    signoff = one.signoff
    return {
        "noun": one.noun,
        "name": one.name,
        "standing": one.standing,
        "provider": one.subject.provider,
        "weights": one.subject.weights or "",
        "checked by": f"partbench {signoff.partbench}" if signoff else "",
        "date": signoff.date if signoff else "",
        "list of checks": signoff.checks if signoff else "",
    }


def _show_run(run: Path, found: Sequence[RunSignoff]) -> None:
    console = open_console()
    console.print(f"[bold]{escape(shown(run))}[/]", soft_wrap=True)
    if not found:
        console.print(NEVER, style="dim", soft_wrap=True)
    for one in found:
        signoff = one.signoff
        by = f"; {signoff.date}, partbench {signoff.partbench}, {len(signoff.outcomes)} checks" if signoff else ""
        weights = f", weights {one.subject.weights}" if one.subject.weights else ""
        text = f"{one.noun} {one.name} ({one.subject.provider}{weights}): {one.standing}{by}"
        console.print(escape(text), highlight=False, soft_wrap=True)
