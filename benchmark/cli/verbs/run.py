"""The verbs that cross what is on the shelves: `run`, `plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ....backbones.trust import allow_code
from .app import Json, Names, Trust, app

DatasetName = Annotated[
    str, typer.Option(help="A dataset, as faces or folder:PATH[#GROUPING], folder:URL of a zip or tar.")
]
Backbones = Annotated[Names, typer.Option(help="A name, NAME@FILE (or URL), pattern; may be repeated. All by default.")]
Heads = Annotated[
    Names, typer.Option(help="A name or pattern; may be repeated. Linear and simpler ones by default; on a GPU all.")
]
Shots = Annotated[str, typer.Option(help="Numbers of annotated images, with commas.")]
Draws = Annotated[int, typer.Option(min=1, help="How often the shots are drawn.")]
Schedule = Annotated[str, typer.Option(help="quick, medium, or paper: 1,000 epochs as in section 4.2.")]
Features = Annotated[str, typer.Option(help="How maps are scaled: rms, none or standard.")]
Size = Annotated[str, typer.Option(help="Side of square masks, pixels; native or native:128 scores masks as they are.")]
Fit = Annotated[str, typer.Option(help="How pictures become square: pad, crop or stretch; for folder: pad by default.")]
Test = Annotated[int, typer.Option(min=1, help="Most test images.")]
Pool = Annotated[int, typer.Option(min=1, help="Most labelled images to draw shots from.")]
Split = Annotated[str, typer.Option(help="test, or validation to choose a protocol on.")]
Seed = Annotated[int, typer.Option(help="Seed of the draws and of the heads.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")]
Rehash = Annotated[bool, typer.Option("--rehash", help="Read files again that did not change since, as it seems.")]
Memory = Annotated[Optional[float], typer.Option(min=0, help="GiB to use; what is free by default.")]  # noqa: UP045
Out = Annotated[Path | None, typer.Option(help="Folder of the run, or s3://BUCKET/RUN; runs/DATASET by default.")]
Workers = Annotated[Optional[str], typer.Option(help="Processes here (one per GPU, if several), ray[:ADDRESS], slurm.")]  # noqa: UP045
Slurm = Annotated[Names, typer.Option(help="KEY=VALUE for the jobs of --workers slurm; may be repeated.")]
ArrayMost = Annotated[Optional[int], typer.Option(min=1, help="Tasks of a Slurm array; what the site takes.")]  # noqa: UP045
Shard = Annotated[Optional[str], typer.Option(help="K/N: the Kth of N parts that run anywhere into one --out.")]  # noqa: UP045
Forecast = Annotated[Optional[Path], typer.Option(help="What partbench plan --json wrote: longest first by it.")]  # noqa: UP045
Preset = Annotated[Optional[str], typer.Option(help="today, an experiment of the paper, as table-g, or your .toml.")]  # noqa: UP045
Scale = Annotated[str, typer.Option(help="Of a preset: embedded, minutes on a CPU, or paper.")]
Data = Annotated[Names, typer.Option(help="For a preset: PATH of its images, or NAME=PATH; may be repeated.")]
Weights = Annotated[Names, typer.Option(help="For a preset: a weights FILE, or NAME=FILE; may be repeated.")]
SHOTS, DRAWS, TEST = "1,5,10", 5, 32
"""Of a run that does not say."""


def with_today(backbones: list[str] | None, preset: str | None) -> tuple[list[str] | None, str | None]:
    """The backbones, and the preset of the paper; that of today is a choice of backbones and nothing else."""
    from ...plugins.today import TODAY
    from ..commands.today import CHOICE

    return ([CHOICE, *(backbones or ())], None) if preset == TODAY else (backbones, preset)


def forget_contents(rehash: bool) -> None:
    """Do what --rehash asks for."""
    from ...run.file_memory import forget

    if rehash:
        forget()


@app.command()
def run(
    context: typer.Context,
    dataset: DatasetName = "faces",
    backbone: Backbones = None,
    head: Heads = None,
    shots: Shots = SHOTS,
    draws: Draws = DRAWS,
    schedule: Schedule = "quick",
    features: Features = "rms",
    size: Size = "64",
    test: Test = TEST,
    pool: Pool = 48,
    split: Split = "test",
    seed: Seed = 0,
    fit: Fit = "",
    device: Device = "auto",
    memory: Memory = None,
    reporter: Annotated[Names, typer.Option(help="Tell this one, too, as page; may be repeated.")] = None,
    out: Out = None,
    preset: Preset = None,
    scale: Scale = "embedded",
    data: Data = None,
    weights: Weights = None,
    workers: Workers = None,
    shard: Shard = None,
    slurm: Slurm = None,
    array_most: ArrayMost = None,
    forecast: Forecast = None,
    rehash: Rehash = False,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Cross backbones, heads and shots on a dataset, and print the leaderboard.

    The same command resumes a run that was stopped, and adds to one that is there. With less memory fewer images are
    held and projected at once, to the same scores in more time.

    Every image and mask of the run is looked at first. Exit 0 if every cell has its score, 1 if some failed, 2 if none
    has one or something must be mended before.

    Example:  partbench run --dataset folder:my-cats --backbone stylegan2 --shots 1,5

    With --preset, an experiment of the paper, whose scores stand beside ours: partbench run --preset table-g

    Or the representations of today that are on this machine: partbench run --preset today --dataset folder:my-cats
    """
    from ..commands.division import parse_division
    from ..commands.plan_options import make_plan
    from ..commands.preset import choose
    from ..commands.preset import run as run_preset
    from ..commands.run import run as run_plan

    forget_contents(rehash)
    division = parse_division(workers, shard, slurm or (), array_most, forecast)
    allow_code(trust)
    backbone, preset = with_today(backbone, preset)
    choice = choose(context, preset, scale, data, weights)
    if choice:
        raise typer.Exit(run_preset(choice, device, out, as_json, tuple(reporter or ()), memory, division))
    names = tuple(backbone or ()), tuple(head or ())
    plan = make_plan(dataset, *names, shots, draws, schedule, features, size, pool, test, split, seed, fit)
    raise typer.Exit(run_plan(plan, device, out, as_json, tuple(reporter or ()), memory, division))


@app.command()
def plan(
    context: typer.Context,
    dataset: DatasetName = "faces",
    backbone: Backbones = None,
    head: Heads = None,
    shots: Shots = SHOTS,
    draws: Draws = DRAWS,
    schedule: Schedule = "quick",
    features: Features = "rms",
    size: Size = "64",
    test: Test = TEST,
    pool: Pool = 48,
    split: Split = "test",
    seed: Seed = 0,
    fit: Fit = "",
    device: Device = "auto",
    out: Out = None,
    like: Annotated[Optional[Path], typer.Option(help="A run whose chance this one is taken to have.")] = None,  # noqa: UP045
    memory: Memory = None,
    preset: Preset = None,
    scale: Scale = "embedded",
    data: Data = None,
    weights: Weights = None,
    workers: Annotated[Optional[int], typer.Option(min=1, help="Also forecast the time of so many.")] = None,  # noqa: UP045
    rehash: Rehash = False,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Say what a run would take and what it could show, before it is computed; exit 2 if it cannot fit.

    Every backbone describes a few images and every head takes a few steps on this machine. Codes that are kept and
    cells that have their score are free.

    Example:  partbench plan --dataset folder:my-cats --schedule paper --like runs/faces
    """
    from ..commands.plan import show as show_plan
    from ..commands.plan import show_preset
    from ..commands.plan_options import make_plan
    from ..commands.preset import choose

    forget_contents(rehash)
    allow_code(trust)
    backbone, preset = with_today(backbone, preset)
    choice = choose(context, preset, scale, data, weights)
    if choice:
        show_preset(choice, device, out, like, memory, as_json, workers)
        return
    names = tuple(backbone or ()), tuple(head or ())
    plan = make_plan(dataset, *names, shots, draws, schedule, features, size, pool, test, split, seed, fit)
    show_plan(plan, device, out, like, memory, as_json, workers)
