"""`partbench run`: from names to a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .... import counted
from ...files import cache_folder, remove_parts, writable
from ...plan import Plan
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.identity import note_offers
from ...plugins.listeners import Listeners
from ...plugins.names import find_dataset, find_reporter
from ...reporter import Listener
from ...run_folder import RunFolder
from ...stored_run import folder_of, mirror_of, shown
from ..terminal import look_at_images, open_console
from .division import WHOLE, Division, show_shard
from .plan_options import check_choices, describe_masks, find_device, folder_for, resolve
from .run_summary import show_end

if TYPE_CHECKING:
    from ...run.groups import Group
    from ...workers.recipe import RunRecipe

DAY = 86400.0
"""Seconds after which nobody is writing the same file still."""


def run(
    plan: Plan, device: str, out: Path | None, as_json: bool, reporters: Sequence[str] = (),
    memory: float | None = None, division: Division = WHOLE,
) -> int:  # fmt: skip
    """Carry out a plan and print its leaderboard; 1 if some of its cells failed."""
    console = open_console(stderr=as_json)
    plan, folder, groups = carry_out(plan, device, out, as_json, reporters, memory, division)
    if division.shard:
        return show_shard(division, plan, folder, groups, console)
    return show_end(plan, folder, console, as_json)


def carry_out(
    plan: Plan, device: str, out: Path | None, quiet: bool, reporters: Sequence[str] = (),
    memory: float | None = None, division: Division = WHOLE,
) -> tuple[Plan, RunFolder, Sequence[Group]]:  # fmt: skip
    """Compute what a plan asks for within so many GiB, or what is free; the plan with its names, folder and groups."""
    from ...machine import MemoryLimit, provenance
    from ...workers.recipe import RunRecipe

    catalogue = load_catalogue()
    processor = find_device(device)
    plan = resolve(plan, catalogue, processor)
    check_choices(plan)
    if out and (mirror := mirror_of(folder_of(out))):
        mirror.store.check_exclusive()
    folder = folder_for(plan, out)
    listeners = open_listeners(catalogue, reporters)
    console = open_console(stderr=quiet)
    for problem in catalogue.problems:
        console.print(f"[yellow]{escape(problem)}[/]", soft_wrap=True)
    remove_parts(cache_folder(), DAY)  # others may be at work there
    room = MemoryLimit.of(processor, memory)
    recipe = RunRecipe(
        plan, folder, processor, cache_folder(), provenance(processor), room, any_device=device == "auto"
    )
    return plan, folder, _carry_out(recipe, catalogue, console, listeners, division)


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
    recipe: RunRecipe, catalogue: Catalogue, console: Console, listeners: Sequence[tuple[str, Listener]],
    division: Division,
) -> Sequence[Group]:  # fmt: skip
    from ...run.claim_files import WHOLE as PLAN
    from ..terminal import TerminalListener

    plan, folder = recipe.plan, recipe.folder
    cells = sum(1 for _ in plan.cells())
    axes = {"backbone": len(plan.backbones), "head": len(plan.heads), "shot": len(plan.shots), "draw": plan.draws}
    crossed = f"{' x '.join(counted(number, noun) for noun, number in axes.items())} = {counted(cells, 'cell')}"
    place = f"on {division.place or recipe.device}, into {escape(shown(folder.path))}"
    console.print(
        f"{escape(plan.dataset)}: {crossed}, {place}; {describe_masks(plan)}",
        soft_wrap=True,
    )
    terminal = TerminalListener(console, len(plan.backbones))
    reporter = Listeners([("terminal", terminal), *listeners])
    runner = recipe.open(catalogue, reporter)
    look_at_images(runner.task, console)
    groups = division.divide(runner, recipe, console)
    terminal.expect(len({group.backbone for group in groups}))
    if groups:
        runner.run()
    if groups and writable(folder.path):
        dataset = {plan.dataset: find_dataset(catalogue, plan.dataset)}
        with runner.claims.held(PLAN):
            note_offers(folder.path, runner.backbones, runner.heads, dataset)
    return groups
