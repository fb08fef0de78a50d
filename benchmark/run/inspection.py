"""A look at the pixels of every image and mask of a run, before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ... import one_line
from ...datasets.dataset import IGNORE, DatasetError, Inspectable, Split
from ..plugins.calls import plugin_call
from .task import SegmentationTask

Fault = str | None


def inspect(task: SegmentationTask, report: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    """Look at all images that a run reads, tell `report` of each, and name every one at fault.

    What was noticed and is no fault comes back in sentences.
    """
    faults = list[str]()
    for name, (split, rows) in task.reads.items():
        for fault in _faults(task, split, rows, labelled=name != "unlabelled"):
            faults += [fault] if fault else []
            report()
    if faults:
        others = f" ({len(faults) - 1} more images of the run have a fault: {'; '.join(faults[1:3])}"
        others += f"; and {len(faults) - 3} more)" if len(faults) > 3 else ")"
        raise DatasetError(faults[0] + (others if len(faults) > 1 else ""))
    return tuple(task.splits.remarks())


def count(task: SegmentationTask) -> int:
    """How many images `inspect` looks at."""
    return sum(len(rows) for _, rows in task.reads.values())


def _faults(task: SegmentationTask, split: Split, rows: range, labelled: bool) -> Iterator[Fault]:
    """What is wrong with each image, None for one that is as it should be."""
    if isinstance(split, Inspectable):
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
            yield from threads.map(partial(_fault, task, split, split.inspect), rows)
    else:  # what a stranger's split does when several ask at once is not known
        yield from map(partial(_fault, task, split, partial(_read, task, split, labelled)), rows)


def _fault(task: SegmentationTask, split: Split, look: Callable[[int], None], row: int) -> Fault:
    try:
        look(row)
    except DatasetError as error:
        return str(error)
    except Exception as error:  # whatever a stranger's split raises
        name = f"'{split.name(row)}' of {task.dataset.name}"
        return f"{name} cannot be read ({one_line(error)}); mend or replace it"
    return None


def _read(task: SegmentationTask, split: Split, labelled: bool, row: int) -> None:
    """Read an image and its mask as the run will."""
    with plugin_call(task.dataset.name):
        split.images([row], task.plan.size)
        values = split.masks([row], task.plan.size).unique().tolist() if labelled else []
    strange = [value for value in values if value != IGNORE and not 0 <= value < len(task.dataset.classes)]
    if strange:
        where = f"the mask of '{split.name(row)}' of {task.dataset.name} holds {strange[0]}"
        raise DatasetError(f"{where}, and its classes go from 0 to {len(task.dataset.classes) - 1}; mend the mask")
