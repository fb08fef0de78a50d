"""The verbs of the open board: `submit`, and those under `board`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, Names, app

board = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Keep a board of results that others add to.

    Example:  partbench board check .
    """,
)
app.add_typer(board, name="board")


@app.command()
def submit(
    run: Annotated[Path, typer.Argument(help="A folder or URL that partbench run wrote.")],
    to: Annotated[Path, typer.Option(help="Your copy of the board.")],
    by: Annotated[str, typer.Option(help="Your name on the board, as on GitHub.")],
    backbone: Annotated[Names, typer.Option(help="These alone, names or patterns; may be given often.")] = None,
    dataset_name: Annotated[str, typer.Option(help="What the board shall call a dataset of yours.")] = "",
    name: Annotated[Names, typer.Option(help="What it shall call a backbone, as OLD=NEW; often.")] = None,
    licence: Annotated[Names, typer.Option(help="Of weights, as BACKBONE=MIT, or of all others MIT.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and its bytes.")] = False,
    as_json: Json = False,
) -> None:
    """Write the scores of a run onto a board, with the confusions by which everybody can check them; no picture goes.

    A submission per backbone: cells, provenance, checks, a card. Nothing that is there is touched. Failed cells stay
    at home, and every head needs all of its draws.

    Example:  partbench submit runs/faces --to my-board --by alice --dry-run
    """
    from ..commands.read_runs import run_here
    from ..commands.submit import submit as write_submissions

    write_submissions(
        run_here(run), to, by, backbone or (), (dataset_name, name or (), licence or ()), dry_run, as_json
    )


@board.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A board.")],
    against: Annotated[Optional[Path], typer.Option(help="The main board: only what it lacks is checked.")] = None,  # noqa: UP045
    summary: Annotated[Optional[Path], typer.Option(help="Markdown file to add comparisons to.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Check a board from its files alone: exit 1 if anything is refused, each fault a sentence.

    Every printed score is computed again from its confusions; images, shots and true pixels are held against those
    that are known. With --against nothing that is there may change, and what is new is compared with its neighbours.

    Example:  partbench board check pull-request --against main --summary "$GITHUB_STEP_SUMMARY"
    """
    from ..commands.board_check import check as check_folder

    raise typer.Exit(check_folder(folder, against, summary, as_json))


@board.command()
def rerun(
    submission: Annotated[Path, typer.Argument(help="The folder of a submission.")],
    backbone: Annotated[
        str, typer.Option("--as", help="What its backbone is called here, as vae@mine.safetensors.")
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    tolerance: Annotated[float, typer.Option(help="Points by which a score may move.")] = 0.5,
    as_json: Json = False,
) -> None:
    """Take the smallest cell of a submission on drawn images again, and mark it as reproduced: exit 1 if it is not.

    Images, shots, weights and seed must be the same to the letter; no score may move by more than the tolerance.

    Example:  partbench board rerun submissions/5-0123456789abcdef/faces@0123456789abcdef/pixels@none/alice-2026-11-27
    """
    from ..commands.board_rerun import rerun as rerun_cell

    raise typer.Exit(rerun_cell(submission, backbone, device, tolerance, as_json))


@board.command()
def site(
    folder: Annotated[Path, typer.Argument(help="A board, or a part of it, as BOARD#dataset=faces.")],
    out: Annotated[Path, typer.Option(help="Folder of the pages; an earlier site there is replaced.")] = Path("site"),
    as_json: Json = False,
) -> None:
    """Write the pages of a board: tables, a page for each backbone, one that compares two; they need no network.

    Scores, intervals and ranks are computed from the confusions of the submissions. board.json and board.parquet hold
    everything.

    Example:  partbench board site . --out site
    """
    from ..commands.board_site import site as write_site

    write_site(folder, out, as_json)


@board.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to write, not there yet or empty.")],
) -> None:
    """Write a new board: a repository whose pull requests are checked, and whose pages are published.

    Example:  partbench board new my-board && cd my-board && git init
    """
    from ...board.board_template import write_board

    print(
        f"wrote {len(write_board(folder))} files into {folder}; next: put your name into .github/CODEOWNERS, and commit"
    )
