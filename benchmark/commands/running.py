"""`partbench run`: from names to a leaderboard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from ..auto_shot_name import base_head
from ..cache import cache_folder
from ..naming import backbone_names, expand, expand_heads, find_backbone, find_dataset, find_head, find_reporter
from ..plan import COPY, HEADLESS, OPTIONS, Plan
from ..plugins import Catalogue, load_catalogue
from ..reporter import Listener, Listeners
from ..results import RunFolder
from ..terminal import open_console
from . import vouching
from .ending import show_end

if TYPE_CHECKING:
    import torch

    from ..limits import MemoryLimit

SIX = ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")
"""The heads of Table 7."""
SPLITS = ("test", "validation")
"""What can be scored; the pool is for shots."""


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


def make_plan(
    dataset: str, backbones: tuple[str, ...], heads: tuple[str, ...], shots: str, draws: int, schedule: str,
    features: str, size: int, pool: int, test: int, split: str, seed: int,
) -> Plan:  # fmt: skip
    """A plan from the options of the command line, in the order of a plan's fields."""
    return Plan(dataset, backbones, heads, parse_shots(shots), draws, schedule, features, size, pool, test, split, seed)


def resolve(plan: Plan, catalogue: Catalogue) -> Plan:
    """The plan with its patterns replaced by names, and the defaults where it names nothing."""
    names = (*backbone_names(catalogue), *HEADLESS)
    listed = [name for name, offer in catalogue.backbones.items() if offer.record.by_default]
    default = (*listed, COPY, *(n for n in names if n == "random:stylegan2"))
    backbones = expand(plan.backbones, names) if plan.backbones else default
    return replace(plan, backbones=tuple(backbones), heads=expand_heads(plan.heads, catalogue) or SIX)


def folder_for(plan: Plan, out: Path | None) -> RunFolder:
    """The folder of a run; one that is there must hold the same protocol."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plan.dataset).strip("-.")
    folder = RunFolder(out or Path("runs") / name)
    if folder.plan_file.exists():
        earlier = folder.read_plan()
        if earlier.hash != plan.hash:
            what = f"another protocol ({_difference(earlier, plan)})"
            raise PlanError(f"{folder.path} holds a run with {what}; choose another --out")
    return folder


def _difference(earlier: Plan, plan: Plan) -> str:
    pairs = [(name, getattr(earlier, field), getattr(plan, field)) for field, name in OPTIONS.items()]
    changed = [f"{name} {old}, not {new}" for name, old, new in pairs if old != new]
    return ", ".join(changed) or "an older version of partbench"


def find_device(name: str) -> torch.device:
    """The device of this name, if this machine has it."""
    import torch

    from ..provenance import pick_device

    try:
        device = pick_device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise PlanError(f"there is no device {name!r} here ({reason}); choose auto, cpu, cuda or mps") from None
    return device


def run(
    plan: Plan, device: str, out: Path | None, as_json: bool, reporters: Sequence[str] = (),
    memory: float | None = None,
) -> None:  # fmt: skip
    """Carry out a plan and print its leaderboard."""
    console = open_console(stderr=as_json)
    plan, folder = carry_out(plan, device, out, as_json, reporters, memory)
    show_end(plan, folder, console, as_json)


def carry_out(
    plan: Plan, device: str, out: Path | None, quiet: bool, reporters: Sequence[str] = (), memory: float | None = None
) -> tuple[Plan, RunFolder]:
    """Compute what a plan asks for within so many GiB, or what is free; the plan with its names, and its folder."""
    from ..limits import MemoryLimit

    catalogue = load_catalogue()
    plan = resolve(plan, catalogue)
    check_choices(plan)
    folder = folder_for(plan, out)
    processor = find_device(device)
    listeners = open_listeners(catalogue, reporters)
    console = open_console(stderr=quiet)
    for problem in catalogue.problems:
        console.print(f"[yellow]{escape(problem)}[/]", soft_wrap=True)
    _carry_out(plan, catalogue, folder, MemoryLimit.of(processor, memory), console, listeners)
    return plan, folder


def check_choices(plan: Plan) -> None:
    """Refuse a schedule, a scaling or a split that is not there."""
    from ..fit import SCHEDULES
    from ..scaling import SCALES

    for kind, chosen, choices in (
        ("schedule", plan.schedule, SCHEDULES),
        ("scaling of features", plan.scale, SCALES),
        ("split", plan.split, SPLITS),
    ):
        if chosen not in choices:
            raise PlanError(f"there is no {kind} {chosen!r}; choose {', '.join(choices)}")


def open_listeners(catalogue: Catalogue, names: Sequence[str]) -> list[tuple[str, Listener]]:
    """The listeners of reporters by name."""
    return [(name, find_reporter(catalogue, name).record.open()) for name in dict.fromkeys(names)]


def _carry_out(
    plan: Plan, catalogue: Catalogue, folder: RunFolder, room: MemoryLimit, console: Console,
    listeners: Sequence[tuple[str, Listener]],
) -> None:  # fmt: skip
    from ..provenance import describe
    from ..runner import Runner
    from ..task import SegmentationTask
    from ..terminal import TerminalListener

    backbones = {name: find_backbone(catalogue, name) for name in plan.backbones if name not in HEADLESS}
    heads = {n: find_head(catalogue, n) for name in plan.heads for n in (name, base_head(name))}
    cells = sum(1 for _ in plan.cells())
    console.print(
        f"{escape(plan.dataset)}: {len(plan.backbones)} backbones x {len(plan.heads)} heads x {len(plan.shots)} shots "
        f"x {plan.draws} draws = {cells} cells, on {room.device}, into {escape(str(folder.path))}",
        soft_wrap=True,
    )
    dataset = find_dataset(catalogue, plan.dataset)
    task = SegmentationTask.open(dataset.record, plan)
    named = [("terminal", TerminalListener(console, len(plan.backbones)))]
    reporter = Listeners([*named, *listeners])
    facts = describe(room.device)
    Runner(plan, task, backbones, heads, folder, room.device, cache_folder(), facts, reporter, room).run()
    vouching.note_offers(folder.path, backbones, heads, {plan.dataset: dataset})
