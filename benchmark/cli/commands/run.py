"""`partbench run`: from names to a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from ...files import cache_folder, locked, remove_parts, writable
from ...plan import Plan
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.identity import note_offers
from ...plugins.listeners import Listeners
from ...plugins.names import find_dataset, find_reporter
from ...reporter import Listener
from ...run_folder import RunFolder
from ..terminal import look_at_images, open_console
from .plan_options import check_choices, describe_masks, find_device, folder_for, resolve
from .run_summary import show_end

if TYPE_CHECKING:
    from ...machine import MemoryLimit

DAY = 86400.0
"""Seconds after which nobody is writing the same file still."""


def run(
    plan: Plan, device: str, out: Path | None, as_json: bool, reporters: Sequence[str] = (),
    memory: float | None = None,
) -> int:  # fmt: skip
    """Carry out a plan and print its leaderboard; 1 if some of its cells failed."""
    console = open_console(stderr=as_json)
    plan, folder = carry_out(plan, device, out, as_json, reporters, memory)
    return show_end(plan, folder, console, as_json)


def carry_out(
    plan: Plan, device: str, out: Path | None, quiet: bool, reporters: Sequence[str] = (), memory: float | None = None
) -> tuple[Plan, RunFolder]:
    """Compute what a plan asks for within so many GiB, or what is free; the plan with its names, and its folder."""
    from ...machine import MemoryLimit

    catalogue = load_catalogue()
    processor = find_device(device)
    plan = resolve(plan, catalogue, processor)
    check_choices(plan)
    folder = folder_for(plan, out)
    listeners = open_listeners(catalogue, reporters)
    console = open_console(stderr=quiet)
    for problem in catalogue.problems:
        console.print(f"[yellow]{escape(problem)}[/]", soft_wrap=True)
    remove_parts(cache_folder(), DAY)  # others may be at work there
    _carry_out(plan, catalogue, folder, MemoryLimit.of(processor, memory), console, listeners)
    return plan, folder


def look_ahead(plan: Plan) -> None:
    """Look at the images and masks of a plan that others come before."""
    from ...run.task import SegmentationTask

    catalogue = load_catalogue()
    task = SegmentationTask.of_offer(find_dataset(catalogue, plan.dataset), resolve(plan, catalogue))
    look_at_images(task, open_console(stderr=True), notes=False)


def open_listeners(catalogue: Catalogue, names: Sequence[str]) -> list[tuple[str, Listener]]:
    """The listeners of reporters by name."""
    return [(name, find_reporter(catalogue, name).record.open()) for name in dict.fromkeys(names)]


def _carry_out(
    plan: Plan, catalogue: Catalogue, folder: RunFolder, room: MemoryLimit, console: Console,
    listeners: Sequence[tuple[str, Listener]],
) -> None:  # fmt: skip
    from ...machine import provenance
    from ...run.isolated_process import RunRecipe
    from ..terminal import TerminalListener

    cells = sum(1 for _ in plan.cells())
    console.print(
        f"{escape(plan.dataset)}: {len(plan.backbones)} backbones x {len(plan.heads)} heads x {len(plan.shots)} shots "
        f"x {plan.draws} draws = {cells} cells, on {room.device}, into {escape(str(folder.path))}; "
        f"{describe_masks(plan)}",
        soft_wrap=True,
    )
    named = [("terminal", TerminalListener(console, len(plan.backbones)))]
    reporter = Listeners([*named, *listeners])
    recipe = RunRecipe(plan, folder, room.device, cache_folder(), provenance(room.device), room)
    runner = recipe.open(catalogue, reporter)
    look_at_images(runner.task, console)
    if not writable(folder.path):
        runner.run()
        return
    with locked(folder.path):
        runner.run()
        note_offers(folder.path, runner.backbones, runner.heads, {plan.dataset: find_dataset(catalogue, plan.dataset)})
