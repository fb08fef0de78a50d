"""`partbench plan`: forecasts time, memory, disk and statistical power of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from ...auto_shot_names import base_head
from ...files import cache_folder
from ...plan import HEADLESS, NO_HEAD, SUPERVISED, Cell, Plan
from ...plugins.catalogue import Catalogue, Offer, load_catalogue
from ...plugins.names import find_backbone, find_dataset, find_head
from ...results import ResultError
from ...run_folder import RunFolder
from ..terminal import look_at_images, open_console
from .plan_options import PlanError, check_choices, find_device, folder_for, resolve
from .preset import PresetChoice, folder_of
from .read_runs import read_run, run_here

if TYPE_CHECKING:
    from ....backbones.backbone import Backbone
    from ...cost.feasibility import Feasibility
    from ...machine import MemoryLimit
    from ...run.makers import Makers
    from ...run.task import SegmentationTask
    from ...scores.detectable import DetectableDifference

GIB = 2**30


def show(
    plan: Plan, device: str, out: Path | None, like: Path | None, most: float | None, as_json: bool,
    workers: int | None = None,
) -> None:  # fmt: skip
    """Rehearse a plan, print what it takes, and refuse one that does not fit."""
    from ...cost.sharing import forecast_sharing
    from ...machine import MemoryLimit, free_disk
    from ...run.task import SegmentationTask
    from .plan_record import as_record
    from .plan_tables import print_feasibility

    catalogue = load_catalogue()
    processor = find_device(device)
    plan = resolve(plan, catalogue, processor)
    check_choices(plan)
    folder = folder_for(plan, out)
    results = read_run(run_here(like))[1] if like else None
    task = SegmentationTask.of_offer(find_dataset(catalogue, plan.dataset), plan)
    if task.splits.episodes:
        fact = f"{plan.dataset} has {len(task.test):,} episodes with heads of their own, which no rehearsal knows"
        raise PlanError(f"{fact}; time a few of them with partbench run --test 20")
    look_at_images(task, open_console(stderr=True))
    room = MemoryLimit.of(processor, most)
    free, feasibility = room.most, _rehearse(plan, catalogue, task, folder, room, as_json)
    disks = {folder.path: free_disk(folder.path), cache_folder(): free_disk(cache_folder())}
    detectable = _detectable_differences(plan, task, results)
    sharing = forecast_sharing(feasibility, _offers(plan, catalogue), workers) if workers else None
    if as_json:
        record = as_record(feasibility, detectable, like, free, disks, processor.type, sharing)
        print(json.dumps(record, indent=1))
    else:
        print_feasibility(feasibility, detectable, like, free, disks, str(processor), sharing)
    check_memory(feasibility, free)
    check_disk(feasibility, folder.path, cache_folder())


def show_preset(
    choice: PresetChoice, device: str, out: Path | None, like: Path | None, most: float | None, as_json: bool,
    workers: int | None = None,
) -> None:  # fmt: skip
    """The same of every part of a preset; as JSON, one object per part."""
    preset = choice.build()
    folder = folder_of(preset, out)
    for part in preset.parts:
        if not as_json:
            print(f"{preset.name} at the scale {preset.scale}: {part.name}")
        show(part.plan, device, folder.run_of(part).path, like, most, as_json, workers)


def _rehearse(
    plan: Plan, catalogue: Catalogue, task: SegmentationTask, folder: RunFolder, room: MemoryLimit, quiet: bool
) -> Feasibility:  # fmt: skip
    """Measure every backbone that has something left to do."""
    from ...cost.feasibility import Feasibility, extent_of
    from ...cost.measured_cost import BackboneFigures
    from ...cost.rehearsal import Rehearsal
    from ...cost.segmenter_rehearsal import supervised_figures
    from ...machine import allocated_memory
    from ...run.makers import Makers

    offers = _offers(plan, catalogue)
    heads_of = {base_head(name): find_head(catalogue, base_head(name)) for name in plan.heads}
    makers = Makers(offers, heads_of)
    rehearsal = Rehearsal(
        task, {name: offer.record for name, offer in heads_of.items()}, room.device, cache_folder(), room=room
    )
    _ = task.manifest
    base = allocated_memory(room.device)
    task.check_folder(folder)
    left, figures, console = {}, {}, open_console(stderr=True, quiet=quiet)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        for name in bars.track(plan.backbones, description="rehearsing"):
            left[name] = left_of(folder, [cell for cell in plan.cells() if cell.backbone == name], makers)
            heads = dict.fromkeys(cell.head for cell in left[name] if cell.head != NO_HEAD)
            figures[name] = BackboneFigures()
            if left[name] and name in offers:
                figures[name] = rehearsal.figures(offers[name], tuple(heads))
            elif left[name] and name == SUPERVISED:
                figures[name] = supervised_figures(rehearsal.segmenter)
    extent = replace(extent_of(task), room=None if room.most is None else max(0, room.most - base))
    return Feasibility(plan, left, figures, extent, base)


def _offers(plan: Plan, catalogue: Catalogue) -> dict[str, Offer[Backbone]]:
    return {name: find_backbone(catalogue, name) for name in plan.backbones if name not in HEADLESS}


def left_of(folder: RunFolder, cells: Sequence[Cell], makers: Makers) -> tuple[Cell, ...]:
    """The cells without a score of the weights and the code of now."""
    return tuple(cell for cell in cells if not _done(folder, cell, makers))


def _done(folder: RunFolder, cell: Cell, makers: Makers) -> bool:
    try:
        result = folder.scored(cell)
    except ResultError:
        return False
    return result is not None and not makers.changes(result)


def _detectable_differences(
    plan: Plan, task: SegmentationTask, results: Sequence[Any] | None
) -> list[DetectableDifference]:
    """What the plan can show, by its numbers of shots."""
    from ...scores.detectable import detectable_difference, run_components, typical_components

    by_shots = {
        shots: typical_components(shots) if results is None else run_components(results, shots) for shots in plan.shots
    }
    size = plan.draws, len(task.test), len(plan.backbones), len(plan.backbones) * len(plan.shots)
    return [detectable_difference(components, shots, *size) for shots, components in by_shots.items()]


def check_memory(feasibility: Feasibility, free: int | None) -> None:
    """Refuse what takes more memory than there is."""
    if free is None or feasibility.memory <= free:
        return
    what = f"{feasibility.largest} takes {feasibility.memory / GIB:.2f} GiB of memory and {free / GIB:.2f} are free"
    smaller = [f"{option} would take {size / GIB:.2f}" for option, size in feasibility.smaller(free)]
    raise PlanError(f"{what}; {', '.join(smaller[:3]) or 'no smaller plan of this backbone fits, leave it out'}")


def check_disk(feasibility: Feasibility, run: Path, cache: Path) -> None:
    """Refuse what takes more disk than there is."""
    from ...machine import free_disk, same_disk

    together = feasibility.codes if same_disk(run, cache) else 0
    for path, needed in ((run, feasibility.disk + together), (cache, feasibility.codes)):
        if needed > free_disk(path):
            what = f"{path} would take {needed / GIB:.2f} GiB of disk and {free_disk(path) / GIB:.2f} are free"
            where = "--out" if path == run else "PARTBENCH_CACHE"
            raise PlanError(f"{what}; name a place on another disk with {where}, or ask for fewer --test or heads")
