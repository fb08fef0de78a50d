"""The verb that says where published images are had, and lays them out: `fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, app


@app.command()
def fetch(
    dataset: Annotated[str, typer.Argument(help="A published set, as clothing; without one all are listed.")] = "",
    source: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--from", help="A folder, zip or tar that you downloaded; may be repeated."),
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="A new folder to lay it out in.")] = None,  # noqa: UP045
    download: Annotated[
        bool, typer.Option("--download", help="Download it first, where its content can be checked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say where published images are had and under which licence, or lay out what was downloaded.

    Nothing is written over, and what is not whole is not kept. At the end stands what --dataset takes.

    Example:  partbench fetch pascal-part --from trainval.tar.gz --from VOCtrainval_03-May-2010.tar --out pascal
    """
    from ..commands.fetch import run

    run(dataset, source or [], out, download, as_json)
