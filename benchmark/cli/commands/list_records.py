"""`partbench list`: all backbones, heads, datasets and presets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich import box
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from ...auto_shot_names import PREFIX
from ...paper.preset_files import needs, preset_names, read_preset
from ...plan import COPY, INSID3, SUPERVISED
from ...plugins.backbone_names import NamingError
from ...plugins.calls import plugin_call
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.names import find_backbone
from ...plugins.today import TODAY
from ..terminal import open_console
from .today import TITLE

SHELVES = ("backbones", "heads", "datasets", "reporters", "presets")
AUTO_SHOT = (
    f"{PREFIX}NAME",
    "U-Net of one pass, taught by samples that the head NAME labels (section 3.3)",
)
CONTROLS = {
    COPY: "control: the training mask itself, or the per-pixel mode of several; reads no image",
    SUPERVISED: "control: the U-Net of auto-shot on as many true masks as there are shots (Figure 6)",
    f"{INSID3}NAME": "no head: parts found by example in the last map of NAME, without training (INSID3)",
    "random:NAME": "control: the same network as NAME, untrained",
}

LACKING = "partbench bring --backbone NAME says what one of them lacks"


def rows(catalogue: Catalogue, shelf: str) -> Iterator[dict[str, Any]]:
    """One row per record of a shelf, or per preset."""
    if shelf == "presets":
        yield {"name": TODAY, "title": TITLE, "needs at --scale paper": []}
        for name in preset_names():
            needed = list(needs(name, "paper"))
            yield {"name": name, "title": read_preset(name)["title"], "needs at --scale paper": needed}
        return
    for name, offer in getattr(catalogue, shelf).items():
        row: dict[str, Any] = {"name": name}
        if shelf == "backbones":
            row |= {"size": offer.record.size, "channels": list(offer.record.channels)}
        if shelf == "datasets":
            row["classes"] = list(offer.record.classes)
        yield row | {"provider": offer.provider, "summary": offer.record.summary}
    if shelf == "heads":
        name, summary = AUTO_SHOT
        yield {"name": name, "provider": "partbench", "summary": summary}
    if shelf == "backbones":
        for name, summary in CONTROLS.items():
            yield {"name": name, "size": None, "channels": [], "provider": "partbench", "summary": summary}


def show_family(name: str, shelf: str, as_json: bool) -> None:
    """Those of a family that are worth a run, and what each needs."""
    if shelf not in ("all", "backbones"):
        raise NamingError(f"--family is for backbones, and not for {shelf}; leave one of the two out")
    record = find_backbone(load_catalogue(), name).record
    if record.members is None:
        raise NamingError(f"{name} is no family with a list of its own; choose one that has, as timm")
    with plugin_call(name):
        listed = [dict(row) for row in record.members()]
    if as_json:
        print(json.dumps({name: listed}, indent=1))
        return
    console = open_console()
    for row in listed:
        console.print(escape(str(row.pop("name"))), style="bold")
        console.print(Padding(escape(", ".join(f"{key} {_text(value)}" for key, value in row.items())), (0, 0, 0, 2)))
    if missing := sum(row.get("here") is False for row in listed):
        console.print(f"{missing} of {len(listed)} are not here; {LACKING}")


def show(shelf: str, as_json: bool) -> None:
    if shelf not in (*SHELVES, "all"):
        raise NamingError(f"there is no shelf {shelf!r}; choose {', '.join(SHELVES)}")
    catalogue = load_catalogue()
    chosen = SHELVES if shelf == "all" else (shelf,)
    if as_json:
        listed = {s: list(rows(catalogue, s)) for s in chosen} | {"problems": list(catalogue.problems)}
        print(json.dumps(listed, indent=1))
        return
    console = open_console()
    for name in chosen:
        console.print(_table(name, list(rows(catalogue, name))))
    for problem in catalogue.problems:
        console.print(f"[yellow]{escape(problem)}[/]")


def _table(title: str, listed: list[dict[str, Any]]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    for column in listed[0] if listed else ():
        table.add_column(column, no_wrap=column == "name")
    for row in listed:
        table.add_row(*(escape(_text(value)) for value in row.values()))
    return table


def _text(value: object) -> str:
    if isinstance(value, list):
        texts = [str(v) for v in value]
        return f"{len(texts)} maps, {sum(value)}" if value and isinstance(value[0], int) else ", ".join(texts)
    return {None: "", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)
