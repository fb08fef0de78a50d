"""Whether two scores may be compared: only under one protocol, on the same images, classes and shots."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ... import UserError
from ..plan import Plan
from ..results import CellResult, Key


class ComparisonError(UserError):
    """Scores that must not be compared, in one sentence: the fact, the culprit, the mend."""


BETWEEN_RUNS = "run both with the same settings and the same version"
IN_A_RUN = "delete its file and run the same command again"


class Conditions(NamedTuple):
    """Under what a cell was scored: scores are compared only where all of it is the same."""

    protocol: str
    plan: str
    """Hash of the options that all cells share."""
    data: str
    """Hash of the images."""
    classes: tuple[str, ...]
    excluded: tuple[str, ...]
    images: int
    """Test images of a scored cell, 0 of one that failed."""

    @classmethod
    def of(cls, result: CellResult) -> Conditions:
        protocol, plan, data = (str(result.provenance.get(name)) for name in ("protocol", "plan", "data"))
        images = 0 if result.confusion is None else len(result.confusion)
        return cls(protocol, plan, data, result.classes, result.excluded, images)

    def differences(self, first: Conditions) -> Iterator[str]:
        """What is not as in the first."""
        for name, ours, theirs in zip(self._fields[:3], self, first, strict=False):
            if ours != theirs:
                what = "other images, masks or classes" if name == "data" else f"another {name}"
                yield f"{what} ({ours}, not {theirs})"
        if (self.classes, self.excluded) != (first.classes, first.excluded):
            yield "other classes"
        if self.images != first.images:
            yield f"{self.images} test images, not {first.images}"


def check_same_protocol(a: Plan, b: Plan, names: tuple[str, str]) -> None:
    """Refuse two runs of another protocol, and say in what they differ."""
    if a.hash != b.hash:
        differ = f"{names[0]} and {names[1]} cannot be compared: they have {a.differences(b)}"
        raise ComparisonError(f"{differ}; {BETWEEN_RUNS}")


def check_comparable(runs: Mapping[str, Sequence[CellResult]]) -> None:
    """Refuse scored cells that saw other images or shots, or were scored in another way, than the first of them."""
    scored = [(name, result) for name, results in runs.items() for result in results if not result.error]
    seen: dict[tuple[int, int], tuple[str, CellResult]] = {}
    for name, result in scored:
        first, cell = scored[0], result.cell
        where = seen.setdefault((cell.shots, cell.draw), (name, result))
        what = next(Conditions.of(result).differences(Conditions.of(first[1])), None)
        if what is None and result.provenance.get("shots") != where[1].provenance.get("shots"):
            first, what = where, "other shots"
        if what:
            mend = IN_A_RUN if name == first[0] else BETWEEN_RUNS
            of = f"{first[1].cell.slug} of {first[0]}"
            raise ComparisonError(f"{cell.slug} of {name} cannot be compared with {of}: it has {what}; {mend}")


def split_by_usual(results: Sequence[CellResult]) -> tuple[list[CellResult], list[CellResult]]:
    """Cells under the conditions of most that are scored, with all that failed, and the scored ones under others."""
    conditions = [Conditions.of(result) for result in results]
    counts = Counter(one for one in conditions if one.images)
    usual = counts.most_common(1)[0][0] if counts else None
    alike = [result for result, one in zip(results, conditions, strict=True) if one == usual or not one.images]
    return alike, [result for result, one in zip(results, conditions, strict=True) if one != usual and one.images]


def fewer_draws(results: Iterable[CellResult]) -> list[str]:
    """Which scores are of fewer draws of shots than others with as many, in one sentence if there are any."""
    draws: dict[Key, set[int]] = defaultdict(set)
    for result in results:
        if result.confusion is not None:
            draws[result.key].add(result.cell.draw)
    most = {shots: max(len(seen) for key, seen in draws.items() if key[2] == shots) for _, _, shots in draws}
    few = {key: len(seen) for key, seen in draws.items() if len(seen) < most[key[2]]}
    if not few:
        return []
    named = [f"{key[0]} {key[1]} at {key[2]} shots ({n} of {most[key[2]]})" for key, n in few.items()]
    rest = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return [f"{len(few)} of {len(draws)} scores are of fewer draws than others: {', '.join(named[:3])}{rest}"]
