"""What a run says in the terminal: a bar per backbone, the time left, and each problem in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ... import counted
from ..plan import Plan
from ..reporter import Listener
from ..run_folder import RunFolder

if TYPE_CHECKING:
    from ..run.task import SegmentationTask


def open_console(stderr: bool = False, quiet: bool = False) -> Console:
    """Where a verb prints; names are data, so that the ':jigsaw:' of a 'random:jigsaw:' is no emoji."""
    return Console(stderr=stderr, quiet=quiet, emoji=False)


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """What was left out or taken for granted, a line each."""
    for note in notes:
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)


def look_at_images(task: SegmentationTask, console: Console, notes: bool = True) -> None:
    """Look at every image and mask of a task, with a bar, and print what there is to say of them, unless that waits."""
    from ..run.inspection import count, inspect

    print_notes(console, task.splits.notes if notes else ())
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        looked = bar.add_task("looking at images and masks", total=count(task))
        remarks = inspect(task, lambda: bar.advance(looked))
        hashed = bar.add_task("telling them by what they hold", total=count(task))
        task.read_contents(lambda images: bar.advance(hashed, images))
    print_notes(console, remarks if notes else ())


class TerminalListener(Listener):
    """Draws progress with rich; where the output is no terminal it prints a line per backbone."""

    def __init__(self, console: Console, backbones: int) -> None:
        self.console = console
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[what]}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}
        self.all = self.bars.add_task("backbones", total=backbones, what="")

    def expect(self, backbones: int) -> None:
        """Only so many of the plan's backbones are this run's to do."""
        self.bars.update(self.all, total=backbones)

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        self.bars.start()

    def start(self, backbone: str, units: int) -> None:
        """A bar for a backbone, which grows where several workers have a part of it."""
        if backbone in self.tasks:
            self.bars.update(self.tasks[backbone], total=units + (self.bars.tasks[self.tasks[backbone]].total or 0))
        else:
            self.tasks[backbone] = self.bars.add_task(escape(backbone), total=units, what="")
        if not self.console.is_terminal:
            self.console.print(f"{escape(backbone)}: {counted(units, 'unit')} of work", soft_wrap=True)

    def unit(self, backbone: str, what: str) -> None:
        self.bars.update(self.tasks[backbone], advance=1, what=escape(what.removeprefix(f"{backbone}--")))

    def finish(self, backbone: str) -> None:
        if backbone in self.tasks:
            self.bars.update(self.tasks[backbone], what="done")
        self.bars.advance(self.all)

    def problem(self, sentence: str) -> None:
        self.console.print(f"[yellow]{escape(sentence)}[/]", soft_wrap=True)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self.bars.stop()
