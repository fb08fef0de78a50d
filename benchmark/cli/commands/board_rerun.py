"""`partbench board rerun`: takes one small cell of a submission again, and marks it if it comes out the same."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from ...board.layout import MARK, BoardError
from ...board.reproduction import Reproduction, compare_cells, mark, plan_again, smallest_cell
from ...board.submission import Submission, open_submission
from ...files import write_atomic
from ...results import CellResult
from ..terminal import open_console
from .run import carry_out


def rerun(folder: Path, backbone: str, device: str, tolerance: float, as_json: bool) -> int:
    """Take a cell again and say how it came out; 1 if it is another."""
    if not tolerance >= 0:
        raise BoardError(f"--tolerance {tolerance:g} is none; name points from 0 on, as 0.5")
    submission = open_submission(folder)
    earlier = smallest_cell(submission)
    later = _again(submission, earlier, backbone, device)
    found = compare_cells(earlier, later)
    good, there = found.within(tolerance), (folder / MARK).exists()
    if good and not there:
        write_atomic(folder / MARK, mark(submission, found, tolerance, later))
    if as_json:
        record = {"reproduced": good, "tolerance": tolerance, **asdict(found), "marked": good}
        print(json.dumps(record, indent=1))
    else:
        _show(found, tolerance, good, there)
    return int(not good)


def _again(submission: Submission, earlier: CellResult, backbone: str, device: str) -> CellResult:
    """The cell as it comes out here; nothing of the run is kept."""
    plan = plan_again(submission, earlier.cell, backbone)
    with tempfile.TemporaryDirectory(prefix="partbench-rerun-") as place:
        _, folder, _ = carry_out(plan, device, Path(place) / "run", quiet=True)
        results, damaged = folder.results()
    same = [r for r in results if (r.cell.head, r.cell.draw) == (earlier.cell.head, earlier.cell.draw)]
    if not same:
        raise BoardError(
            f"{earlier.cell.slug} was not scored here ({damaged[0] if damaged else 'no result'}); see above"
        )
    return same[0]


def _show(found: Reproduction, tolerance: float, good: bool, there: bool) -> None:
    console = open_console()
    for fault in found.faults:
        console.print(escape(fault), soft_wrap=True, highlight=False)
    for name, moved in found.differences.items():
        console.print(f"{name}: {moved:+.4f} points", highlight=False)
    if not found.faults:
        console.print(f"{100 * found.pixels:.2f} % of the pixels have another class", highlight=False)
    what = f"{found.cell.slug} comes out the same within {tolerance:g} points"
    said = "; it was marked before" if there else "; marked as reproduced"
    failed = f"not reproduced: {found.cell.slug} does not come out the same within {tolerance:g} points"
    console.print(f"[bold]{escape(what + said if good else failed)}[/]", soft_wrap=True, highlight=False)
