"""The verb that says what a machine needs, and brings it there: `bring`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ....backbones.trust import allow_code
from .app import Json, Trust, app
from .run import Backbones


@app.command()
def bring(
    dataset: Annotated[Optional[str], typer.Option(help="A dataset, as run takes it; faces by default.")] = None,  # noqa: UP045
    backbone: Backbones = None,
    plan: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="In place of both: what partbench plan --json wrote, or the plan.json of a run."),
    ] = None,
    to: Annotated[Optional[Path], typer.Option(help="Copy all of it into this folder.")] = None,  # noqa: UP045
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", help="Put what such a folder has into the cache of this machine."),
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Say which weights and images a run reads, whether they are here, and bring them to a machine without a network.

    What is copied is known by its SHA-256, which is checked on arrival. After --from the same words mean the same
    there: a path, a URL, a name of the hub. Exit 1 if something is not here.

    Example:  partbench bring --backbone vae@mine.safetensors --dataset folder:my-cats --to /media/stick

    And there:  partbench bring --from /media/stick
    """
    from ..commands.bring import run

    allow_code(trust)
    raise typer.Exit(run(dataset, tuple(backbone or ()), plan, to, source, as_json))
