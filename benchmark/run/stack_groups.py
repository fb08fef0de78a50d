"""Which cells go together, since their heads are of one kind and can be stacked, as they learn or as they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...heads.head import Head
from ..plan import Cell
from ..plugins.calls import Warn, plugin_call
from ..plugins.catalogue import Offer

WhyAlone = Callable[[Head], str | None]
"""Why a head cannot be stacked; None if it can."""


def stack_groups(
    cells: Sequence[Cell], heads: Mapping[str, Offer[Head]], why: WhyAlone, alone: Callable[[Cell], bool], tell: Warn
) -> list[list[Cell]]:
    """The cells, those of a kind together but for such as are `alone` whatever their head is."""
    apart = {cell for cell in cells if alone(cell)}
    kinds = {name for name in {cell.head for cell in cells if cell not in apart} if _stacks(heads[name], why, tell)}
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.head if cell.head in kinds and cell not in apart else cell.slug, []).append(cell)
    return list(groups.values())


def _stacks(head: Offer[Head], why: WhyAlone, tell: Warn) -> bool:
    """Whether heads of this kind are stacked; of one that fails when it is asked, each fails by itself."""
    try:
        with plugin_call(head.record.name, tell):
            return why(head.record) is None
    except Exception:  # whatever a plugin raises, its cells will say
        return False
