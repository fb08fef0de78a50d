"""The verb for pictures of one's own: `segment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, app


@app.command()
def segment(
    model: Annotated[Path, typer.Argument(help="A segmenter, as a run of auto-shot leaves in RUN/segmenters.")],
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, folders or zips of them, and videos.")],
    out: Annotated[Path, typer.Option(help="Folder for masks, overlays and classes.json.")],
    side: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=8,
            help="Pixels of a picture's shorter side when it is read, or of its longer one where the segmenter is of a "
            "run with --fit pad; the training's by default.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    as_json: Json = False,
) -> None:
    """Find the parts in pictures and videos of any size: index masks and overlays; exit 1 if one cannot be read.

    A segmenter knows objects that fill about half to twice of the side that it learnt at. Where several stand beside
    each other, raise --side by as many times. What is there already is not made again. Videos need partbench[video].

    Example:  partbench segment runs/faces/segmenters/MODEL.safetensors party.jpg clip.mp4 --out parts --side 192
    """
    from ..commands.segment import run

    raise typer.Exit(run(model, inputs, out, side, device, as_json))
