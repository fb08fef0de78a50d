"""The verbs that look at the shelves and cross what is on them: `list`, `check`, `run`, `throughput`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, Names, app


@app.command("list")
def list_(
    shelf: Annotated[str, typer.Argument(help="backbones, heads or datasets; all of them by default.")] = "all",
    as_json: Json = False,
) -> None:
    """List what there is to cross, and which package offers it.

    Example:  partbench list backbones
    """
    from ..commands import listing

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
    from ..commands import running
    from ..plan import Plan

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
def check(
    name: Annotated[str, typer.Argument(help="A backbone, head or dataset, or a pattern of backbones and heads.")],
    as_json: Json = False,
) -> None:
    """Hold a backbone, head or dataset to its contract.

    Example:  partbench check stylegan2, or partbench check 'timm:*'
    """
    from ..commands import checking

    raise typer.Exit(checking.show(name, as_json))


@app.command()
def throughput(
    names: Annotated[Names, typer.Argument(help="Backbones or patterns; those of a default run by default.")] = None,
    batch: Annotated[str, typer.Option(help="Images that go through together, with commas.")] = "1,8",
    seconds: Annotated[float, typer.Option(min=0, help="Timed per stage and batch.")] = 2.0,
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Images with their channels last.")] = False,
    bf16: Annotated[bool, typer.Option("--bf16", help="In bfloat16.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compiled by torch.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    out: Annotated[Optional[Path], typer.Option(help="Also write what was measured to this JSON file.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Measure how fast backbones describe images: every stage, projection included.

    Example:  partbench throughput stylegan2 'pix2pix-*' --batch 1,8,32 --out speed.json
    """
    from ..commands import timing
    from ..commands.running import find_device
    from ..throughput import Options

    batches = timing.parse_batches(batch)
    options = Options(find_device(device), batches, seconds, channels_last, bf16, compiled)
    raise typer.Exit(timing.show(tuple(names or ()), options, out, as_json))
