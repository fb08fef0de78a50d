"""The verbs that read the scores of runs, and run nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import Json, Names, app


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders or URLs of runs, or boards, as BOARD#dataset=faces.")],
    metric: Annotated[str, typer.Option(help="Definitions, with commas, as mean,image_mean-bg.")] = "",
    per_class: Annotated[bool, typer.Option("--per-class", help="IoU of every class instead.")] = False,
    cost: Annotated[Optional[Path], typer.Option(help="Scores beside this file of partbench throughput.")] = None,  # noqa: UP045
    labels: Annotated[
        bool, typer.Option("--labels", help="How many labels the control supervised needs for each score instead.")
    ] = False,
    flags: Annotated[bool, typer.Option("--flags", help="What the guards found instead, with the evidence.")] = False,
    checks: Annotated[bool, typer.Option("--checks", help="Who keeps their contract instead, and as of when.")] = False,
    kind: Annotated[str, typer.Option("--format", help="table, csv, md or json.")] = "table",
) -> None:
    """Print the leaderboard of one run or several; nothing is run again.

    What cannot be told apart shares a rank. Several metrics show how ranks move between definitions. The folder of a
    preset gives the paper's table; with any option but --format, the leaderboards of its runs.

    Example:  partbench leaderboard runs/faces --metric mean,image_mean --format md
    """
    from ...paper.preset_folder import runs_behind
    from ..commands.checks import show as show_checks
    from ..commands.flags import show as show_flags
    from ..commands.labels import show as show_labels
    from ..commands.leaderboard import parse_metrics, show_costs
    from ..commands.leaderboard import show as show_leaderboard
    from ..commands.read_runs import run_here

    runs = [run_here(run) for run in runs]
    if flags or labels or checks or cost or metric or per_class:
        runs = runs_behind(runs)
    if flags:
        show_flags(runs, kind)
    elif labels:
        show_labels(runs, parse_metrics(metric)[0], kind)
    elif checks:
        show_checks(runs, kind)
    elif cost:
        show_costs(runs, metric, cost, kind)
    else:
        show_leaderboard(runs, metric, per_class, kind)


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="A folder or URL of a run, or two; or of a board, as BOARD#shots=10.")
    ],
    between: Annotated[Optional[tuple[str, str]], typer.Option(help="Two backbones of one run.")] = None,  # noqa: UP045
    metric: Annotated[str, typer.Option(help="Definition of the score.")] = "mean",
    head: Annotated[Names, typer.Option(help="This head alone; may be given often.")] = None,
    shots: Annotated[Optional[str], typer.Option(help="These numbers alone, as 1,5.")] = None,  # noqa: UP045
    over: Annotated[Optional[str], typer.Option(help="Average over heads, shots or heads,shots.")] = None,  # noqa: UP045
    level: Annotated[float, typer.Option(help="Of the intervals, and how sure all findings together are.")] = 0.95,
    as_json: Json = False,
) -> None:
    """Compare two runs, two backbones of one, or all of them in pairs: on the same draws of shots and test images.

    Example:  partbench compare runs/faces --between stylegan2 vae --shots 1,10
    """
    from ..commands.compare import show as show_compare
    from ..commands.compare_options import ComparisonOptions, parse_over
    from ..commands.plan_options import parse_shots
    from ..commands.read_runs import run_here

    counts = parse_shots(shots) if shots else ()
    question = ComparisonOptions(metric, tuple(head or ()), counts, parse_over(over), level, as_json)
    show_compare([run_here(run) for run in runs], between, question)


@app.command()
def lottery(
    run: Annotated[Path, typer.Argument(help="A folder or URL that partbench run wrote.")],
    shots: Annotated[int, typer.Option(help="With so many annotated images.")] = 1,
    metric: Annotated[str, typer.Option(help="Definition of the score.")] = "mean",
    out: Annotated[Optional[Path], typer.Option(help="Folder for a picture of the best and the worst shots.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Say how much of a few-shot score is the choice of the shots, and how many draws a stable ranking needs.

    Example:  partbench lottery runs/faces --out lottery
    """
    from ..commands.lottery import show as show_lottery
    from ..commands.read_runs import run_here

    show_lottery(run_here(run), shots, metric, out, as_json)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A folder or URL of a run, or of a board, as BOARD#dataset=faces.")],
    out: Annotated[Path, typer.Option(help="Folder to write the page, its figures and its tables into.")],
    metric: Annotated[str, typer.Option(help="Definitions to draw, with commas; the page offers all of them.")] = "",
    as_json: Json = False,
) -> None:
    """Write one page that needs no network, with its figures and tables; nothing is run again.

    Example:  partbench report runs/faces --out report
    """
    from ..commands.read_runs import run_here
    from ..commands.report import show as show_report

    show_report(run_here(run), out, metric, as_json)


@app.command()
def baseline(
    run: Annotated[Path, typer.Argument(help="A folder or URL of a run, or of a board, as BOARD#dataset=faces.")],
    out: Annotated[Path, typer.Option(help="File to write, small enough to commit.")],
    metric: Annotated[str, typer.Option(help="Definitions to keep, with commas.")] = "paper_weighted,mean",
) -> None:
    """Write the scores of a run into a small file, for `partbench gate`.

    Example:  partbench baseline runs/faces --out scores.json
    """
    from ..commands.gate import write_baseline
    from ..commands.read_runs import run_here

    write_baseline(run_here(run), out, metric)


@app.command()
def gate(
    run: Annotated[Path, typer.Argument(help="A folder or URL of a run, or of a board, as BOARD#dataset=faces.")],
    baseline: Annotated[Path, typer.Option(help="A file of partbench baseline.")],
    tolerance: Annotated[float, typer.Option(help="Points that a score may lose without being stopped.")] = 0.5,
    level: Annotated[float, typer.Option(help="How sure; 0.95 stops one run in twenty where nothing fell.")] = 0.95,
    over: Annotated[Optional[str], typer.Option(help="heads: hold the mean over heads, which sees more.")] = None,  # noqa: UP045
    junit: Annotated[Optional[Path], typer.Option(help="JUnit XML file to write.")] = None,  # noqa: UP045
    summary: Annotated[Optional[Path], typer.Option(help="Markdown file to add a section to.")] = None,  # noqa: UP045
    everything: Annotated[bool, typer.Option("--all", help="All rows of the table.")] = False,
    as_json: Json = False,
) -> None:
    """Hold a run against a baseline: exit 1 if a score fell by more than chance and tolerance, or is missing.

    Exit 2 is a mistake in the command or its files, exit 3 what broke on the way; neither says anything of scores.

    Example:  partbench gate runs/faces --baseline scores.json --summary "$GITHUB_STEP_SUMMARY"
    """
    from ..commands.gate import GateOutput, check_against_baseline
    from ..commands.read_runs import run_here

    output = GateOutput(junit, summary, everything, as_json)
    raise typer.Exit(check_against_baseline(run_here(run), baseline, tolerance, level, over, output))
