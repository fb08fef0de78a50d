"""`partbench fetch`: where published images are had, and how they are laid out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from ....datasets.dataset import DatasetError, Splits
from ....datasets.published import Download, PublishedSet
from ....datasets.published.sets import PUBLISHED, find_published
from ...plugins.backbone_names import NamingError
from ...plugins.catalogue import load_catalogue
from ...plugins.names import find_dataset
from ..terminal import open_console, print_notes


def run(name: str, sources: Sequence[Path], out: Path | None, download: bool, as_json: bool) -> None:
    """List the sets, describe one, or lay it out."""
    console = open_console(stderr=as_json)
    if not name:
        _refuse_options(sources, out, download)
        _list(as_json, console)
        return
    published = find_published(name)
    if not sources and not download:
        _refuse_options(sources, out, download)
        _describe(published, as_json, console)
        return
    if out is None:
        raise NamingError(f"say where to lay out {name}, as --out {name}")
    fetched = _download(published, out, console) if download else []
    if published.places or not download:
        _lay_out(published, [*sources, *fetched], out, as_json, console)
    else:
        console.print(escape(published.note), soft_wrap=True)


def _refuse_options(sources: Sequence[Path], out: Path | None, download: bool) -> None:
    if sources or out or download:
        raise NamingError("--from, --download and --out lay out one set; name it, and what was downloaded with --from")


def _list(as_json: bool, console: Console) -> None:
    if as_json:
        print(json.dumps([_record(one) for one in PUBLISHED], indent=1))
        return
    for one in PUBLISHED:
        console.print(f"[bold]{one.name}[/]  {escape(one.title)}", soft_wrap=True)
        console.print(f"  licence: {escape(one.licence)}", soft_wrap=True)
    console.print("partbench fetch NAME says where it is had and what to do with it", soft_wrap=True)


def _record(one: PublishedSet) -> dict[str, Any]:
    return {**asdict(one), "dataset": one.dataset.replace("{}", "PATH")}


def _describe(one: PublishedSet, as_json: bool, console: Console) -> None:
    """What there is to know of a set, and what to do."""
    if as_json:
        print(json.dumps(_record(one), indent=1))
        return
    lines = [one.title, f"licence: {one.licence}", f"  read in {one.read}"]
    lines += [f"{item.what}{f' ({item.size})' if item.size else ''}: {item.url}" for item in one.downloads]
    lines += [one.note] if one.note else []
    if one.places:
        by_hand = " ".join(f"--from {_file(item)}" for item in one.downloads)
        lines.append(f"then: partbench fetch {one.name} {by_hand} --out {one.name}")
    if any(item.direct for item in one.downloads):
        lines.append(f"or, to have it downloaded and checked: partbench fetch {one.name} --download --out {one.name}")
    for line in lines:
        console.print(escape(line), soft_wrap=True, highlight=False)


def _file(item: Download) -> str:
    """What a download is probably called."""
    name = item.url.rpartition("/")[2]
    return name if "." in name else item.what.partition(",")[0].replace(" ", "-")


def _download(one: PublishedSet, out: Path, console: Console) -> list[Path]:
    """Download what can be checked, beside the folder to come."""
    from ....datasets.published.download import download

    items = [item for item in one.downloads if item.direct]
    if not items:
        raise DatasetError(
            f"{one.name} is not downloaded by partbench; partbench fetch {one.name} says where it is had"
        )
    if out.exists():
        raise DatasetError(f"{out} is there already, and nothing is written over; name another --out")
    files = [out.with_name(f"{out.name}-{_file(item)}") for item in items]
    columns = "[progress.description]{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        for item, file in zip(items, files, strict=True):
            task = bars.add_task(escape(item.what), total=None)
            download(item, file, lambda done, whole, task=task: bars.update(task, completed=done, total=whole or None))  # type: ignore[misc]
            console.print(f"downloaded {escape(str(file))}", soft_wrap=True)
    return files


def _lay_out(one: PublishedSet, sources: Sequence[Path], out: Path, as_json: bool, console: Console) -> None:
    from ....datasets.published.laying_out import lay_out

    counts = lay_out(one, sources, out)
    without = counts.pop("", 0)
    name = one.dataset.replace("{}", str(out))
    opened, notes = _open(name)
    notes += [one.note] if one.note else []
    if as_json:
        record = {"dataset": name, "files": counts, "without a place": without, "images": opened, "notes": notes}
        print(json.dumps(record, indent=1))
        return
    for place, count in counts.items():
        console.print(f"{escape(str(out / place))}: {count:,} files", soft_wrap=True)
    print_notes(console, [*([f"{without:,} files of the downloads have no place here"] if without else []), *notes])
    images = ", ".join(f"{count:,} {split}" for split, count in opened.items())
    console.print(f"{images or 'not opened'}; licence: {escape(one.licence)}", soft_wrap=True)
    console.print(f"use it as --dataset {escape(name)}", soft_wrap=True, highlight=False)


def _open(name: str) -> tuple[dict[str, int], list[str]]:
    """The images of each split, by partbench's own reader, or why it is not there."""
    try:
        record = find_dataset(load_catalogue(), name).record
    except NamingError as error:
        return {}, [str(error)]
    splits: Splits = record.load()
    found = {part: getattr(splits, part) for part in ("pool", "validation", "test", "unlabelled")}
    return {part: len(split) for part, split in found.items() if split is not None}, [*splits.notes]
