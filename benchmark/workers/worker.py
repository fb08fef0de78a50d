"""A worker: a process that does groups of a run, one after the other, and whose end is not the run's."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection

from ... import UserError, one_line
from ..plugins.catalogue import load_catalogue
from ..reporter import Listener
from ..run.groups import Group
from ..run.in_process import InThisProcess
from ..run.relay import Relay
from ..run.runner import Runner
from ..run.turns import Turns
from .recipe import RunRecipe, Slot

DONE, BROKE = "done", "broke"
"""What a worker says of itself; all else that it says is for the reporter."""


class Worker:
    """The process, as the run sees it."""

    def __init__(self, recipe: RunRecipe, slot: Slot | None = None, name: str = "") -> None:
        context = get_context("spawn")  # a fork would inherit threads, and a GPU that it cannot use
        self.connection, theirs = context.Pipe()
        self.name = name
        self.process = context.Process(target=_work, args=(recipe, slot or Slot(), theirs))
        with _environment((slot or Slot()).environment):
            self.process.start()
        theirs.close()

    def do(self, group: Group) -> None:
        """Have it do a group."""
        with suppress(OSError):  # it has ended, as whoever listens will hear
            self.connection.send(group)

    def hear(self, reporter: Listener) -> bool:
        """Tell the reporter the next thing that it says; True if it is that the group is done, EOFError if it ended."""
        try:
            event, facts = self.connection.recv()
        except OSError:  # in the middle of a word
            raise EOFError from None
        if event == BROKE:
            raise facts[0]
        if event != DONE:
            getattr(reporter, event)(*facts)
        return bool(event == DONE)

    def how_it_ended(self) -> str:
        """How it ended, by its exit code: minus the signal that ended it."""
        self.process.join()
        code = self.process.exitcode or 0
        if code < 0:
            name = signal.Signals(-code).name
            return f"was ended by {name}, as where memory runs out" if name == "SIGKILL" else f"was ended by {name}"
        return f"ended with exit code {code}"

    def end(self) -> None:
        """End it, whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.connection.close()


@dataclass(frozen=True)
class OneByOne:
    """Takes the turns of a run in this process, and those that ended a program in a process of their own."""

    recipe: RunRecipe

    def take(self, runner: Runner, turns: Turns) -> bool:
        """Take all; False if some were skipped."""

        def apart(group: Group) -> str:
            return score_apart(self.recipe.of(runner), group, runner.relayed)

        return InThisProcess(runner.score, apart, runner.give_up).take(turns)


def score_apart(recipe: RunRecipe, group: Group, reporter: Listener, slot: Slot | None = None) -> str:
    """Score a group in a process of its own; how that ended before it was done, '' if it did not."""
    worker = Worker(recipe, slot)
    worker.do(group)
    try:
        while not worker.hear(reporter):
            pass
        return ""
    except EOFError:
        return worker.how_it_ended()
    finally:
        worker.end()


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(recipe: RunRecipe, slot: Slot, connection: Connection) -> None:
    """The process; Ctrl-C is the business of the run, and without the run it has none."""
    for number in (signal.SIGINT, *slot.deaf):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        runner = slot.recipe(recipe).open(load_catalogue(), Relay(connection))
        with suppress(EOFError):
            while (group := connection.recv()) is not None:
                runner.score(group)
                connection.send((DONE, ()))
    except Exception as error:  # no fault of a backbone or head, which have a result for theirs: as a full disk
        connection.send((BROKE, (portable(error),)))


def portable(error: Exception) -> Exception:
    """An error that another process can raise; of a fault of partbench the lines that led to it are printed here."""
    if isinstance(error, OSError) and error.errno:
        return OSError(error.errno, error.strerror, error.filename)
    if isinstance(error, UserError):
        return UserError(str(error))
    traceback.print_exc()
    return RuntimeError(one_line(error))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
