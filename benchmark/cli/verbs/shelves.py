"""The verbs that look at what is on the shelves: `list`, `check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ....backbones.trust import allow_code
from .app import Json, Trust, app


@app.command("list")
def list_(
    shelf: Annotated[
        str, typer.Argument(help="backbones, heads, datasets, reporters or presets; all by default.")
    ] = "all",
    family: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="A family of backbones, as timm: a choice of it, and their needs."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List what there is to cross, and which package offers it.

    Example:  partbench list backbones, or partbench list --family timm
    """
    from ..commands.list_records import show, show_family

    show(shelf, as_json) if family is None else show_family(family, shelf, as_json)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A backbone, head or dataset, or a pattern of backbones and heads.")],
    out: Annotated[Optional[Path], typer.Option(help="Also write the sign-off to this file; of one name.")] = None,  # noqa: UP045
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Hold a backbone, head or dataset to its contract, and sign off how it went: leaderboards show it.

    A failure that the record declares, with its reason, is shown and is no failure. Exit 1 if anything else fails.

    Example:  partbench check stylegan2, or partbench check 'timm:*'
    """
    from ..commands.check import show as show_check

    allow_code(trust)

    raise typer.Exit(show_check(name, out, as_json))
