"""`partbench baseline` and `partbench gate`: stores scores, and compares later runs with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from ...files import write_atomic
from ...plan import NO_HEAD
from ...results import CellResult, Key
from ...scores.baseline import Baseline, make_baseline
from ...scores.baseline_file import as_text, read_baseline
from ...scores.gate import FELL, HOLDS, MISSING, NEW, Gate, GateError, Verdict, compute_gate
from ...scores.gate_formats import as_json, as_junit, as_markdown, headline, number_text, terms
from ..terminal import open_console
from .leaderboard import parse_metrics
from .read_runs import read_run, warn_failures, warn_unconverged

ROWS = 30
"""Most rows of the table, unless all are asked for."""
STYLES = {FELL: "bold red", MISSING: "bold red", NEW: "cyan", HOLDS: ""}


def write_baseline(run: Path, out: Path, metric: str) -> None:
    """Write the scores of a run into one file."""
    plan, results = read_run(run)
    warn_failures(results)
    warn_unconverged(results)
    baseline = make_baseline(plan, results, parse_metrics(metric))
    text = as_text(baseline).encode()
    write_atomic(out, text)
    keys = max(len(scores) for scores in baseline.scores.values())
    open_console(stderr=True).print(
        f"{escape(str(out))}: {keys} scores by {escape(', '.join(baseline.scores))}, {len(text) / 1000:.0f} kB",
        soft_wrap=True,
    )


@dataclass(frozen=True)
class GateOutput:
    """Files and formats that verdicts are written in."""

    junit: Path | None = None
    summary: Path | None = None
    everything: bool = False
    """All rows of the table."""
    as_json: bool = False
    """JSON instead of the table."""


def check_against_baseline(
    run: Path, file: Path, tolerance: float, level: float, over: str | None, output: GateOutput
) -> int:
    """Compare a run with a baseline and print the verdicts; 1 if a score fell or is missing."""
    if over not in (None, "heads"):
        raise GateError(f"--over takes heads, and not {over!r}")
    before = read_baseline(file)
    plan, results = read_run(run)
    after = make_baseline(plan, results, tuple(before.scores))
    gate = compute_gate(before, after, tolerance, level, over == "heads", _reasons(results))
    notes = _notes(before, after)
    if output.junit:
        write_atomic(output.junit, as_junit(gate))
    if output.summary:
        append(output.summary, as_markdown(gate, notes))
    if output.as_json:
        print(json.dumps(as_json(gate, notes), indent=1))
    else:
        _show(gate, notes, output.everything)
    return int(bool(gate.stopped))


def append(file: Path, text: str) -> None:
    """Add a section to a summary, which other steps may have begun."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(text)
    except OSError as error:  # a write does not say of which file it is
        raise OSError(error.errno, error.strerror, str(file)) from None


def _reasons(results: Sequence[CellResult]) -> Mapping[Key, str]:
    """Why scores are missing: what their cells failed of."""
    return {(r.cell.backbone, r.cell.head, r.cell.shots): r.error for r in results if r.error}


def _notes(before: Baseline, after: Baseline) -> list[str]:
    """Notes under the verdicts: changed versions, scores that are none, a single draw."""
    notes = []
    changed = [p for p in before.versions if before.versions[p] != after.versions.get(p, "none")]
    if changed:
        what = ", ".join(f"{p} {before.versions[p]} became {after.versions.get(p, 'none')}" for p in changed)
        notes.append(f"since the baseline: {what}")
    if missing := before.numbers.count(False):
        notes.append(f"{missing} of {len(before.numbers)} scores of the baseline are no numbers, and hold nothing")
    if max(len(e.draws) for scores in before.scores.values() for e in scores.values()) == 1:
        notes.append("the baseline has one draw: what is said holds for these shots alone")
    return notes


def _show(gate: Gate, notes: Sequence[str], everything: bool) -> None:
    console = open_console()
    shown = gate.verdicts if everything else gate.verdicts[:ROWS]
    console.print(_table(shown))
    if len(shown) < len(gate.verdicts):
        console.print(f"and {len(gate.verdicts) - len(shown)} more; --all shows them")
    for line in [*_whys(gate.verdicts), terms(gate), *notes]:
        console.print(escape(line))
    console.print(f"[{'bold red' if gate.stopped else 'bold'}]{escape(headline(gate))}[/]")


def _whys(verdicts: Sequence[Verdict]) -> list[str]:
    """Why scores are missing, each reason once."""
    reasons = [v.why for v in verdicts if v.why]
    return [f"{reasons.count(why)} missing: {why}" for why in dict.fromkeys(reasons)]


def _table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("backbone", "head", "shots", "metric", "before", "after", "allowed", ""):
        numeric = column in ("shots", "before", "after", "allowed")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for verdict in verdicts:
        backbone, head, shots = verdict.key
        names = [escape(backbone), "" if head == NO_HEAD else escape(head), str(shots), escape(verdict.metric)]
        numbers = [number_text(value) for value in (verdict.before, verdict.after, verdict.allowed)]
        table.add_row(*names, *numbers, verdict.verdict, style=STYLES[verdict.verdict])
    return table
