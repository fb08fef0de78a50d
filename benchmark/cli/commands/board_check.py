"""`partbench board check`: what a pull request's CI runs on a board, without a network and without torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.markup import escape

from .... import counted
from ...board.check import BoardCheck, check_board
from ...board.tree import Problem
from ...scores.leaderboard_tables import markdown
from ..terminal import open_console
from .gate import append


def check(board: Path, main: Path | None, summary: Path | None, as_json: bool) -> int:
    """Check a board and print what was found; 1 if anything is refused."""
    found = check_board(board, main)
    if summary:
        append(summary, as_markdown(found))
    if as_json:
        print(json.dumps(_record(found), indent=1))
    else:
        _show(found)
    return int(bool(found.problems))


def headline(found: BoardCheck) -> str:
    """What a check comes to, in one sentence."""
    if found.problems:
        return f"refused: {counted(len(found.problems), 'fault')}"
    if not found.new:
        return f"nothing new among {found.submissions} submissions"
    new = f"{len(found.new)} of {found.submissions}" if found.main else str(found.submissions)
    return f"checked: {new} submissions, {found.cells} cells, {found.bytes} bytes; every score is what its counts give"


def as_markdown(found: BoardCheck) -> str:
    """What was found for the page of a pull request."""
    problems = [f"- {markdown(str(problem))}" for problem in found.problems]
    notes = [f"- to see to: {markdown(note)}" for note in found.notes]
    parts = [f"## {markdown(headline(found))}", "\n".join([*problems, *notes]), *found.sections]
    return "\n\n".join(part for part in parts if part) + "\n"


def _record(found: BoardCheck) -> dict[str, Any]:
    return {
        "refused": [Problem._asdict(problem) for problem in found.problems],
        "to see to": found.notes,
        "submissions": found.submissions,
        "checked": [str(submission.path) for submission in found.new],
        "cells": found.cells,
        "bytes": found.bytes,
        "conclusion": headline(found),
    }


def _show(found: BoardCheck) -> None:
    for problem in found.problems:
        print(f"refused: {problem}", file=sys.stderr)
    for note in found.notes:
        print(f"to see to: {note}", file=sys.stderr)
    console = open_console()
    style = "bold red" if found.problems else "bold"
    console.print(escape(headline(found)), style=style, highlight=False, soft_wrap=True)
