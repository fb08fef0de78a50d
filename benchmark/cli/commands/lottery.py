"""`partbench lottery`: how much the scores of a run vary with the draw of shots."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isinf, isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ...metrics.lottery import Lottery, LotteryError, compute_lottery
from ...plan import Plan
from ...results import CellResult
from ...run_folder import RunFolder
from ...scores.comparability import check_comparable
from ...scores.comparison_tables import number
from ...scores.leaderboard import by_backbone, trusted_estimates
from ...scores.lottery_tables import as_luck_table, as_pair_table, sentences, title
from ...shots import ShotDraws
from ...stored_run import shown
from ..terminal import open_console
from .read_runs import read_run, warn_failures, warn_unconverged

SHEET = "{shots}-shot-{metric}.png"
"""Name of the picture."""


def show(run: Path, shots: int, metric: str, out: Path | None, as_json: bool) -> None:
    """Print what the scores of one number of shots owe to luck, and paint the shots."""
    plan, results = read_run(run)
    warn_failures(results)
    warn_unconverged(results)
    chosen = _chosen(results, shots, run)
    check_comparable({shown(run): chosen})
    scores = by_backbone(trusted_estimates(chosen, metric), shots)
    found = compute_lottery(scores)
    for name in scores.keys() - found.lucks.keys():
        print(f"set aside: {name}, without a number or with a single draw that all its heads have", file=sys.stderr)
    names = shot_names(run, chosen, shots)
    picture = _paint(run, out, found, names, metric, shots) if out else None
    if as_json:
        print(json.dumps(_record(found, names, plan, metric, shots, picture), indent=1))
        return
    console = open_console()
    console.print(f"[bold]{escape(title(plan.dataset, metric, shots))}[/]; {_over(found)}", soft_wrap=True)
    _print_luck(found, names, console)
    if picture:
        console.print(f"picture: {escape(str(picture))}", soft_wrap=True)


def _chosen(results: Sequence[CellResult], shots: int, run: Path) -> list[CellResult]:
    chosen = [result for result in results if not result.error and result.cell.shots == shots]
    if not chosen:
        counts = ", ".join(map(str, sorted({result.cell.shots for result in results if not result.error})))
        raise LotteryError(f"{shown(run)} has no scores of --shots {shots}; choose {counts}")
    return chosen


def shot_names(run: Path, results: Sequence[CellResult], shots: int) -> Mapping[int, tuple[str, ...]]:
    """The shots of every draw by name, as far as these cells saw what plan.json names."""
    shots_by_draw, found = RunFolder(run).read_shots(), dict[int, tuple[str, ...]]()
    for draw, seen in {result.cell.draw: result.provenance.get("shots") for result in results}.items():
        if draw >= len(shots_by_draw) or len(shots_by_draw[draw]) < shots:
            continue
        names = shots_by_draw[draw][:shots]
        if seen in (None, ShotDraws((), (names,)).hash):
            found[draw] = names
        else:
            print(f"set aside: plan.json names other shots of draw {draw} than were seen", file=sys.stderr)
    return found


def _over(found: Lottery) -> str:
    return f"{len(found.draws)} draws x {found.images} images, mean over heads"


def _print_luck(found: Lottery, names: Mapping[int, Sequence[str]], console: Console) -> None:
    console.print(as_luck_table(found, names))
    console.print("share: how much of the variance of a draw's score is the choice of the shots;")
    console.print("deviation: by how many points that choice moves it, whatever the test images")
    if found.neighbours:
        console.print(as_pair_table(found))
        console.print("needed: draws until the 95 % interval of a difference leaves out zero,")
        console.print("each pair alone, on these test images, the difference being the true one\n")
    for sentence in sentences(found, names):
        console.print(escape(sentence))


def _paint(
    run: Path, out: Path, found: Lottery, names: Mapping[int, Sequence[str]], metric: str, shots: int
) -> Path | None:
    """Paint the best and the worst shots; None, and why on stderr, if the run kept no picture of them."""
    from ...gallery import read_shots, shot_sheet
    from ...pictures import save_png

    kept = read_shots(run)
    named = {draw: score for draw, score in found.scores.items() if draw in names}
    sheet = shot_sheet(kept, names, named) if kept and named else None
    if sheet is None:
        print(f"{shown(run)} kept no pictures of its shots; the same partbench run again keeps them", file=sys.stderr)
        return None
    path = out / SHEET.format(shots=shots, metric=metric)
    save_png(path, sheet)
    return path


def _record(
    found: Lottery, names: Mapping[int, Sequence[str]], plan: Plan, metric: str, shots: int, picture: Path | None
) -> dict[str, Any]:
    """Everything as one object; null where there is no number."""
    return {
        "dataset": plan.dataset,
        "metric": metric,
        "shots": shots,
        "images": found.images,
        "draws": [
            {"draw": draw, "score": number(score), "shots": names.get(draw)} for draw, score in found.scores.items()
        ],
        "backbones": [{"backbone": name} | _numbers(asdict(luck)) for name, luck in found.lucks.items()],
        "overall": _numbers(asdict(found.overall)),
        "agreement": _numbers(asdict(found.agreement)),
        "neighbours": [_numbers(asdict(pair)) for pair in found.neighbours],
        "growth": {str(half): number(rho) for half, rho in found.growth.items()},
        "picture": None if picture is None else str(picture),
    }


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): _number(value) for name, value in record.items()}


def _number(value: Any) -> Any:
    """A number that JSON knows; "never" is what an infinite number of draws means."""
    if isinstance(value, float) and not isnan(value):
        return "never" if isinf(value) else number(value)
    return None if isinstance(value, float) else value
