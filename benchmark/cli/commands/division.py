"""`--workers` and `--shard`: who does which part of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from ...flags import some
from ...plan import Plan
from ...run_folder import RunFolder
from .missing import missing_cells
from .plan_options import PlanError

if TYPE_CHECKING:
    import torch

    from ...run.groups import Group
    from ...run.recipe import RunRecipe
    from ...run.runner import Runner


@dataclass(frozen=True)
class Division:
    """How a run is divided."""

    workers: int | None = None
    """Processes on this machine; None: one per GPU, if there are several."""
    shard: tuple[int, int] | None = None
    """Which of how many shards, counted from 1; None: all of the plan."""

    def divide(self, runner: Runner, recipe: RunRecipe, console: Console) -> Sequence[Group]:
        """Tell a run which groups it does, by which workers; none are left to a shard that is one too many."""
        from ...run.groups import cut_for, groups_of, shard_of
        from ...run.worker import OneByOne
        from ...run.worker_pool import WorkerPool, slots_of

        plan, workers = runner.plan, workers_on(recipe.device) if self.workers is None else self.workers
        order = plan.backbones.index
        groups = groups_of(plan, runner.backbones)
        if self.shard:  # before the workers, of which another shard may have other numbers
            groups = shard_of(cut_for(groups, self.shard[1]), *self.shard)
        groups = cut_for(groups, workers)
        runner.groups = groups if workers else sorted(groups, key=lambda group: (order(group.backbone), group.draws))
        runner.engine = WorkerPool(recipe, slots_of(recipe.device, workers)) if workers else OneByOne(recipe)
        _tell(console, groups, workers, self.shard)
        return runner.groups


WHOLE = Division()


def _tell(console: Console, groups: Sequence[Group], workers: int, shard: tuple[int, int] | None) -> None:
    """Say who does what, where it is not one process that does all."""
    if not workers and not shard:
        return
    what = f"shard {shard[0]}/{shard[1]}: " if shard else ""
    by = f", by {workers} worker{'s' * (workers > 1)}" if workers else ""
    names = escape(some([group.name for group in groups], 12)) or "none"
    console.print(f"{what}{len(groups)} group{'s' * (len(groups) != 1)}{by} ({names})", soft_wrap=True)


def workers_on(device: torch.device) -> int:
    """How many there are by default: one per GPU, if there are several; else none but this process."""
    import torch

    gpus = torch.cuda.device_count() if device.type == "cuda" and device.index is None else 0
    return gpus if gpus > 1 else 0


def parse_division(workers: str | None, shard: str | None) -> Division:
    """`4` and `1/3` as numbers."""
    return Division(_parse_workers(workers), _parse_shard(shard))


def _parse_workers(text: str | None) -> int | None:
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    raise PlanError(f"--workers takes a number of processes on this machine, as 4, and not {text!r}")


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise PlanError(f"--shard takes K/N with K from 1 to N, as 1/3, 2/3 and 3/3, and not {text!r}")
    return int(number), int(count)


def show_shard(division: Division, plan: Plan, folder: RunFolder, groups: Sequence[Group], console: Console) -> int:
    """Say what a shard has done and the others still miss; 0 if all its cells have a score, 1 if some failed."""
    assert division.shard
    name = "shard {}/{}".format(*division.shard)
    if not groups:
        console.print(f"{name} has nothing to do: there are fewer groups than shards", soft_wrap=True)
        return 0
    own = [cell for group in groups for cell in group.cells(plan)]
    scored = sum(result.error is None for result in folder.results(own)[0])
    console.print(f"{name}: {scored} of its {len(own)} cells have a score", soft_wrap=True)
    sentence = missing_cells(folder.path) or "no cell is missing"
    console.print(f"{escape(sentence)}; partbench leaderboard {escape(str(folder.path))} shows all", soft_wrap=True)
    return 0 if scored == len(own) else 1
