"""The command line: `partbench list | run | leaderboard | pretrain | check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer
from typer.core import TyperGroup

EXAMPLES = """Ask every representation how much of an object's parts it already knows.

Example:  partbench run --backbone 'stylegan2*' --head linear --shots 1,10
"""


class _Stoppable(TyperGroup):
    """Tells who presses Ctrl-C that nothing is lost; typer by itself is silent."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on where it was", file=sys.stderr)
            sys.exit(130)


app = typer.Typer(
    cls=_Stoppable,
    help=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
Names = Optional[list[str]]  # noqa: UP045  typer reads this annotation at run time on Python 3.10 as well


@app.command("list")
def list_(
    shelf: Annotated[str, typer.Argument(help="backbones, heads or datasets; all of them by default.")] = "all",
    as_json: Json = False,
) -> None:
    """List what there is to cross, and which package offers it.

    Example:  partbench list backbones
    """
    from .commands import listing

    listing.show(shelf, as_json)


@app.command()
def run(
    dataset: Annotated[str, typer.Option(help="A dataset, as faces or folder:PATH[#GROUPING].")] = "faces",
    backbone: Annotated[Names, typer.Option(help="A name or pattern; may be repeated. All by default.")] = None,
    head: Annotated[Names, typer.Option(help="A name or pattern; may be repeated. The paper's six by default.")] = None,
    shots: Annotated[str, typer.Option(help="Numbers of annotated images, with commas.")] = "1,5,10",
    draws: Annotated[int, typer.Option(min=1, help="How often the shots are drawn.")] = 3,
    schedule: Annotated[str, typer.Option(help="quick, or paper: 1,000 epochs as in section 4.2.")] = "quick",
    scale: Annotated[str, typer.Option(help="How maps are scaled: rms, none or standard.")] = "rms",
    size: Annotated[int, typer.Option(min=8, help="Side of the masks that are scored, pixels.")] = 64,
    test: Annotated[int, typer.Option(min=1, help="Most test images.")] = 16,
    pool: Annotated[int, typer.Option(min=1, help="Most labelled images to draw shots from.")] = 48,
    split: Annotated[str, typer.Option(help="test, or validation to choose a protocol on.")] = "test",
    seed: Annotated[int, typer.Option(help="Seed of the draws and of the heads.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    out: Annotated[Optional[Path], typer.Option(help="Folder of the run; runs/DATASET by default.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Cross backbones, heads and shots on a dataset, and print the leaderboard.

    The same command resumes a run that was stopped, and adds to one that is there.

    Example:  partbench run --dataset folder:my-cats --backbone stylegan2 --shots 1,5
    """
    from .commands import running
    from .plan import Plan

    plan = Plan(
        dataset=dataset,
        backbones=tuple(backbone or ()),
        heads=tuple(head or ()),
        shots=running.parse_shots(shots),
        draws=draws,
        schedule=schedule,
        scale=scale,
        size=size,
        pool=pool,
        test=test,
        split=split,
        seed=seed,
    )
    running.run(plan, device, out, as_json)


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders that partbench run wrote.")],
    metric: Annotated[str, typer.Option(help="paper_weighted, mean or small_parts; all three by default.")] = "",
    per_class: Annotated[bool, typer.Option("--per-class", help="IoU of every class instead.")] = False,
    kind: Annotated[str, typer.Option("--format", help="table, csv, md or json.")] = "table",
) -> None:
    """Print the leaderboard of one run or several; nothing is run again.

    Example:  partbench leaderboard runs/faces --metric mean --format md
    """
    from .commands import ranking

    ranking.show(runs, metric, per_class, kind)


@app.command()
def pretrain(
    backbone: Annotated[str, typer.Argument(help="What to train, as stylegan2.")],
    images: Annotated[str, typer.Option(help="A folder or zip of pictures, or a dataset with an unlabelled split.")],
    out: Annotated[Path, typer.Option(help="The weights file to write, NAME.safetensors.")],
    size: Annotated[int, typer.Option(help="Side of the images, pixels.")] = 64,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so many minutes of training.")] = float("inf"),
    kimg: Annotated[float, typer.Option(min=0, help="Stop after so many thousand images.")] = float("inf"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint beside OUT.")] = False,
    limit: Annotated[Optional[int], typer.Option(help="Use only the first so many images.")] = None,  # noqa: UP045
    mirror: Annotated[bool, typer.Option("--mirror", help="Show every image mirrored, too.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the weights and of the order of images.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    keep: Annotated[str, typer.Option(help="Keep a checkpoint at these thousands of images, with commas.")] = "",
) -> None:
    """Train a backbone on unlabelled images; a kill loses at most three minutes.

    Example:  partbench pretrain stylegan2 --images photos.zip --out photos.safetensors --minutes 120
    """
    from .commands import pretraining

    budget = pretraining.Budget(seconds=minutes * 60, images=kimg * 1000)
    pretraining.run(backbone, images, out, size, budget, resume, limit, mirror, seed, device, keep)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A backbone, head or dataset, or a pattern of backbones and heads.")],
    as_json: Json = False,
) -> None:
    """Hold a backbone, head or dataset to its contract.

    Example:  partbench check stylegan2, or partbench check 'timm:*'
    """
    from .commands import checking

    raise typer.Exit(checking.show(name, as_json))


def main() -> None:
    """Run the command line; what a user can mend is one sentence and exit code 2, without a traceback."""
    try:
        app()
    except ValueError as error:
        if not type(error).__module__.startswith("partbench."):
            raise
        _stop(str(error))
    except OSError as error:  # a disk that is full, a folder that is another's
        if not error.filename:
            raise
        _stop(f"{error.strerror}: {error.filename}; see to it and run the same command again")


def _stop(sentence: str) -> NoReturn:
    print(f"partbench: {sentence}", file=sys.stderr)
    sys.exit(2)
