"""A lottery as tables and as plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf, isnan
from typing import TYPE_CHECKING

from ... import counted
from ..metrics.lottery import MOST, Lottery, Luck
from .comparison_tables import p_text
from .leaderboard_tables import score_text

if TYPE_CHECKING:
    from rich.table import Table

ALIKE = 0.05
"""p of agreement below which backbones are said to agree."""
LONGEST = 24
"""Letters of the name of a shot in a table."""


def title(dataset: str, metric: str, shots: int) -> str:
    return f"{dataset}: lottery of {counted(shots, 'shot')}, {metric} IoU, %"


def name_of(draw: int, names: Mapping[int, Sequence[str]]) -> str:
    """The shot of a draw, or its first shots, or its number where they are not known."""
    shot_names = names.get(draw)
    if not shot_names:
        return f"draw {draw}"
    short = shot_names[0] if len(shot_names[0]) <= LONGEST else "…" + shot_names[0][1 - LONGEST :]
    return short if len(shot_names) == 1 else f"draw {draw} ({short}, …)"


def as_luck_table(found: Lottery, names: Mapping[int, Sequence[str]]) -> Table:
    """A row per backbone, and one for the mean over all."""
    from rich.markup import escape

    table = _empty(("backbone", "best", "worst"), ("score", "deviation", "share", "spread"))
    for name, luck in found.lucks.items():
        table.add_row(*_row(escape(name), luck, names))
    table.add_section()
    table.add_row(*_row("(all)", found.overall, names))
    return table


def _row(name: str, luck: Luck, names: Mapping[int, Sequence[str]]) -> list[str]:
    from rich.markup import escape

    ends = [escape(name_of(draw, names).partition(" (")[0]) for draw in (luck.best, luck.worst)]
    return [name, *ends, _text(luck.mean), _text(luck.deviation), _percent(luck.share), _text(luck.spread)]


def as_pair_table(found: Lottery) -> Table:
    """A row per two neighbours on the leaderboard."""
    from rich.markup import escape

    table = _empty(("backbone", "before"), ("difference", "needed"))
    for pair in found.neighbours:
        difference = f"+{score_text(pair.difference, pair.half_width)}"
        table.add_row(escape(pair.better), escape(pair.worse), difference, needed_text(pair.needed))
    return table


def needed_text(needed: float) -> str:
    """Draws as text: `12`, `>1000` or `never`."""
    return "never" if isinf(needed) else f">{MOST}" if needed > MOST else f"{needed:.0f}"


def _empty(left: Sequence[str], right: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in left:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    return table


def sentences(found: Lottery, names: Mapping[int, Sequence[str]]) -> list[str]:
    """What it comes to, in plain words."""
    luck = found.overall
    best, worst = luck.best, luck.worst
    texts = [
        f"mean over backbones: {name_of(best, names)} gives {found.scores[best]:.1f} and "
        f"{name_of(worst, names)} {found.scores[worst]:.1f}, {luck.spread:.1f} points apart"
    ]
    if not isnan(luck.share):
        texts[0] += f"; the shots are {_percent(luck.share)} of the variance of a draw's score"
    return [*texts, *_agreement(found), *_needs(found), *_growth(found)]


def _agreement(found: Lottery) -> list[str]:
    agreement = found.agreement
    if isnan(agreement.w):
        return []
    verdict = "agree" if agreement.p < ALIKE else "are not shown to agree"
    numbers = f"Kendall's W {agreement.w:.2f}, mean Spearman {agreement.spearman:.2f}, p {p_text(agreement.p)}"
    return [f"the backbones {verdict} on which draw is good ({numbers})"]


def _needs(found: Lottery) -> list[str]:
    needs = [pair.needed for pair in found.neighbours]
    if not needs:
        return []
    never, possible = sum(map(isinf, needs)), [n for n in needs if not isinf(n)]
    draws = f"{needed_text(max(possible))} draws" if possible else ""
    if not never:
        return [f"a stable ranking needs {draws}"]
    lost = f"{never} of {len(needs)} neighbours can never be told apart with these {found.images} test images"
    return [f"{lost}; the others need {draws}" if possible else lost]


def _growth(found: Lottery) -> list[str]:
    correlations = [f"{rho:.2f} with {half}" for half, rho in found.growth.items() if not isnan(rho)]
    return (
        [f"rank correlation of the backbones between two sets of other draws: {', '.join(correlations)}"]
        if correlations
        else []
    )


def _text(value: float) -> str:
    return score_text(value, float("nan"))


def _percent(share: float) -> str:
    return "-" if isnan(share) else f"{100 * share:.0f} %"
