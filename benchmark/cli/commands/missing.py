"""What a run still misses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ...board.query import parse_query
from ...flags import some
from ...run_folder import RunFolder
from ...stored_run import shown


def missing_cells(run: Path) -> str:
    """How many cells of the plan have no result as yet, and of which backbones; '' if all have one, and of a board."""
    if parse_query(run) is not None:
        return ""
    folder = RunFolder(run)
    cells = list(folder.read_plan().cells())
    missing = Counter(cell.backbone for cell in cells if not folder.cell_file(cell).exists())
    if not missing:
        return ""
    whose = some([f"{name} {count}" for name, count in missing.most_common()], 8)
    return f"{missing.total()} of {len(cells)} cells of {shown(run)} are missing as yet ({whose})"
