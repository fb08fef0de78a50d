"""`partbench board site`: the pages of a board, from its files alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from rich.markup import escape

from .... import counted
from ...board.layout import BoardError
from ...board.query import parse_query
from ..terminal import open_console

NEEDED = ("jinja2", "pyarrow")
"""What the extra `report` installs, of which the pages need no more."""


def site(board: Path, out: Path, as_json: bool) -> None:
    """Write the pages of a board and say where they are."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise BoardError(f"pages need {', '.join(missing)}, not installed here; pip install 'partbench[report]'")
    query = parse_query(board)
    if query is None:
        raise BoardError(f"{board} is no board (no submissions/); make one with partbench board new")
    from ...board.site.build import build_site

    made = build_site(query, out)
    if as_json:
        print(json.dumps({**asdict(made), "page": str(made.page)}, indent=1))
        return
    console = open_console()
    console.print(f"site: {escape(str(made.page))}", soft_wrap=True)
    counts = f"{counted(made.backbones, 'backbone')} in {counted(made.tables, 'table')}"
    console.print(f"{counts}, {made.files} files, {made.bytes / 1e6:.1f} MB", highlight=False, soft_wrap=True)
