"""Programs and workers that are forked from one process which has imported torch: to import it takes each seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from partbench.benchmark.run import contamination
from partbench.benchmark.workers import worker

IMPORTED = (Path(__file__).stem, "partbench.benchmark.cli.commands.preset", "partbench.benchmark.run.near_duplicates")
"""What that process has: this module, and by these all that a run needs."""


def ready() -> None:
    """Have the process that others are forked from, on one thread, since every bit of theirs is compared."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([*IMPORTED])
    before, path = dict(os.environ), [str(Path(__file__).parent), *filter(None, sys.path)]
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(path)}
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


class Here:
    """The environment of whoever forks a process, when it does; that of the server is an older one."""

    def __reduce__(self) -> tuple[type[dict[str, str]], tuple[dict[str, str]]]:
        return dict, (dict(os.environ),)


class Context:
    """Forks a worker where partbench asks to spawn it."""

    Pipe = staticmethod(multiprocessing.Pipe)

    @staticmethod
    def Process(target: Callable[..., object], args: Sequence[Any]) -> Any:
        return multiprocessing.get_context("forkserver").Process(target=begin, args=(Here(), target, *args))


def begin(environment: dict[str, str], work: Callable[..., object], *args: Any) -> None:
    """What a forked process does; those that it forks come from the same server."""
    os.environ.clear()
    os.environ.update(environment)
    vars(forkserver)["_forkserver"].ensure_running = lambda: None
    vars(worker)["get_context"] = lambda method: Context
    contamination.LOOKED_AT = 20  # as in all tests
    work(*args)


def run(code: str, arguments: Sequence[str], outputs: Sequence[str]) -> None:
    """Run code as `python -c` does; stdout and stderr are files."""
    for number, file in enumerate(outputs, start=1):
        os.dup2(os.open(file, os.O_WRONLY), number)
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})


class Program:
    """`python -c CODE ARGUMENTS` with this environment, in this folder; as much of `subprocess.Popen` as tests need."""

    def __init__(self, code: str, arguments: Sequence[str], environment: dict[str, str]) -> None:
        self.outputs = [tempfile.NamedTemporaryFile(), tempfile.NamedTemporaryFile()]  # noqa: SIM115  `end` closes them
        args = (environment, run, code, [*map(str, arguments)], [file.name for file in self.outputs])
        self.process = multiprocessing.get_context("forkserver").Process(target=begin, args=args)
        self.process.start()

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.poll() is None:
            os.kill(self.process.pid or 0, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has printed, once it has ended."""
        self.process.join(timeout)
        if self.poll() is None:
            raise TimeoutError(f"the program goes on after {timeout} seconds")
        out, err = (Path(file.name).read_text() for file in self.outputs)
        return out, err

    def end(self) -> None:
        """End it, whatever it does, and forget what it has printed."""
        self.process.kill()
        self.process.join()
        for file in self.outputs:
            file.close()
