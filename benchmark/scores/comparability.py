"""Checks that scores are comparable: one protocol, the same images and shots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from ... import UserError
from ..plan import OPTIONS, Plan
from ..results import CellResult


class ComparisonError(UserError):
    """Scores that must not be compared, in one sentence: the fact, the culprit, the mend."""


BETWEEN_RUNS = "run both with the same settings and the same version"
IN_A_RUN = "delete its file and run the same command again"
FACTS = ("protocol", "plan", "data")
"""Of a cell's provenance, what must agree between all."""
CROSSED = ("backbones", "heads", "draws", "shots")
"""Fields of a plan that may differ."""


def check_same_protocol(a: Plan, b: Plan, names: tuple[str, str]) -> None:
    """Refuse two runs of another protocol, and say in what they differ."""
    if a.hash == b.hash:
        return
    pairs = [(OPTIONS[field], value, asdict(b)[field]) for field, value in asdict(a).items() if field not in CROSSED]
    differ = ", ".join(f"{option} {one} and {other}" for option, one, other in pairs if one != other)
    raise ComparisonError(f"{names[0]} and {names[1]} cannot be compared: they have {differ}; {BETWEEN_RUNS}")


def check_comparable(runs: Mapping[str, Sequence[CellResult]]) -> None:
    """Refuse scored cells that saw other images or shots, or were scored in another way, than the first of them."""
    scored = [(name, result) for name, results in runs.items() for result in results if not result.error]
    seen: dict[tuple[int, int], tuple[str, CellResult]] = {}
    for name, result in scored:
        first, cell = scored[0], result.cell
        where = seen.setdefault((cell.shots, cell.draw), (name, result))
        what = next(_differences(first[1], result), None)
        if what is None and result.provenance.get("shots") != where[1].provenance.get("shots"):
            first, what = where, "other shots"
        if what:
            mend = IN_A_RUN if name == first[0] else BETWEEN_RUNS
            of = f"{first[1].cell.slug} of {first[0]}"
            raise ComparisonError(f"{cell.slug} of {name} cannot be compared with {of}: it has {what}; {mend}")


def _differences(first: CellResult, result: CellResult) -> Iterator[str]:
    """In what two cells differ that must not."""
    for fact in FACTS:
        here, there = result.provenance.get(fact), first.provenance.get(fact)
        if here != there:
            yield f"other images ({here}, not {there})" if fact == "data" else f"another {fact} ({here}, not {there})"
    if (result.classes, result.excluded) != (first.classes, first.excluded):
        yield "other classes"
    if result.confusion is not None and first.confusion is not None and len(result.confusion) != len(first.confusion):
        yield f"{len(result.confusion)} test images, not {len(first.confusion)}"
