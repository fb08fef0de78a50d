"""`partbench throughput`: measures the speed of feature extraction on this machine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .... import counted
from ...files import writable, write_atomic
from ...plugins.backbone_names import NamingError
from ...plugins.catalogue import Catalogue, Offer, load_catalogue
from ...plugins.names import find_backbone
from ...plugins.patterns import backbone_names, expand
from ..terminal import open_console

if TYPE_CHECKING:
    from ....backbones.backbone import Backbone
    from ...cost.device_peaks import DevicePeaks
    from ...cost.stage_timing import Timing
    from ...cost.throughput import Options, Throughput

    Peaks: TypeAlias = dict[str, DevicePeaks]


LARGEST = "largest"
"""As a batch: the last one is doubled for as long as that pays."""


def parse_batches(text: str) -> tuple[tuple[int, ...], bool]:
    """`1,8,largest` as numbers, and whether the largest that pays is looked for."""
    parts = text.split(",")
    try:
        batches = tuple(dict.fromkeys(int(part) for part in parts if part != LARGEST)) or (1,)
    except ValueError:
        raise NamingError(f"--batch takes numbers with commas, as 1,8,32,largest, and not {text!r}") from None
    if min(batches) < 1:
        raise NamingError(f"--batch {text} asks for fewer than one image; begin with 1")
    return batches, LARGEST in parts


def parse_precisions(text: str) -> tuple[str, ...]:
    """`float32,bfloat16` as names."""
    from ...cost.throughput import PRECISIONS

    names = tuple(dict.fromkeys(text.split(",")))
    if strange := [name for name in names if name not in PRECISIONS]:
        raise NamingError(f"no number format is called {strange[0]!r}; choose from {', '.join(PRECISIONS)}")
    return names


def chosen(catalogue: Catalogue, names: Sequence[str]) -> tuple[str, ...]:
    """The backbones that were named, or those of a default run."""
    listed = (name for name, offer in catalogue.backbones.items() if offer.record.by_default)
    return expand(names, backbone_names(catalogue)) if names else tuple(listed)


def show(names: Sequence[str], options: Options, out: Path | None, as_json: bool) -> int:
    """Measure every backbone and print what it takes, row by row; 1 if none could be measured.

    Whoever stops it keeps what was measured: it is printed already, and in the file.
    """
    from ...cost.device_peaks import measure_peaks
    from ...cost.throughput import PRECISIONS
    from ...machine import provenance

    if out and (out.is_dir() or not writable(out.parent)):
        raise NamingError(f"--out {out} cannot be written; name a file in a folder that can be")
    catalogue, console = load_catalogue(), open_console(stderr=as_json)
    offers = [find_backbone(catalogue, name) for name in chosen(catalogue, names)]
    peaks = {name: measure_peaks(options.device, PRECISIONS[name]) for name in options.precisions}
    facts = provenance(options.device)
    found: dict[str, Throughput] = {}
    stopped = False

    def text(complete: bool) -> str:
        return as_json_text(found.values(), peaks, facts, complete)

    def keep(complete: bool) -> None:
        if out:
            write_atomic(out, text(complete).encode())

    _show_head(peaks, facts["hardware"], len(offers), options.seconds, console)
    try:
        for one in _measure_all(offers, options):
            _show_news(found.get(one.backbone), one, peaks, console)
            found[one.backbone] = one
            keep(complete=False)
        keep(complete=True)
    except KeyboardInterrupt:
        console.print(
            "stopped; what was measured until then is above" + (f", and in {escape(str(out))}" if out else "")
        )
        stopped = True
    if as_json:
        print(text(complete=not stopped))
    _show_end(list(found.values()), console)
    return 130 if stopped else int(not any(_measured(one) for one in found.values()))


def _measured(one: Throughput) -> bool:
    return one.error is None and any(timing.error is None for timing in one.timings)


def _measure_all(offers: Sequence[Offer[Backbone]], options: Options) -> Iterator[Throughput]:
    from ...cost.throughput import measure

    for offer in offers:
        yield from measure(offer.record, offer.provider, options)


def as_json_text(found: Iterable[Throughput], peaks: Peaks, facts: dict[str, Any], complete: bool) -> str:
    """Everything as one JSON object: the machine, every backbone with its stages, and whether it came to its end."""
    backbones = []
    for one in found:
        stages = [_stage(timing, peaks) for timing in one.timings]
        backbones.append({**asdict(one), "timings": stages})
    found_peaks = {name: asdict(peak) for name, peak in peaks.items()}
    return json.dumps({**facts, "complete": complete, "peaks": found_peaks, "backbones": backbones}, indent=1)


def _stage(timing: Timing, peaks: Peaks) -> dict[str, Any]:
    facts: dict[str, Any] = {"stage": timing.stage, "precision": timing.precision, "batch": timing.batch}
    facts["error"] = timing.error
    if timing.error is None:
        p95 = timing.latency(95)
        facts |= {"images per second": timing.images_per_second, "calls": len(timing.seconds)}
        facts |= {"p50": timing.latency(50), "p95": None if math.isnan(p95) else p95}
        facts |= {"flops": timing.flops, "share of peak": timing.share(peaks[timing.precision])}
        facts |= {"memory": timing.memory}
    return facts


def _show_head(peaks: Peaks, hardware: dict[str, Any], backbones: int, seconds: float, console: Console) -> None:
    what = f"{hardware['name']}, {hardware['device']}, {hardware['threads']} threads"
    products = ", ".join(f"{peak.flops / 1e9:.0f} GFLOP/s in {name}" for name, peak in peaks.items())
    copied = f"copy {next(iter(peaks.values())).bytes / 1e9:.1f} GB/s"
    console.print(
        f"[bold]{escape(what)}[/]; measured peaks: matrix product {products}, {copied}\n"
        f"{counted(backbones, 'backbone')}, {seconds:g} s each once loaded: "
        f"about {backbones * seconds / 60:.1f} minutes",
        soft_wrap=True,
    )
    console.print(_row(*COLUMNS, style="bold"))


def _show_news(before: Throughput | None, one: Throughput, peaks: Peaks, console: Console) -> None:
    """The rows that are new, or why there are none."""
    seen = 0 if before is None else len(before.timings)
    for number, timing in enumerate(one.timings[seen:], start=seen):
        name = "" if number else escape(one.backbone)
        figures = ["late" if timing.late else "fails"] if timing.error else _figures(timing, peaks[timing.precision])
        console.print(_row(name, timing.stage, SHORT[timing.precision], str(timing.batch), *figures))
        if timing.error:
            _complain(one, f"{timing.stage} of {timing.batch}: {timing.error}", console)
    if one.error:
        _complain(one, one.error, console)


def _show_end(found: Sequence[Throughput], console: Console) -> None:
    """What is said of a backbone once: its size, and the largest batch that pays."""
    console.print("parameters: " + ", ".join(f"{escape(o.backbone)} {_million(o.parameters)}" for o in found))
    if pays := [(o.backbone, SHORT[name], batch) for o in found for name, batch in o.largest.items()]:
        console.print("largest batch that pays: " + ", ".join(f"{escape(b)} {t} {n}" for b, t, n in pays))
    if free := [o.backbone for o in found if any(t.flops is None and not t.error for t in o.timings[-1:])]:
        console.print(f"torch counts no operations of {escape(', '.join(free))}, whose batches are not doubled")


def _complain(one: Throughput, error: str, console: Console) -> None:
    console.print(f"[yellow]{escape(one.backbone)}: {escape(error)}[/]", soft_wrap=True)


SHORT = {"float32": "f32", "bfloat16": "bf16"}
COLUMNS = {
    "backbone": 19,
    "stage": 6,
    "type": 4,
    "batch": 5,
    "images/s": 8,
    "p50 ms": 8,
    "p95 ms": 8,
    "peak %": 6,
    "MiB": 6,
}
"""Widths that take 80 columns together; they are fixed, since rows are printed as they are measured."""


def _row(*texts: str, style: str = "") -> Table:
    """One row of the table, in the widths of all."""
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for name, width in COLUMNS.items():
        table.add_column(
            width=width, justify="left" if name in ("backbone", "stage", "type") else "right", overflow="fold"
        )
    table.add_row(*texts, style=style)
    return table


def _figures(timing: Timing, peaks: DevicePeaks) -> list[str]:
    share, memory, p95 = timing.share(peaks), timing.memory, timing.latency(95)
    return [
        f"{timing.images_per_second:.1f}" if timing.images_per_second < 1e6 else f"{timing.images_per_second:.2g}",
        f"{1000 * timing.latency(50):.1f}",
        "-" if math.isnan(p95) else f"{1000 * p95:.1f}",
        "-" if share is None else f"{100 * share:.0f}",
        "-" if memory is None else f"{memory / 2**20:.0f}",
    ]


def _million(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.2f} M"
