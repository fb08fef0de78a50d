"""`partbench report`: one page that needs no network, its figures and its tables, from a run's files alone."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from rich.markup import escape

from ..terminal import open_console
from .ranking import parse_metrics
from .reading import tell_failures

NEEDED = ("jinja2", "matplotlib", "pyarrow")
"""What the extra `report` installs."""


class ReportError(ValueError):
    """A report that cannot be made, in one sentence: the fact, the culprit, the mend."""


def show(run: Path, out: Path, metric: str, as_json: bool) -> None:
    """Make the report of a run and say where it is."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ReportError(f"a report needs {', '.join(missing)}, not installed here; pip install 'partbench[report]'")
    if out.resolve() == run.resolve():
        raise ReportError(f"{out} is the run itself; choose another --out")
    from ..report.content import gather
    from ..report.making import make

    content = gather(run, parse_metrics(metric))
    for sentence in content.set_aside:
        print(f"set aside: {sentence}", file=sys.stderr)
    tell_failures(content.failed)
    made = make(content, out)
    size = made.page.stat().st_size
    if as_json:
        record = {
            "page": str(made.page),
            "bytes": size,
            "figures": list(map(str, made.figures)),
            "tables": list(map(str, made.tables)),
            "set aside": list(content.set_aside),
            "failed": len(content.failed),
        }
        print(json.dumps(record, indent=1))
        return
    console = open_console()
    console.print(f"report: {escape(str(made.page))} ({size / 1e6:.1f} MB)", soft_wrap=True)
    console.print(f"{len(made.figures)} files in figures/ and {len(made.tables)} in tables/ beside it", soft_wrap=True)
