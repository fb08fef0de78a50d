"""`partbench run`: from names to a leaderboard."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ..leaderboard import frame, ranked, summarise
from ..naming import backbone_names, expand, find_backbone, find_dataset, find_head
from ..iou import METRICS
from ..plan import COPY, Plan
from ..plugins import Catalogue, load_catalogue
from ..results import ResultError, RunFolder
from ..tables import as_text
from .ranking import show_tables

SIX = ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")
"""The heads of Table 7."""


class PlanError(ValueError):
    """A plan that cannot be carried out, in one sentence: the fact, the culprit, the mend."""


def parse_shots(text: str) -> tuple[int, ...]:
    """`1,5,10` as numbers."""
    try:
        shots = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise PlanError(f"--shots takes numbers with commas, as 1,5,10, and not {text!r}") from None
    if min(shots) < 1:
        raise PlanError(f"--shots {text} asks for fewer than one image; begin with 1")
    return shots


def resolve(plan: Plan, catalogue: Catalogue) -> Plan:
    """The plan with its patterns replaced by names, and the defaults where it names nothing."""
    names = (*backbone_names(catalogue), COPY)
    default = (*catalogue.backbones, COPY, *(n for n in names if n == "random:stylegan2"))
    backbones = expand(plan.backbones, names) if plan.backbones else default
    heads = expand(plan.heads, catalogue.heads, "head") if plan.heads else SIX
    return replace(plan, backbones=tuple(backbones), heads=tuple(heads))


def folder_for(plan: Plan, out: Path | None) -> RunFolder:
    """The folder of a run; one that is there must hold the same protocol."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plan.dataset).strip("-.")
    folder = RunFolder(out or Path("runs") / name)
    if folder.plan_file.exists():
        known = folder.read_plan()
        if known.hash != plan.hash:
            raise PlanError(f"{folder.path} holds a run with another protocol ({_difference(known, plan)}); choose another --out")
    return folder


def _difference(known: Plan, plan: Plan) -> str:
    fields = ("dataset", "schedule", "scale", "size", "pool", "test", "split", "seed")
    changed = [f"{f} {getattr(known, f)}, not {getattr(plan, f)}" for f in fields if getattr(known, f) != getattr(plan, f)]
    return "; ".join(changed) or "an older version of partbench"


def cache_folder() -> Path:
    """Where codes are kept: $PARTBENCH_CACHE, else below the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PARTBENCH_CACHE") or Path(base) / "partbench") / "codes"


def run(plan: Plan, device: str, out: Path | None, as_json: bool) -> None:
    """Carry out a plan and print its leaderboard."""
    from ..features import SCALES
    from ..fit import SCHEDULES

    catalogue = load_catalogue()
    plan = resolve(plan, catalogue)
    for kind, chosen, known in (("schedule", plan.schedule, SCHEDULES), ("scale", plan.scale, SCALES)):
        if chosen not in known:
            raise PlanError(f"there is no {kind} {chosen!r}; choose {', '.join(known)}")
    folder = folder_for(plan, out)
    console = Console(stderr=as_json)
    for problem in catalogue.problems:
        console.print(f"[yellow]{escape(problem)}[/]")
    _carry_out(plan, catalogue, folder, device, console)
    _show(plan, folder, console, as_json)


def _carry_out(plan: Plan, catalogue: Catalogue, folder: RunFolder, device: str, console: Console) -> None:
    from ..provenance import describe, pick_device
    from ..runner import Runner
    from ..task import Task
    from ..terminal import TerminalReporter

    backbones = {name: find_backbone(catalogue, name) for name in plan.backbones if name != COPY}
    heads = {name: find_head(catalogue, name) for name in plan.heads}
    chosen = pick_device(device)
    cells = sum(1 for _ in plan.cells())
    console.print(
        f"{escape(plan.dataset)}: {len(plan.backbones)} backbones x {len(heads)} heads x {plan.shots} shots "
        f"x {plan.draws} draws = {cells} cells, on {chosen}, into {escape(str(folder.path))}"
    )
    task = Task.open(find_dataset(catalogue, plan.dataset).record, plan)
    reporter = TerminalReporter(console, len(plan.backbones))
    Runner(plan, task, backbones, heads, folder, chosen, cache_folder(), describe(chosen), reporter).run()


def _show(plan: Plan, folder: RunFolder, console: Console, as_json: bool) -> None:
    from ..pictures import compare_predictions

    results = [r for r in folder.results() if r.cell in set(plan.cells())]
    table = frame(results)
    if table.empty:
        raise ResultError(f"no cell of {folder.path} could be scored; the reasons stand above")
    summary = summarise(table, list(METRICS))
    if as_json:
        print(as_text(summary, "json"))
        return
    show_tables(summary, list(METRICS), plan.dataset)
    failed = sum(r.error is not None for r in results)
    if failed:
        console.print(f"[yellow]{failed} cells failed; their files in {folder.path}/cells say why[/]")
    most = max(plan.shots)
    scored = summary[(summary["shots"] == most) & (summary["head"] != "-")]
    if not scored.empty:
        head = str(scored.groupby("head")["mean"].mean().idxmax())
        picture = compare_predictions(folder.path, ranked(scored, "mean"), head, most)
        console.print(f"pictures: {escape(str(picture))} and beside it" if picture else "")
    _tell_cost(results, console)


def _tell_cost(results: Sequence[object], console: Console) -> None:
    """Seconds per image of every backbone, inversion included."""
    costs = {
        r.cell.backbone: r.provenance.get("seconds per image")  # type: ignore[attr-defined]
        for r in results
    }
    told = ", ".join(f"{name} {1000 * s:.1f}" for name, s in costs.items() if s is not None)
    if told:
        console.print(f"ms per image, inversion included: {escape(told)}")
