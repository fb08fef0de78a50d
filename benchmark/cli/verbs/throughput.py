"""The verb that measures speed: `throughput`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ....backbones.trust import allow_code
from .app import Json, Names, Trust, app


@app.command()
def throughput(
    names: Annotated[Names, typer.Argument(help="Backbones or patterns; those of a default run by default.")] = None,
    batch: Annotated[
        str, typer.Option(help="Images that go through together, with commas; largest: as many as pay.")
    ] = "1,32,largest",
    seconds: Annotated[
        float, typer.Option(min=0, help="Spent on each backbone once it is loaded: two to three minutes on our eight.")
    ] = 20.0,
    precision: Annotated[str, typer.Option(help="Number formats, with commas.")] = "float32,bfloat16",
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Images with their channels last.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compiled by torch.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    out: Annotated[Optional[Path], typer.Option(help="Also write what was measured to this JSON file.")] = None,  # noqa: UP045
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Measure how fast backbones describe images: every stage, projection included.

    Example:  partbench throughput stylegan2 'pix2pix-*' --seconds 60 --out speed.json
    """
    from ...cost.throughput import Options
    from ..commands.plan_options import find_device
    from ..commands.throughput import parse_batches, parse_precisions
    from ..commands.throughput import show as show_throughput

    allow_code(trust)
    batches, largest = parse_batches(batch)
    formats = parse_precisions(precision)
    options = Options(find_device(device), batches, largest, formats, seconds, channels_last, compiled)
    raise typer.Exit(show_throughput(tuple(names or ()), options, out, as_json))
