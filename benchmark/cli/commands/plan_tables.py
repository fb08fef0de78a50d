"""The output of `partbench plan` for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from .... import counted
from ...cost.feasibility import Feasibility
from ...cost.forecast import STAGES, cached_shots, materialised
from ...cost.sharing import Sharing
from ...plan import NO_HEAD
from ...scores.detectable import METRIC, MOST, SOURCE, DetectableDifference
from ...stored_run import folder_of, shown
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


def print_feasibility(
    feasibility: Feasibility, detectable: Sequence[DetectableDifference], like: Path | None, free: int | None,
    disks: Mapping[Path, int], device: str, sharing: Sharing | None = None,
) -> None:  # fmt: skip
    """Time by stage and by cell, and of several workers, memory, disk, eq. (1), and what can be shown."""
    console, plan = open_console(), feasibility.plan
    cells, left = sum(1 for _ in plan.cells()), sum(map(len, feasibility.left.values()))
    console.print(f"{escape(plan.dataset)}: {cells} cells, {cells - left} of them done, {left} to compute on {device}")
    console.print(_stages(feasibility))
    most = max(plan.shots)
    console.print(f"[bold]one cell of {most} shots[/]: its training and its predictions")
    console.print(_cells(feasibility, most))
    lines = [*_sharing(sharing), *_room(feasibility, free, disks), *_equation(feasibility)]
    for line in [*lines, *_detectable(detectable, plan.draws, like)]:
        console.print(escape(line))
    for name, figures in feasibility.figures.items():
        if figures.error:
            console.print(f"[yellow]{escape(name)} cannot be measured: {escape(figures.error)}[/]")


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _stages(feasibility: Feasibility) -> Table:
    """A row per backbone: the time of every stage, and the memory."""
    table, needs = _table(["backbone", *STAGES, "all", "memory"]), feasibility.needs
    for name, one in ((name, one) for name, one in needs.items() if one.seconds):
        times = [duration(one.stages[stage]) for stage in STAGES]
        table.add_row(escape(name), *times, duration(one.seconds), volume(one.memory))
    sums = [duration(sum(one.stages[stage] for one in needs.values())) for stage in STAGES]
    table.add_section()
    table.add_row("all", *sums, duration(sum(one.seconds for one in needs.values())), "")
    return table


def _cells(feasibility: Feasibility, shots: int) -> Table:
    """Seconds of one cell, by backbone and head."""
    heads = feasibility.plan.heads
    table = _table(["backbone", *heads])
    for name, one in feasibility.needs.items():
        times = {cell.head: seconds for cell, seconds in one.cells.items() if cell.shots == shots}
        if any(head in times for head in heads):
            table.add_row(escape(name), *(duration(times[head]) if head in times else "-" for head in heads))
    return table


def _sharing(sharing: Sharing | None) -> list[str]:
    """What several workers make of it."""
    if sharing is None:
        return []
    who = f"{counted(sharing.workers, 'worker')}, each with what this machine gives one process"
    times = f"{duration(sharing.seconds)}, and one alone {duration(sharing.alone)}"
    longest = f"the longest group is {sharing.longest.name} ({duration(sharing.longest_seconds)})"
    idle = f"{100 * sharing.idle:.0f} % of their time is idle"
    return [f"{who}: {times}; {longest}, {idle}, and more than {sharing.enough} would not save a tenth"]


def _room(feasibility: Feasibility, free: int | None, disks: Mapping[Path, int]) -> list[str]:
    """Memory and disk against what there is."""
    needs = feasibility.needs
    results = sum(one.results for one in needs.values())
    units = feasibility.disk - results
    there = "" if free is None else f" of {volume(free)} that are free"
    where, cache = disks
    return [
        f"memory: {volume(feasibility.memory)} at the highest{there}"
        + (
            f"; {volume(feasibility.base)} before any backbone, the rest for {feasibility.largest}"
            if feasibility.largest
            else ""
        ),
        f"disk: at most {volume(results)} of results in {where}, {volume(units)} of trained heads until their backbone "
        f"is done ({volume(disks[where])} free); {volume(feasibility.codes)} of codes in {cache}",
    ]


def _equation(feasibility: Feasibility) -> list[str]:
    """Eq. (1) as the paper writes it, and as it is held here."""
    measured = {n: f for n, f in feasibility.figures.items() if f.channels}
    if not measured:
        return []
    name = max(measured, key=lambda n: measured[n].channels)
    shots, size, figures = max(feasibility.plan.shots), feasibility.plan.size, measured[name]
    side = f"{size} x {size} pixels"
    held, used = cached_shots(figures, feasibility.extent), feasibility.extent.used
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


def _detectable(detectable: Sequence[DetectableDifference], draws: int, like: Path | None) -> list[str]:
    """What differences can be shown."""
    if not detectable or detectable[0].comparisons < 1:
        return []
    if isnan(detectable[0].difference):
        return ["one draw and one test image show no difference, however large; raise --draws or --test"]
    found = ", ".join(f"{_points(one.difference)} with {counted(one.shots, 'shot')}" for one in detectable)
    dropped = ", ".join(f"{_points(one.drop)} with {counted(one.shots, 'shot')}" for one in detectable)
    source = f"as two backbones differ in {shown(folder_of(like))}" if like else f"as two backbones differ in {SOURCE}"
    compared, held = detectable[0].comparisons, detectable[0].held
    return [
        f"smallest true difference in {METRIC} between two backbones, averaged over heads, that is shown four times in "
        f"five, {compared} compared together, {counted(draws, 'draw')}: {found} ({source})",
        f"true drop beyond the tolerance that a gate over heads catches four times in five, {held} scores "
        f"held together: {dropped}",
    ]


def _points(difference: float) -> str:
    """A difference of scores, which cannot be larger than a score."""
    return f"{difference:.1f}" if difference < MOST else "none"
