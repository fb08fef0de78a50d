"""How `partbench plan` says what it found: tables that fit a terminal, or one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from ..forecast import STAGES, cached_shots, materialised
from ..outlook import Feasibility
from ..plan import NO_HEAD
from ..promise import METRIC, SOURCE, DetectableDifference
from ..terminal import open_console

KIB, MIB, GIB = 2**10, 2**20, 2**30


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3:05`, `2:10:00`."""
    if seconds < 59.5:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def volume(size: float) -> str:
    """Bytes with the unit that suits them."""
    if size >= GIB:
        return f"{size / GIB:.1f} GiB"
    return f"{size / MIB:.0f} MiB" if size >= MIB else f"{size / KIB:.0f} KiB"


def print_outlook(
    outlook: Feasibility, promises: Sequence[DetectableDifference], like: Path | None, free: int | None,
    disks: Mapping[Path, int], device: str,
) -> None:  # fmt: skip
    """Time by stage and by cell, memory, disk, eq. (1), and what can be shown."""
    console, plan = open_console(), outlook.plan
    cells, left = sum(1 for _ in plan.cells()), sum(map(len, outlook.left.values()))
    console.print(f"{escape(plan.dataset)}: {cells} cells, {cells - left} of them done, {left} to compute on {device}")
    console.print(_stages(outlook))
    most = max(plan.shots)
    console.print(f"[bold]one cell of {most} shots[/]: its training and its predictions")
    console.print(_cells(outlook, most))
    for line in [*_room(outlook, free, disks), *_equation(outlook), *_promised(promises, plan.draws, like)]:
        console.print(escape(line))
    for name, figures in outlook.figures.items():
        if figures.error:
            console.print(f"[yellow]{escape(name)} cannot be measured: {escape(figures.error)}[/]")


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _stages(outlook: Feasibility) -> Table:
    """A row per backbone: the time of every stage, and the memory."""
    table, known = _table(["backbone", *STAGES, "all", "memory"]), outlook.needs
    for name, one in ((name, one) for name, one in known.items() if one.seconds):
        times = [duration(one.stages[stage]) for stage in STAGES]
        table.add_row(escape(name), *times, duration(one.seconds), volume(one.memory))
    sums = [duration(sum(one.stages[stage] for one in known.values())) for stage in STAGES]
    table.add_section()
    table.add_row("all", *sums, duration(sum(one.seconds for one in known.values())), "")
    return table


def _cells(outlook: Feasibility, shots: int) -> Table:
    """Seconds of one cell, by backbone and head."""
    heads = outlook.plan.heads
    table = _table(["backbone", *heads])
    for name, one in outlook.needs.items():
        times = {cell.head: seconds for cell, seconds in one.cells.items() if cell.shots == shots}
        if any(head in times for head in heads):
            table.add_row(escape(name), *(duration(times[head]) if head in times else "-" for head in heads))
    return table


def _room(outlook: Feasibility, free: int | None, disks: Mapping[Path, int]) -> list[str]:
    """Memory and disk against what there is."""
    known = outlook.needs
    results, units = (sum(getattr(one, name) for one in known.values()) for name in ("results", "units"))
    units = outlook.disk - results
    there = "" if free is None else f" of {volume(free)} that are free"
    where, cache = disks
    return [
        f"memory: {volume(outlook.memory)} at the highest{there}"
        + (f"; {volume(outlook.base)} before any backbone, the rest for {outlook.largest}" if outlook.largest else ""),
        f"disk: at most {volume(results)} of results in {where}, {volume(units)} of trained heads until their backbone "
        f"is done ({volume(disks[where])} free); {volume(outlook.codes)} of codes in {cache}",
    ]


def _equation(outlook: Feasibility) -> list[str]:
    """Eq. (1) as the paper writes it, and as it is held here."""
    known = {n: f for n, f in outlook.figures.items() if f.channels}
    if not known:
        return []
    name = max(known, key=lambda n: known[n].channels)
    shots, size, figures = max(outlook.plan.shots), outlook.plan.size, known[name]
    side = f"{size} x {size} pixels"
    held, used = cached_shots(figures, outlook.extent), outlook.extent.used
    again = f" ({held} of {used} shots have theirs held, the others are described again)" if held < used else ""
    ways: dict[str, list[str]] = {}
    for head, one in figures.heads.items():
        if head != NO_HEAD:
            ways.setdefault(one.strategy, []).append(head)
    read = ", ".join(f"{way} ({', '.join(of)})" for way, of in ways.items())
    return [
        f"eq. (1) of {name}, {figures.channels} channels at {side}: F of {shots} shots would be "
        f"{volume(materialised(figures, shots, size))}; their maps at their own sizes are "
        f"{volume(shots * figures.maps)}{again}, and F is {read}"
    ]


def _promised(promises: Sequence[DetectableDifference], draws: int, like: Path | None) -> list[str]:
    """What differences can be shown."""
    if not promises or promises[0].comparisons < 1:
        return []
    if isnan(promises[0].difference):
        return ["one draw and one test image show no difference, however large; raise --draws or --test"]
    found = ", ".join(f"{one.difference:.1f} with {one.shots} shot{'s' if one.shots > 1 else ''}" for one in promises)
    dropped = ", ".join(f"{one.drop:.1f} with {one.shots} shot{'s' if one.shots > 1 else ''}" for one in promises)
    source = f"as two backbones differ in {like}" if like else f"as two backbones differ in {SOURCE}"
    return [
        f"smallest true difference in {METRIC} between two backbones, averaged over heads, that is shown four times in "
        f"five, {promises[0].comparisons} compared together, {draws} draws: {found} ({source})",
        f"true drop beyond the tolerance that a gate over heads catches four times in five, {promises[0].held} scores "
        f"held together: {dropped}",
    ]


def as_record(
    outlook: Feasibility,
    promises: Sequence[DetectableDifference],
    like: Path | None,
    free: int | None,
    disks: Mapping[Path, int],
) -> dict[str, Any]:
    """Everything as one JSON object; seconds, bytes and points."""
    plan = outlook.plan
    return {
        "cells": {"all": sum(1 for _ in plan.cells()), "left": sum(map(len, outlook.left.values()))},
        "seconds": sum(one.seconds for one in outlook.needs.values()),
        "memory": {"needed": outlook.memory, "base": outlook.base, "free": free, "largest": outlook.largest},
        "disk": {
            "results and heads": outlook.disk,
            "codes": outlook.codes,
            "free": {str(path): free for path, free in disks.items()},
        },
        "backbones": [_backbone(outlook, name) for name in plan.backbones],
        "smallest difference": {
            "metric": METRIC,
            "source": str(like) if like else SOURCE,
            "power": 0.8,
            "by shots": [{k: None if isnan(v) else v for k, v in vars(one).items()} for one in promises],
        },
    }


def _backbone(outlook: Feasibility, name: str) -> dict[str, Any]:
    figures = outlook.figures[name]
    if figures.error:
        return {"backbone": name, "error": figures.error}
    one, shots = outlook.needs[name], max(outlook.plan.shots)
    cells = [{"head": c.head, "shots": c.shots, "draw": c.draw, "seconds": s} for c, s in one.cells.items()]
    return {
        "backbone": name,
        "seconds": dict(one.stages),
        "memory": one.memory,
        "codes": {"missing": dict(figures.missing), "seconds": figures.invert, "bytes": one.codes},
        "eq. (1)": {
            "channels": figures.channels,
            "materialised": materialised(figures, shots, outlook.plan.size),
            "held": shots * figures.maps,
            "strategy": {head: known.strategy for head, known in figures.heads.items()},
        },
        "cells": cells,
    }
