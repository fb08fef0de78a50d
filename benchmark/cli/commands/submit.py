"""`partbench submit`: the scores of a run as files of a board."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from ...board.anonymous import Names
from ...board.from_run import SubmitOptions, submissions_of
from ...board.layout import BoardError, require_board
from ...board.submission import Submission
from ...board.writing import Files, files_of, write
from ..terminal import open_console

Told = tuple[str, Sequence[str], Sequence[str]]
"""The name of the dataset, names of backbones as OLD=NEW, licences as BACKBONE=LICENCE."""


def submit(run: Path, board: Path, by: str, backbones: Sequence[str], told: Told, dry_run: bool, as_json: bool) -> None:
    """Write what a run has for a board, or show it."""
    dataset, names, licences = told
    options = SubmitOptions(by, tuple(backbones), Names(dataset, _renamed(names)), _licences(licences))
    require_board(board)
    made = submissions_of(run, options)
    files = files_of(made, board)
    for note in made.notes:
        print(note, file=sys.stderr)
    if not dry_run:
        for _, part in files:
            write(board, part)
    records = [_record(submission, part) for submission, part in files]
    if as_json:
        print(json.dumps({"written": not dry_run, "submissions": records}, indent=1))
        return
    _show(records, board, dry_run)


def _renamed(names: Sequence[str]) -> dict[str, str]:
    pairs = [name.partition("=") for name in names]
    for old, mark, new in pairs:
        if not (old and mark and new):
            raise BoardError(
                f"--name takes OLD=NEW, as 'stylegan2@my.safetensors=stylegan2@mine', and not {old + mark!r}"
            )
    return {old: new for old, _, new in pairs}


def _licences(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in texts]
    return {backbone: licence for backbone, _, licence in pairs}


def _record(submission: Submission, files: Files) -> dict[str, Any]:
    size = sum(map(len, files.values()))
    return {
        "path": str(submission.path),
        "backbone": submission.backbone,
        "licence": submission.licence,
        "cells": len(submission.cells),
        "bytes": size,
        "bytes per cell": round(size / len(submission.cells)),
        "files": {str(path): len(data) for path, data in files.items()},
    }


def _show(records: Sequence[dict[str, Any]], board: Path, dry_run: bool) -> None:
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("file", "bytes"):
        table.add_column(column, justify="right" if column == "bytes" else "left", overflow="fold")
    for record in records:
        for path, size in record["files"].items():
            table.add_row(escape(path), str(size))
    if any(record["files"] for record in records):
        console.print(table)
    new = [record for record in records if record["files"]]
    cells, size = sum(record["cells"] for record in new), sum(record["bytes"] for record in new)
    there = f"; {len(records) - len(new)} are there already, byte for byte" if len(new) < len(records) else ""
    per = f", {size / cells:.0f} bytes a cell" if cells else ""
    what = f"{len(new)} submissions of {cells} cells: {size} bytes{per}{there}"
    console.print(escape(f"{'would write' if dry_run else 'wrote'} {what}"), soft_wrap=True)
    if not dry_run and new:
        console.print(escape(f"next: partbench board check {board}, commit, and open a pull request"), soft_wrap=True)
