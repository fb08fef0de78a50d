"""`--workers` and `--shard`: who does which part of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from .... import counted
from ...flags import some
from ...plan import Plan
from ...run_folder import RunFolder
from ...stored_run import shown, url_of
from .missing import missing_cells
from .plan_options import PlanError

if TYPE_CHECKING:
    import torch

    from ...run.engine import Engine
    from ...run.groups import Group
    from ...run.runner import Runner
    from ...workers.forecast_file import Forecast
    from ...workers.recipe import RunRecipe


CLUSTERS = ("ray", "slurm")
"""Who has workers elsewhere."""


@dataclass(frozen=True)
class Division:
    """How a run is divided."""

    workers: int | None = None
    """Processes on this machine; None: one per GPU, if there are several."""
    cluster: str = ""
    """In place of them, `ray`, or `ray:` with an address; `slurm`, or `slurm:` with another executor of submitit's."""
    shard: tuple[int, int] | None = None
    """Which of how many shards, counted from 1; None: all of the plan."""
    slurm: tuple[str, ...] = ()
    """KEY=VALUE that jobs are submitted with."""
    array_most: int | None = None
    """Tasks of an array; None: as many as the site says."""
    forecast: Path | None = None
    """What `partbench plan --json` wrote; None: the order of groups is a guess."""

    @property
    def place(self) -> str:
        """Where a cluster's workers are, whose devices this machine need not have; '' without any."""
        return self.cluster and f"the machines of {self.cluster}"

    def divide(self, runner: Runner, recipe: RunRecipe, console: Console) -> Sequence[Group]:
        """Tell a run which groups it does, by which workers; none are left to a shard that is one too many."""
        from ...run.groups import cut_for, groups_of, shard_of
        from ...workers.forecast_file import read_forecast

        plan = runner.plan
        forecast = read_forecast(self.forecast, plan) if self.forecast else None
        engine, workers, whose = self._engine(runner, recipe, forecast)
        order = plan.backbones.index
        test = 0 if runner.task.splits.episodes else len(runner.task.test)
        groups = groups_of(plan, runner.backbones, test, forecast.seconds if forecast else None)
        if self.shard:  # before the workers, of which another shard may have other numbers
            groups = shard_of(cut_for(groups, self.shard[1], by_slices=False), *self.shard)
        together = not self.shard and not url_of(runner.folder.path)  # parts of slices want each other's units
        groups = cut_for(groups, workers, together, measured=forecast is not None)
        runner.groups = (
            groups
            if workers or self.cluster
            else sorted(groups, key=lambda group: (order(group.backbone), group.draws))
        )
        runner.engine = engine
        _tell(console, groups, workers, self.shard, whose)
        return runner.groups

    def _engine(self, runner: Runner, recipe: RunRecipe, forecast: Forecast | None) -> tuple[Engine, int, str]:
        """What does the groups, by how many workers, and where those are."""
        from ...workers.worker import OneByOne
        from ...workers.worker_pool import WorkerPool, slots_of

        kind, _, where = self.cluster.partition(":")
        if self.cluster and (url := url_of(recipe.folder.path)):
            what = f"workers of {kind} write into a folder that all of them see, which {url} is not"
            raise PlanError(
                f"{what}; run the same command without --workers {kind}, or with --shard K/N, on every machine"
            )
        if kind:
            recipe = recipe.for_elsewhere(runner)
        if kind == "ray":
            return _ray(runner, recipe, where, forecast.memory if forecast else {})
        if kind == "slurm":
            return self._slurm(recipe, where)
        workers = workers_on(recipe.device) if self.workers is None else self.workers
        return (WorkerPool(recipe, slots_of(recipe.device, workers)) if workers else OneByOne(recipe)), workers, ""

    def _slurm(self, recipe: RunRecipe, where: str) -> tuple[Engine, int, str]:
        """Jobs: as many at the same time as the site lets run."""
        from ...workers.slurm import SlurmArrays, longest_array, open_executor

        executor = open_executor(recipe.folder.path, where or "slurm", self.slurm)
        return SlurmArrays(recipe, executor, longest_array(self.array_most)), 0, f", as jobs of {self.cluster}"


WHOLE = Division()


def _ray(runner: Runner, recipe: RunRecipe, address: str, forecast: Mapping[str, int]) -> tuple[Engine, int, str]:
    """The workers of a Ray cluster: one per GPU, or one per core where there is none, or --device cpu."""
    from ...workers.demands import Demands
    from ...workers.fleet import Fleet
    from ...workers.ray_cluster import connect

    cluster = connect(address)
    gpus = cluster.gpus if recipe.device.type == "cuda" or recipe.any_device else 0
    memory = recipe.room.most if recipe.room and recipe.room.asked else None
    demands = Demands(runner.backbones, cluster.cores(gpus > 0), gpus > 0, memory or 0, forecast)
    count = len(cluster.machines)
    whose = f" of Ray on {counted(count, 'machine')}, {cluster.cpus} cores and {gpus} GPUs"
    return Fleet(recipe, cluster, demands), max(1, gpus or cluster.cpus), whose


def _tell(
    console: Console, groups: Sequence[Group], workers: int, shard: tuple[int, int] | None, whose: str = ""
) -> None:
    """Say who does what, where it is not one process that does all."""
    if not workers and not shard and not whose:
        return
    what = f"shard {shard[0]}/{shard[1]}: " if shard else ""
    by = f", by {counted(workers, 'worker')}{whose}" if workers else whose
    names = escape(some([group.name for group in groups], 12)) or "none"
    console.print(f"{what}{counted(len(groups), 'group')}{by} ({names})", soft_wrap=True)


def workers_on(device: torch.device) -> int:
    """How many there are by default: one per GPU, if there are several; else none but this process."""
    import torch

    gpus = torch.cuda.device_count() if device.type == "cuda" and device.index is None else 0
    return gpus if gpus > 1 else 0


def parse_division(
    workers: str | None, shard: str | None, slurm: Sequence[str] = (), array_most: int | None = None,
    forecast: Path | None = None,
) -> Division:  # fmt: skip
    """`4` and `1/3` as numbers."""
    count, cluster = _parse_workers(workers)
    if (slurm or array_most) and cluster.partition(":")[0] != "slurm":
        raise PlanError("--slurm and --array-most say how jobs are submitted; write --workers slurm, or leave them out")
    return Division(count, cluster, _parse_shard(shard), tuple(slurm), array_most, forecast)


def _parse_workers(text: str | None) -> tuple[int | None, str]:
    if text is None or text.isdecimal():
        return (None if text is None else int(text)), ""
    if text.partition(":")[0] in CLUSTERS:
        return None, text
    raise PlanError(
        f"--workers takes a number of processes on this machine, as 4, ray[:ADDRESS] or slurm, and not {text!r}"
    )


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
    console.print(f"{escape(sentence)}; partbench leaderboard {escape(shown(folder.path))} shows all", soft_wrap=True)
    return 0 if scored == len(own) else 1
