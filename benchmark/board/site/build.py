"""Writes the pages of a board into a folder."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...files import write_atomic
from ...report.table_formats import as_parquet
from ..board_runs import board_groups
from ..layout import ROOT, BoardError
from ..query import BoardQuery
from .entries import SiteEntry
from .exports import as_compact_json, everything
from .pages import BackboneLine, Offers, asset, backbone_page, compare_page, index_page, pair_script, table_page
from .tables import SiteTable, read_table, told_apart

FOLDERS = ("tables", "backbones", "pairs")
ASSETS = ("site.css", "site.js", "paired.js", "compare.js")
WHOLE = "board.parquet"
"""By which a folder is known as a site, which may be written anew."""


@dataclass(frozen=True)
class SiteFiles:
    """What was written."""

    page: Path
    files: int
    bytes: int
    tables: int
    backbones: int
    entries: int


def build_site(query: BoardQuery, out: Path) -> SiteFiles:
    """Write all pages; the same board is the same bytes."""
    _prepare(query.board, out)
    tables = told_apart([read_table(query, group) for group in board_groups(query)])
    offers = _offers(tables)
    lines = _lines(offers)
    sizes = [_write(out / path, data) for path, data in _files(tables, lines, offers)]
    entries = sum(len(table.entries) for table in tables)
    return SiteFiles(out / "index.html", len(sizes), sum(sizes), len(tables), len(lines), entries)


def _prepare(board: Path, out: Path) -> None:
    """Take out the pages of an earlier site; any other folder with files in it is refused, and those of submissions."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / WHOLE).is_file())):
        raise BoardError(f"{out} is there already and is no site of a board; choose another --out")
    place = (board / ROOT).resolve()
    if place in (out.resolve(), *out.resolve().parents):
        raise BoardError(f"{out} is among the submissions of the board; choose another --out")
    for name in FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)


def _offers(tables: Sequence[SiteTable]) -> dict[str, Offers]:
    """By the name of a backbone's page, in which tables it is."""
    found: dict[str, list[tuple[SiteTable, SiteEntry]]] = {}
    for table in tables:
        for entry in table.entries:
            found.setdefault(entry.page, []).append((table, entry))
    return {page: found[page] for page in sorted(found)}


def _lines(offers: dict[str, Offers]) -> list[BackboneLine]:
    firsts = {page: replace(found[0][1], parameters=_parameters(found)) for page, found in offers.items()}
    names = Counter(entry.backbone for entry in firsts.values())
    return [
        BackboneLine(
            page,
            f"{entry.backbone} ({entry.weights or 'no weights'})" if names[entry.backbone] > 1 else entry.backbone,
            entry,
            len({table.page for table, _ in offers[page]}),
        )
        for page, entry in firsts.items()
    ]


def _parameters(offers: Offers) -> int | None:
    """Of a network, by the first of its tables that says it."""
    return next((entry.parameters for _, entry in offers if entry.parameters is not None), None)


def _files(
    tables: Sequence[SiteTable], lines: Sequence[BackboneLine], offers: dict[str, Offers]
) -> Iterator[tuple[str, bytes]]:
    """Every file by its place."""
    yield from ((name, asset(name).encode()) for name in ASSETS)
    for table in tables:
        yield f"tables/{table.page}.html", table_page(table).encode()
    for line in lines:
        yield f"backbones/{line.page}.html", backbone_page(line, offers[line.page]).encode()
        yield f"pairs/{line.page}.js", pair_script(line, offers[line.page]).encode()
    yield "index.html", index_page(tables, lines).encode()
    yield "compare.html", compare_page(tables, lines).encode()
    whole = everything(tables)
    yield "board.json", as_compact_json(whole)
    yield WHOLE, as_parquet(whole)


def _write(file: Path, data: bytes) -> int:
    write_atomic(file, data)
    return len(data)
