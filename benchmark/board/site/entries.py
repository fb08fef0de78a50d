"""A backbone in one table of a board: its scores with how sure they are, who submitted it, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ...flags import GuardFlag
from ...metrics.definitions import DEFAULT
from ...metrics.estimate import Estimate
from ...plan import NO_HEAD
from ...report.run_data import is_control
from ...report.run_facts import gather_facts
from ...scores.leaderboard import Leaderboard
from ..board_runs import NamedBackbone, merged_findings
from ..card import command, facts
from ..layout import MARK, at
from ..submission import Key, Submission

METRICS = tuple(sorted(DEFAULT, key=lambda name: name != "mean"))
"""What the pages show; they open with the first."""


@dataclass(frozen=True)
class SubmissionFacts:
    """What a page says of one submission."""

    by: str
    date: str
    licence: str
    folder: str
    """On its board."""
    reproduced: bool
    """Whether it bears the mark of a cell that was taken again."""
    command: str
    """Makes its scores again."""
    facts: tuple[tuple[str, str], ...]
    flags: tuple[GuardFlag, ...]


@dataclass(frozen=True)
class SiteEntry:
    """A backbone in one table: one submission, or several that agree."""

    name: str
    """That no other has in its table."""
    backbone: str
    weights: str | None
    submissions: tuple[SubmissionFacts, ...]
    seconds: float | None
    """Per image, on the machine of its run."""
    parameters: int | None
    """Numbers in its network, where a run counted them."""
    scores: Mapping[str, Mapping[Key, Estimate]]
    """By metric."""
    unconverged: Mapping[Key, int]
    """How many draws of a head do not fit their own shots."""

    @property
    def page(self) -> str:
        """The name of its page, which it shares with the same weights in other tables."""
        return at(self.backbone, self.weights)

    @cached_property
    def family(self) -> str:
        """What its name begins with: `timm` of `timm:resnet18`, `vae` of `random:vae` and of `vae@mine`."""
        return re.split("[:@+]", self.backbone.removeprefix("random:"))[0]

    @cached_property
    def control(self) -> bool:
        return is_control(self.backbone)

    @property
    def licence(self) -> str:
        return "; ".join(dict.fromkeys(one.licence for one in self.submissions))

    @property
    def by(self) -> str:
        return ", ".join(dict.fromkeys(one.by for one in self.submissions))

    @property
    def date(self) -> str:
        """Of its first submission."""
        return min(one.date for one in self.submissions)

    @property
    def reproduced(self) -> bool:
        return any(one.reproduced for one in self.submissions)

    @property
    def milliseconds(self) -> float | None:
        return None if self.seconds is None else round(1000 * self.seconds, 3)

    @property
    def millions(self) -> float | None:
        """Of parameters."""
        return None if self.parameters is None else round(self.parameters / 1e6, 6)

    def key(self, head: str, shots: int) -> Key | None:
        """Its scores beside those of a head: its own, or those that it has without any."""
        known = self.scores[METRICS[0]]
        return next((key for key in ((head, shots), (NO_HEAD, shots)) if key in known), None)


def entry_of(board: Path, named: NamedBackbone) -> SiteEntry:
    """A row of a leaderboard as a page shows it."""
    scored, first = Leaderboard(named.results), named.submissions[0]
    return SiteEntry(
        name=named.name,
        backbone=first.backbone,
        weights=first.weights,
        submissions=tuple(_facts(board, one) for one in named.submissions),
        seconds=gather_facts(named.results, {}).sources[named.name].seconds,
        parameters=next((one.parameters for one in named.submissions if one.parameters is not None), None),
        scores={metric: {key[1:]: one for key, one in scored.estimates(metric).items()} for metric in METRICS},
        unconverged={key[1:]: count for key, count in scored.unconverged.items()},
    )


def _facts(board: Path, one: Submission) -> SubmissionFacts:
    findings = merged_findings([{"guards": one.findings, "data": one.data}])
    return SubmissionFacts(
        by=one.by,
        date=one.date,
        licence=one.licence,
        folder=str(one.path),
        reproduced=(board / one.path / MARK).is_file(),
        command=command(one),
        facts=tuple(facts(one)),
        flags=findings.flags,
    )


def without_chance(entry: SiteEntry) -> SiteEntry:
    """The entry without its estimates, which take most of the memory, once its table is made."""
    return replace(entry, scores={})
