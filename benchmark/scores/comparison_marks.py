"""What a comparison says of heads that did not converge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..plan import NO_HEAD
from ..results import CellResult, Key
from . import convergence
from .pairings import SHOTS, Pairing, Pairs

Runs = Sequence[Sequence[CellResult]]


@dataclass(frozen=True)
class ComparisonMarks:
    """Which places of a table did not converge on either side, and of which nobody knows."""

    stuck: Collection[Pairing]
    unknown: Collection[Pairing]

    @classmethod
    def of(cls, pairs: Pairs, runs: Runs, over: Collection[str]) -> ComparisonMarks:
        """Of pairs, by all cells of the runs that they are from, chosen or not; averaged `over` heads or shots."""
        named = any(place.backbone for place in pairs)

        def places(keys: Iterable[Key]) -> set[Pairing]:
            found = {Pairing(backbone if named else "", head, shots) for backbone, head, shots in keys} & {*pairs}
            return {place._replace(shots=None) for place in found} if SHOTS in over else found

        stuck = places(key for run in runs for key in convergence.unconverged(run))
        return cls(stuck, places(key for run in runs for key in convergence.unknown(run)))

    def converged(self, place: Pairing) -> bool | None:
        """None where nobody knows, or no head is."""
        if place in self.stuck:
            return False
        return None if place in self.unknown or place.head == NO_HEAD else True
