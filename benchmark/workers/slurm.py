"""A run as jobs of Slurm, by submitit: every group is a task of an array, claims itself, and needs nobody who waits."""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ... import UserError, one_line
from ..file_cache import OUTLET
from ..machine import pick_device
from ..plugins.catalogue import load_catalogue
from ..run.groups import Group
from ..run.relay import Relay
from ..run.runner import Runner
from ..run.turns import PAUSE, Turns
from .recipe import RunRecipe, Slot
from .told import BEGAN, Ears, ToldFile
from .worker_pool import THREADS, WorkerPool

FOLDER = "slurm"
"""Of a run, with the logs of its jobs."""
LONGEST = 1000
"""Tasks of an array, where the site does not say: Slurm takes 1,001 unless it is told otherwise."""
DEFAULTS = {"name": "partbench", "timeout_min": 240}
RESTARTS = 100
"""Times that a task is queued again when its time is over: what it has done it need not do again."""
NOT_THEIRS = (signal.SIGTERM, signal.SIGCONT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals by which Slurm speaks to a job, which a worker of it would die of."""


class SlurmError(UserError):
    """Jobs that cannot be had, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class GroupTask:
    """What a task does, on whatever machine it is."""

    recipe: RunRecipe
    home: Path
    """Where the run was started, which paths and plugins are relative to."""

    def __call__(self, group: Group, told: Path) -> None:
        """Have a group done by a worker, whose end is not that of the task."""
        os.chdir(self.home)
        outlet = ToldFile(told)
        outlet.send((BEGAN, (platform.node(), os.getpid())))
        OUTLET.tell = Relay(outlet).problem
        recipe = self.recipe.here(group.backbone)
        runner = recipe.open_elsewhere(load_catalogue(), Relay(outlet))
        runner.engine = WorkerPool(recipe, [self._slot()])
        runner.take([group])

    def _slot(self) -> Slot:
        """All that the task has."""
        device = pick_device("auto" if self.recipe.any_device else str(self.recipe.device)).type
        threads = torch.get_num_threads()
        return Slot(dict.fromkeys(THREADS, str(threads)), threads, 1, device, NOT_THEIRS)

    def checkpoint(self, group: Group, told: Path) -> Any:
        """What is queued again where a task is preempted or out of time: the same, which goes on from its units."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, group, told)


@dataclass(frozen=True)
class SlurmArrays:
    """Submits the groups of a run, and waits."""

    recipe: RunRecipe
    executor: Any
    most: int
    """Tasks of an array."""

    def take(self, runner: Runner, turns: Turns) -> bool:
        """Have all groups done; False if a job ended before its group was."""
        ears, waiting = Ears(runner.folder, runner.relayed), _Waiting(turns)
        try:
            self._submit(self.recipe.of(runner), turns, ears, waiting)
            while waiting.jobs:
                waiting.look(ears)
        except BaseException:  # Ctrl-C ends the jobs, too
            for job in waiting.jobs.values():
                job.cancel(check=False)
            raise
        finally:
            ears.close()
        return waiting.complete

    def _submit(self, recipe: RunRecipe, turns: Turns, ears: Ears, waiting: _Waiting) -> None:
        """Submit all, the longest first, in arrays that the site takes."""
        groups = dict(enumerate(turns.todo))
        for first in range(0, len(groups), self.most):
            some = list(groups)[first : first + self.most]
            told = [ears.file(number) for number in some]
            jobs = self.executor.map_array(GroupTask(recipe, Path.cwd()), [groups[n] for n in some], told)
            waiting.jobs |= dict(zip(some, jobs, strict=True))
            waiting.groups |= {number: groups[number] for number in some}


@dataclass
class _Waiting:
    """The jobs that have not ended."""

    turns: Turns
    jobs: dict[int, Any] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    complete: bool = True

    def look(self, ears: Ears) -> None:
        """Hear what they say, and see which have ended."""
        over = [number for number, job in self.jobs.items() if job.done()]
        for _ in ears.listen(self.jobs):
            pass  # a task notes itself in the journal that its turn has begun
        for number in over:
            self._ended(self.groups[number], self.jobs.pop(number))
            ears.forget(number)
        if self.jobs and not over:
            time.sleep(PAUSE)

    def _ended(self, group: Group, job: Any) -> None:
        left = self.turns.left(group)
        if left:
            what = f"the job {job.job_id} of {group.name} ended before it was done ({_reason(job)})"
            self.turns.tell(f"{what}; its log is {job.paths.stderr}, and the same command goes on with it")
            self.complete = False
        self.turns.elsewhere(group, tidy=not left)


def _reason(job: Any) -> str:
    """How a job ended, as far as anyone says."""
    try:
        error = job.exception()
    except Exception:  # whatever submitit makes of a job that left nothing
        error = None
    return str(error).strip().splitlines()[-1] if error and str(error).strip() else str(job.state)


def open_executor(run: Path, cluster: str, parameters: Sequence[str]) -> Any:
    """What submits: Slurm's, or submitit's own on this machine, `local` or `debug`; with parameters as KEY=VALUE."""
    try:
        import submitit
    except ImportError as error:
        raise SlurmError(f"--workers slurm needs submitit ({error}); pip install 'partbench[slurm]'") from None
    given = dict(_parameter(text) for text in parameters)
    try:
        executor = submitit.AutoExecutor(run / FOLDER / "%j", cluster=cluster, slurm_max_num_timeout=RESTARTS)
        executor.update_parameters(**{**DEFAULTS, **given})
    except (NameError, RuntimeError, TypeError, ValueError) as error:
        mend = "run it where sbatch is, and see submitit's parameters for --slurm KEY=VALUE"
        raise SlurmError(f"no jobs can be submitted ({one_line(error)}); {mend}") from None
    return executor


def _parameter(text: str) -> tuple[str, str | int]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise SlurmError(f"--slurm takes KEY=VALUE, as slurm_partition=gpu or gpus_per_node=1, and not {text!r}")
    return key, int(value) if value.isdecimal() else value


def longest_array(asked: int | None = None) -> int:
    """How many tasks an array may have: as many as are asked for, or as the site says."""
    return asked or (_said_by_site() if shutil.which("scontrol") else None) or LONGEST


def _said_by_site() -> int | None:
    said = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", said, re.MULTILINE)
    return int(found[1]) if found else None
