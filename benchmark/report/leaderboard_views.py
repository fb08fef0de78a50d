"""The leaderboard of a report in all its views, with ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..metrics.estimate import Estimate
from ..metrics.significance import Rank, ranks
from ..plan import NO_HEAD
from ..results import Key
from ..scores.convergence import NOT_CONVERGED, trusted
from ..scores.leaderboard import by_backbone
from ..scores.leaderboard_tables import score_text
from .run_data import RunData

MEAN = ""
"""The view in which every backbone is averaged over its heads; no head has an empty name."""


@dataclass(frozen=True)
class Score:
    """A score in per cent, half its 95 % interval, and its rank among its rivals."""

    mean: float
    half: float
    rank: Rank | None

    @property
    def text(self) -> str:
        return score_text(self.mean, self.half)

    @property
    def is_number(self) -> bool:
        return self.mean == self.mean


@dataclass(frozen=True)
class LeaderboardLine:
    """A line of the leaderboard."""

    backbone: str
    view: str
    """A head, or `MEAN`."""
    shots: int
    heads: int
    """How many heads the score is of; 0 for a backbone without any."""
    draws: int
    scores: Mapping[str, Score]
    """By metric."""
    unconverged: int = 0
    """How many of its draws did not converge, all heads of a mean together; such heads are left out of the mean."""


def entries(content: RunData) -> list[LeaderboardLine]:
    """Every line of every view: the mean over heads, then head by head; a backbone without heads is in all of them."""
    views = [MEAN, *content.heads] if len(content.heads) > 1 else list(content.heads) or [MEAN]
    return [entry for view in views for shots in content.shots for entry in _view(content, view, shots)]


def _view(content: RunData, view: str, shots: int) -> list[LeaderboardLine]:
    lines = {metric: _rivals(scores, view, shots) for metric, scores in content.estimates.items()}
    sure = {metric: trusted(scores, content.unconverged) for metric, scores in content.estimates.items()}
    places = {metric: ranks(_rivals(scores, view, shots)) for metric, scores in sure.items()}
    lines = {metric: one | _rivals(sure[metric], view, shots) for metric, one in lines.items()}
    backbones, flagged = lines[content.metrics[0]], {key[1:] for key in content.unconverged}
    out = []
    for backbone, one in backbones.items():
        scores = {
            metric: Score(e.mean, e.half_width(), places[metric].get(backbone))
            for metric, rivals in lines.items()
            for e in (rivals[backbone],)
        }
        keys = [key for head in _heads(content, view) if (key := (backbone, head, shots)) in content.groups]
        bad = sum(content.unconverged.get(key, 0) for key in keys)
        counted = [key for key in keys if key[1:] not in flagged] or keys
        out.append(LeaderboardLine(backbone, view, shots, len(counted), len(one.draws), scores, bad))
    firsts = {entry.backbone: entry.scores[content.metrics[0]] for entry in out}
    return sorted(out, key=lambda entry: -firsts[entry.backbone].mean if firsts[entry.backbone].is_number else 1)


def _heads(content: RunData, view: str) -> tuple[str, ...]:
    return content.heads if view == MEAN else (view,)


def _rivals(scores: Mapping[Key, Estimate], view: str, shots: int) -> dict[str, Estimate]:
    if view == MEAN:
        return by_backbone(scores, shots)
    return {key[0]: e for key, e in scores.items() if key[1] in (view, NO_HEAD) and key[2] == shots}


def table(lines: Sequence[LeaderboardLine]) -> pd.DataFrame:
    """The leaderboard as a long table, a row per line and metric."""
    rows = [
        {
            "backbone": line.backbone,
            "head": _head_label(line),
            "shots": line.shots,
            "metric": metric,
            "score": score.mean,
            "±": score.half,
            "best rank": score.rank.best if score.rank else None,
            "worst rank": score.rank.worst if score.rank else None,
            "heads": line.heads,
            "draws": line.draws,
            NOT_CONVERGED: line.unconverged,
        }
        for line in lines
        for metric, score in line.scores.items()
    ]
    return pd.DataFrame(rows).astype({"best rank": "Int64", "worst rank": "Int64"})


def _head_label(line: LeaderboardLine) -> str:
    return "mean over heads" if line.view == MEAN else line.view


def leaders(lines: list[LeaderboardLine], metric: str) -> list[LeaderboardLine]:
    """Those of one view that cannot be told from the best, best first."""
    places = [(line.scores[metric].rank, line) for line in lines]
    return [line for rank, line in places if rank is not None and rank.best == 1]
