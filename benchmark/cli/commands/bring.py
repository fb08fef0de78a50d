"""`partbench bring`: what a run reads, from where it is to where it is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from .... import one_line
from ....backbones.weights.hub import restore
from ...file_cache import FileCache
from ...file_contents import files_of
from ...files import UNREADABLE, write_atomic
from ...plan import Plan
from ...plugins.catalogue import load_catalogue
from ...plugins.named_files import NamedFile
from ...plugins.plan_files import SNAPSHOT, PlanFile, packed_images, plan_files
from ...run_folder import plan_in
from ..terminal import open_console
from .plan_options import PlanError, resolve

MANIFEST = "manifest.json"
"""In the folder that things are brought in: what it has, for people."""
MB = 10**6


def run(
    dataset: str | None,
    backbones: tuple[str, ...],
    plan: Path | None,
    to: Path | None,
    source: Path | None,
    as_json: bool,
) -> int:
    """List what a plan reads, and copy it, or put what was copied into the cache; 1 if something is missing."""
    console = open_console(stderr=as_json)
    if source is not None:
        if to or plan or backbones or dataset:
            raise PlanError("--from takes all that is in its folder; leave the other options out")
        if not (words := FileCache(source).words()):
            raise PlanError(f"{source} holds nothing that partbench bring --to has copied; name such a folder")
        rows = [_take(FileCache(source), word, console) for word in words]
        _tell(rows, _here(rows), as_json, console)
        return 0
    if plan and (backbones or dataset):
        raise PlanError(f"--plan names all that is brought; leave --{'backbone' if backbones else 'dataset'} out")
    catalogue = load_catalogue()
    chosen = _read_plan(plan) if plan else resolve(Plan(dataset or "faces", backbones, ()), catalogue)
    rows = []
    for one in plan_files(catalogue, chosen, fetch=to is not None):
        copies = (packed_images(one),) if to and one.folder else one.copies
        if to is not None:
            for copy in copies:
                _copy(copy, FileCache(to), console)
        rows.append(_row(one, copies))
    if to is not None:
        write_atomic(to / MANIFEST, json.dumps(rows, indent=1).encode())
    listed = _here(rows) + "; --to FOLDER copies them" * any(row["here"] for row in rows)
    _tell(rows, _copied(rows, to) if to else listed, as_json, console)
    return 0 if all(row["here"] for row in rows) else 1


def _read_plan(file: Path) -> Plan:
    """The plan of a forecast, or of a run."""
    try:
        return plan_in(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise PlanError(f"there is no {file}; write it by partbench plan --json > {file}") from None
    except UNREADABLE as error:
        raise PlanError(f"{file} holds no plan ({one_line(error)}); name what partbench plan --json wrote") from None


def _row(one: PlanFile, copies: Sequence[NamedFile]) -> dict[str, Any]:
    """What there is to say of a file, or a folder."""
    facts = {"of": one.of, "from": one.word, "here": one.here, "files": one.files, "bytes": one.size, "note": one.note}
    return facts | {"sha256": [copy.content.sha256 for copy in copies]}


def _copy(file: NamedFile, cache: FileCache, console: Console) -> None:
    """Have a file in the folder, as the cache of another machine has it."""
    console.print(f"copying {escape(file.word)}", soft_wrap=True, highlight=False)
    cache.keep(file.content, file.write)
    cache.remember(file.word, file.content)


def _take(source: FileCache, word: str, console: Console) -> dict[str, Any]:
    """Put a file into the cache of this machine, if it is the one that was copied."""
    cache, content = FileCache.here(), source.known(word)
    file = source.stored(content) if content else None
    if content is None or file is None:
        raise PlanError(f"{source.folder} lacks the file of {word}; copy it there again")
    earlier = cache.known(word)
    if earlier and earlier.sha256 != content.sha256:
        what = f"{word} was brought before with another content (SHA-256 {earlier.sha256[:16]})"
        console.print(f"[yellow]{escape(what)}; it means the new one from now on[/]", soft_wrap=True, highlight=False)
    cache.keep(content, lambda part: shutil.copyfile(file, part))
    cache.remember(word, content)
    if hub := SNAPSHOT.fullmatch(word):
        folder = cache.place(content)
        assert folder, f"{word} was put there a moment ago"
        restore(hub["repo"], hub["revision"] or "main", hub["commit"], files_of(folder))
    facts = {"of": "", "from": word, "here": True, "files": 1, "bytes": content.size, "note": ""}
    return facts | {"sha256": [content.sha256]}


def _tell(rows: Sequence[dict[str, Any]], summary: str, as_json: bool, console: Console) -> None:
    """Say of every file where it is, and of all together what that comes to."""
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        count = f"{row['files']:,} files, " if row["files"] > 1 else ""
        facts = [f"{count}{row['bytes'] / MB:,.1f} MB" if row["here"] else "[yellow]not here[/]"]
        facts += [f"SHA-256 {digest[:16]}" for digest in row["sha256"]]
        facts += [f"of {escape(row['of'])}"] if row["of"] else []
        facts += [f"[yellow]{escape(row['note'])}[/]"] if row["note"] else []
        console.print(f"{escape(row['from'])}: {', '.join(facts)}", soft_wrap=True, highlight=False)
    console.print(summary, soft_wrap=True, highlight=False)


def _here(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "all that it reads comes by pip"
    here = [row for row in rows if row["here"]]
    return f"{len(here)} of {len(rows)} are on this machine, {_size(here)}"


def _copied(rows: Sequence[dict[str, Any]], to: Path) -> str:
    copied = [row for row in rows if row["sha256"]]
    what = f"{len(copied)} of {len(rows)} are copied into {escape(str(to))}, {_size(copied)}"
    return what if len(copied) == len(rows) else f"{what}; how the others come stands behind them"


def _size(rows: Sequence[dict[str, Any]]) -> str:
    return f"{sum(row['bytes'] for row in rows) / MB:,.1f} MB"
