"""The verb for those who bring their own: `new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import app


@app.command()
def new(
    noun: Annotated[str, typer.Argument(help="backbone, head or dataset.")],
    name: Annotated[str, typer.Argument(help="Its name on the leaderboard, as my-net.")],
    out: Annotated[Path, typer.Option(help="Folder to write the package into.")] = Path("."),
) -> None:
    """Write a package of your own that can be installed and passes its checks; then fill it in.

    Example:  partbench new backbone my-net && pip install ./partbench-my-net && partbench check my-net
    """
    from ...plugins.scaffold import Scaffold

    folder = Scaffold(noun, name).write(out)
    print(f"wrote {folder}; next: pip install {folder} && partbench check {name}")
