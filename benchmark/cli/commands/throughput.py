"""`partbench throughput`: measures the speed of feature extraction on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ...files import write_atomic
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.names import NamingError, backbone_names, expand, find_backbone
from ..terminal import open_console

if TYPE_CHECKING:
    from ...cost.device_peaks import DevicePeaks
    from ...cost.throughput import Options, Throughput, Timing


def parse_batches(text: str) -> tuple[int, ...]:
    """`1,8` as numbers."""
    try:
        batches = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise NamingError(f"--batch takes numbers with commas, as 1,8,32, and not {text!r}") from None
    if min(batches) < 1:
        raise NamingError(f"--batch {text} asks for fewer than one image; begin with 1")
    return batches


def chosen(catalogue: Catalogue, names: Sequence[str]) -> tuple[str, ...]:
    """The backbones that were named, or those of a default run."""
    listed = (name for name, offer in catalogue.backbones.items() if offer.record.by_default)
    return expand(names, backbone_names(catalogue)) if names else tuple(listed)


def show(names: Sequence[str], options: Options, out: Path | None, as_json: bool) -> int:
    """Measure every backbone and print what it takes; 1 if none could be measured."""
    import torch

    from ...cost.device_peaks import measure_peaks
    from ...cost.throughput import measure
    from ...machine import provenance

    catalogue, console = load_catalogue(), open_console(stderr=as_json)
    offers = [find_backbone(catalogue, name) for name in chosen(catalogue, names)]
    peaks = measure_peaks(options.device, torch.bfloat16 if options.bf16 else torch.float32)
    found: list[Throughput] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        for offer in bars.track(offers, description="measuring"):
            found.append(measure(offer.record, offer.provider, options))
    record = as_record(found, peaks, provenance(options.device))
    if out:
        write_atomic(out, json.dumps(record, indent=1).encode())
    if as_json:
        print(json.dumps(record, indent=1))
    else:
        _show(found, peaks, record["hardware"], console)
    return int(all(one.error for one in found))


def as_record(found: Sequence[Throughput], peaks: DevicePeaks, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything as one JSON object: the machine, then every backbone with its stages."""
    backbones = []
    for one in found:
        stages = [_stage(timing, peaks) for timing in one.timings]
        backbones.append({**asdict(one), "timings": stages})
    return {**facts, "peaks": asdict(peaks), "backbones": backbones}


def _stage(timing: Timing, peaks: DevicePeaks) -> dict[str, Any]:
    facts: dict[str, Any] = {"stage": timing.stage, "batch": timing.batch, "error": timing.error}
    if timing.error is None:
        facts |= {"images per second": timing.images_per_second, "calls": len(timing.seconds)}
        facts |= {"p50": timing.latency(50), "p95": timing.latency(95)}
        facts |= {"flops": timing.flops, "share of peak": timing.share(peaks), "memory": timing.memory}
    return facts


def _show(found: Sequence[Throughput], peaks: DevicePeaks, hardware: dict[str, Any], console: Console) -> None:
    """One line per backbone, stage and batch, in 80 columns."""
    what = f"{hardware['name']}, {hardware['device']}, {hardware['threads']} threads"
    measured = f"matrix product {peaks.flops / 1e9:.0f} GFLOP/s, copy {peaks.bytes / 1e9:.1f} GB/s"
    console.print(f"[bold]{escape(what)}[/]; measured peaks: {measured}", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("backbone", overflow="fold")
    for name in ("stage", "batch", "images/s", "p50 ms", "p95 ms", "GFLOP", "peak %", "MiB"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for one in found:
        for i, timing in enumerate(one.timings):
            name = escape(one.backbone) if i == 0 else ""
            if timing.error is None:
                table.add_row(name, *_figures(timing, peaks), end_section=i == len(one.timings) - 1)
            else:
                table.add_row(name, timing.stage, str(timing.batch), "fails", end_section=i == len(one.timings) - 1)
    console.print(table)
    for one in found:
        for error in [one.error, *(f"{t.stage} of {t.batch}: {t.error}" for t in one.timings if t.error)]:
            if error:
                console.print(f"[yellow]{escape(one.backbone)}: {escape(error)}[/]", soft_wrap=True)
    console.print("parameters: " + ", ".join(f"{escape(o.backbone)} {_million(o.parameters)}" for o in found))


def _figures(timing: Timing, peaks: DevicePeaks) -> list[str]:
    share, memory = timing.share(peaks), timing.memory
    return [
        timing.stage,
        str(timing.batch),
        f"{timing.images_per_second:.1f}",
        f"{1000 * timing.latency(50):.1f}",
        f"{1000 * timing.latency(95):.1f}",
        "-" if timing.flops is None else f"{timing.flops / 1e9:.2f}",
        "-" if share is None else f"{100 * share:.0f}",
        "-" if memory is None else f"{memory / 2**20:.0f}",
    ]


def _million(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.2f} M"
