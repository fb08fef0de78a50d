"""`partbench report`: one page that needs no network, its figures and its tables, from a run's files alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from .... import UserError
from ...board.board_runs import merged_findings, merged_signoffs
from ...board.query import parse_query
from ...paper.preset_folder import PresetFolder, is_preset
from ..terminal import open_console
from .leaderboard import parse_metrics
from .preset_table import read_board
from .read_runs import read_run, warn_failures

if TYPE_CHECKING:
    from ...report.run_data import RunData

NEEDED = ("jinja2", "matplotlib", "pyarrow")
"""What the extra `report` installs."""


class ReportError(UserError):
    """A report that cannot be made, in one sentence: the fact, the culprit, the mend."""


def show(run: Path, out: Path, metric: str, as_json: bool) -> None:
    """Make the report of a run and say where it is."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ReportError(f"a report needs {', '.join(missing)}, not installed here; pip install 'partbench[report]'")
    if out.resolve() == run.resolve():
        raise ReportError(f"{out} is the run itself; choose another --out")
    record = _make_preset(run, out, metric) if is_preset(run) else _make(run, out, metric)
    if as_json:
        print(json.dumps(record, indent=1))
        return
    console = open_console()
    for one in [*record.get("runs", ()), record]:
        figures = f"{len(one['figures'])} files in figures/ and " if "figures" in one else ""
        console.print(f"report: {escape(one['page'])} ({one['bytes'] / 1e6:.1f} MB)", soft_wrap=True)
        console.print(f"{figures}{len(one['tables'])} in tables/ beside it", soft_wrap=True)


def _make(run: Path, out: Path, metric: str) -> dict[str, Any]:
    """The report of a run; where it lies, and what is not in it."""
    from ...report.build import make

    content = _content(run, parse_metrics(metric))
    for sentence in content.set_aside:
        print(f"set aside: {sentence}", file=sys.stderr)
    warn_failures(content.failed)
    made = make(content, out)
    return {
        "page": str(made.page),
        "bytes": made.page.stat().st_size,
        "figures": list(map(str, made.figures)),
        "tables": list(map(str, made.tables)),
        "set aside": list(content.set_aside),
        "failed": len(content.failed),
    }


def _content(run: Path, metrics: Sequence[str]) -> RunData:
    """What is to be reported of a run, or of what a query means of a board."""
    from ...report.run_data import RunSource, assemble, gather

    if (query := parse_query(run)) is None:
        return gather(run, metrics)
    plan, results = read_run(run)
    records = [record for _, record in query.select()]
    flags, signoffs = merged_findings(records).flags, merged_signoffs(records)
    return assemble(RunSource(run, plan, results, (), flags, signoffs, crossed=False), metrics)


def _make_preset(run: Path, out: Path, metric: str) -> dict[str, Any]:
    """A page for the preset, and the report of every run of it that has scores, in a folder below."""
    from ...report.preset_page import make_first_page

    folder = PresetFolder(run)
    board = read_board(folder)
    parts = [part for part in board.preset.parts if any(r.confusion is not None for r in board.results[part.name])]
    runs = [folder.run_of(part).path for part in parts]
    made = [_make(path, out / path.name, metric) for path in runs]
    page, tables = make_first_page(board, [path.name for path in runs], out)
    return {"page": str(page), "bytes": page.stat().st_size, "tables": list(map(str, tables)), "runs": made}
