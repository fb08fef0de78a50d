"""Checks of what the shots of a run show: classes that a head never sees, and masks that no person drew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import counted
from ..flags import SHOTS, GuardFlag, GuardResult, some

if TYPE_CHECKING:
    from .task import SegmentationTask


def guard_shots(task: SegmentationTask) -> GuardResult:
    """Classes that a head of some draw and number of shots never sees, and shots that no person annotated."""
    draws = task.manifest.draws
    if task.splits.episodes:
        return GuardResult("their shots as published")
    used = list(dict.fromkeys(i for draw in draws for i in draw))
    shown = dict(zip(used, task.pool_masks.classes(used), strict=True))
    cases: list[str] = []
    counts: list[str] = []
    for shots in task.plan.shots:
        absent = {
            n: absent_classes(task, set().union(*(shown[i] for i in draw[:shots]))) for n, draw in enumerate(draws)
        }
        lacking = {n: names for n, names in absent.items() if names}
        cases += [f"{counted(shots, 'shot')}, draw {n}: {', '.join(names)}" for n, names in lacking.items()]
        counts += [f"{len(lacking)} of {len(draws)} draws with {shots}"] if lacking else []
    numbers = task.plan.shots
    several = counted(numbers[0], "shot") if len(numbers) == 1 else f"{', '.join(map(str, numbers))} shots"
    checked = f"classes in {counted(len(draws), 'draw')} of {several}"
    oracle = _oracle(task)
    if not cases:
        return GuardResult(checked, oracle)
    text = f"a head never sees some class in {', '.join(counts)}: {some(cases, 1)}"
    return GuardResult(checked, (GuardFlag(SHOTS, "class missing from shots", text, tuple(cases)), *oracle))


def _oracle(task: SegmentationTask) -> tuple[GuardFlag, ...]:
    """A flag where a network stood in for the person who annotates, with how well it knows what it was taught."""
    facts = task.dataset.facts
    if "oracle" not in facts:
        return ()
    measured = (f"{name} {value}" for name, value in facts["oracle"]["measured"].items())
    return (
        GuardFlag(
            SHOTS, "annotated by an oracle", f"the shots have the masks of {facts['annotator']}", tuple(measured)
        ),
    )


def absent_classes(task: SegmentationTask, shown: set[int]) -> tuple[str, ...]:
    """The scored classes that are not among those shown."""
    return tuple(
        name for k, name in enumerate(task.dataset.classes) if k not in shown and name not in task.dataset.excluded
    )
