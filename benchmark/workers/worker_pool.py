"""Several workers on this machine, which take the turns of a run between them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

import torch

from ..run.engine import keep_busy
from ..run.runner import Runner
from ..run.turns import PAUSE, Turn, Turns
from .recipe import RunRecipe, Slot
from .worker import Worker

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables by which libraries know how many threads they may start."""
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class WorkerPool:
    """So many workers as there are slots; each does one group after the other."""

    recipe: RunRecipe
    slots: Sequence[Slot]

    def take(self, runner: Runner, turns: Turns) -> bool:
        """Have all groups done."""
        return keep_busy(_Crew(self.recipe.of(runner), runner, turns, dict(enumerate(self.slots, start=1))), turns)


@dataclass
class _Crew:
    """The workers of one run while it goes on."""

    recipe: RunRecipe
    runner: Runner
    turns: Turns
    free: dict[int, Slot]
    """Slots without a worker, by their numbers."""
    slots: dict[Worker, tuple[int, Slot]] = field(default_factory=dict)
    """Of every worker there is."""
    busy: dict[Worker, Turn] = field(default_factory=dict)

    def give(self) -> None:
        """Give every worker that has nothing to do a group, as long as there are any."""
        while len(self.busy) < len(self.free) + len(self.slots) and not self._alone():
            turn = self.turns.next(alone=not self.busy)
            if turn is None:
                return
            try:
                worker = self._worker(fresh=turn.apart)
            except BaseException:  # Ctrl-C, or no memory for another process
                self.turns.stopped(turn)
                raise
            self.busy[worker] = turn
            self.turns.began(turn, worker=worker.name, process=worker.process.pid)
            worker.do(turn.group)

    def _alone(self) -> bool:
        """Whether a group is at work that nothing may be done beside."""
        return any(turn.group in self.turns.crashed for turn in self.busy.values())

    def _worker(self, fresh: bool) -> Worker:
        """A worker that has nothing to do, or a new one."""
        idle = next((worker for worker in self.slots if worker not in self.busy), None)
        if idle and fresh:
            self._dismiss(idle)
        elif idle:
            return idle
        number, slot = next(iter(self.free.items()))
        worker = Worker(self.recipe, slot, f"worker {number}")
        self.slots[worker] = number, self.free.pop(number)
        return worker

    def listen(self) -> None:
        """Hear what workers say, until one has something to say or others may be done with a group."""
        if not self.busy:
            if self.turns.todo:
                self.turns.wait()
            return
        waiting = self.turns.todo and len(self.busy) < len(self.free) + len(self.slots)
        speaking = wait([worker.connection for worker in self.busy], PAUSE if waiting else None)
        for worker in [worker for worker in self.busy if worker.connection in speaking]:
            self._hear(worker)

    def _hear(self, worker: Worker) -> None:
        try:
            if worker.hear(self.runner.relayed):
                turn = self.busy.pop(worker)
                self.turns.ended(turn)
                if turn.apart:
                    self._dismiss(worker)
        except EOFError:
            self._lost(worker)

    def _lost(self, worker: Worker) -> None:
        """A worker has ended with its group, which is tried once more."""
        turn, how = self.busy.pop(worker), worker.how_it_ended()
        self._dismiss(worker)
        if not self.turns.crashes(turn, worker.name, how):
            self.runner.give_up(turn.group, how)
            self.turns.given_up(turn)

    def _dismiss(self, worker: Worker) -> None:
        number, self.free[number] = self.slots.pop(worker)
        worker.end()

    def end(self) -> None:
        """End all workers; what they were doing goes on from its units when the run does."""
        ended = {worker.process.pid for worker in self.slots}
        for worker in tuple(self.slots):
            self._dismiss(worker)
        self.turns.claims.register.forget(lambda holder: holder.among(ended))
        for turn in self.busy.values():
            self.turns.stopped(turn)
        self.busy.clear()


def slots_of(device: torch.device, workers: int) -> list[Slot]:
    """What each of so many workers has: its share of the processor's threads, and one GPU where there are any."""
    threads = max(1, torch.get_num_threads() // workers)
    environment = dict.fromkeys(THREADS, str(threads))
    if device.type != "cuda":
        return [Slot(environment, threads, workers)] * workers
    gpus = _gpus(device)
    share = -(-workers // len(gpus))
    return [Slot({**environment, VISIBLE: gpus[i % len(gpus)]}, threads, share) for i in range(workers)]


def _gpus(device: torch.device) -> list[str]:
    """The GPUs that workers may have, as CUDA calls them: all, or the one that was chosen."""
    named = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    there = named or [str(number) for number in range(torch.cuda.device_count())]
    return there if device.index is None else [there[device.index]]
