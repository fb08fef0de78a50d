"""The leaderboard: cells become rows, rows become tables; nothing is run, no plugin is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from pandas.api.extensions import ExtensionArray

from ..metrics.confusion import Confusion, per_class
from ..metrics.definitions import DEFAULT, Metric, find_metric
from ..metrics.estimate import Estimate, average, estimate
from ..metrics.significance import Rank, ranks
from ..plan import NO_HEAD
from ..results import CellResult, Key
from .convergence import NOT_CONVERGED, trusted, unconverged, unknown

KEYS = ["backbone", "head", "shots"]
Estimates = Mapping[Key, Estimate]


def frame(results: Iterable[CellResult], metrics: Sequence[str] = DEFAULT) -> pd.DataFrame:
    """One row per scored cell: its keys, metrics in per cent, the IoU of every class."""
    chosen = [find_metric(name) for name in metrics]
    rows = [_row(result, result.confusion, chosen) for result in results if result.confusion is not None]
    return pd.DataFrame(rows, columns=None if rows else [*KEYS, "draw", *metrics])


def _row(result: CellResult, confusion: Confusion, metrics: Sequence[Metric]) -> dict[str, Any]:
    cell = result.cell
    row: dict[str, Any] = {"backbone": cell.backbone, "head": cell.head, "shots": cell.shots, "draw": cell.draw}
    for metric in metrics:
        row[metric.name] = 100 * metric.pooling.score(confusion, metric.scored(result.classes, result.excluded))
    iou = per_class(confusion.sum(0))
    return row | {f"iou:{name}": 100 * float(value) for name, value in zip(result.classes, iou, strict=True)}


def class_columns(table: pd.DataFrame) -> list[str]:
    return [c for c in table.columns if c.startswith("iou:")]


def estimates(results: Iterable[CellResult], metric: str) -> dict[Key, Estimate]:
    """The score of every backbone, head and number of shots, over its draws."""
    return estimates_by(results, find_metric(metric))


def trusted_estimates(results: Sequence[CellResult], metric: str) -> dict[Key, Estimate]:
    """The same without heads that did not converge, for means over heads."""
    return trusted(estimates(results, metric), unconverged(results))


def estimates_by(results: Iterable[CellResult], definition: Metric) -> dict[Key, Estimate]:
    """The same by a definition that has no name of its own."""
    groups: dict[Key, list[CellResult]] = defaultdict(list)
    for result in results:
        if result.confusion is not None:
            groups[result.key].append(result)
    return {key: _estimate(group, definition) for key, group in groups.items()}


def _estimate(group: Sequence[CellResult], metric: Metric) -> Estimate:
    pairs = [(result.cell.draw, result.confusion) for result in group if result.confusion is not None]
    return estimate(pairs, metric, metric.scored(group[0].classes, group[0].excluded))


@dataclass(frozen=True)
class Leaderboard:
    """The scores of cells by any metric; each estimate, with its jackknife over images, is computed once."""

    results: Sequence[CellResult]
    _estimates: dict[str, dict[Key, Estimate]] = field(default_factory=dict, repr=False)

    def estimates(self, metric: str) -> dict[Key, Estimate]:
        """The score of every backbone, head and number of shots, over its draws."""
        if metric not in self._estimates:
            self._estimates[metric] = estimates(self.results, metric)
        return self._estimates[metric]

    @cached_property
    def unconverged(self) -> dict[Key, int]:
        """How many draws did not converge, where any did not: scores that no rank is taken from."""
        return unconverged(self.results)

    def trusted(self, metric: str) -> dict[Key, Estimate]:
        """The estimates that ranks are taken from: those whose heads have converged."""
        return trusted(self.estimates(metric), self.unconverged)

    def unconverged_draws(self, keys: Iterable[Key]) -> ExtensionArray:
        """How many draws of each key did not converge, NA where old ones may be among them."""
        old = unknown(self.results)
        return pd.array([self.unconverged.get(key, pd.NA if key in old else 0) for key in keys], dtype="Int64")

    def summarise(self, metrics: Sequence[str] = DEFAULT) -> pd.DataFrame:
        """Per backbone, head and shots: every metric's mean over draws, half its 95 % interval, and its rank.

        The rank is among the backbones with the same head and shots, of one without a head among the means over
        heads; `2-4` says that those three cannot be told apart. Scores of heads that did not converge have none:
        how many of their draws did not stands in a column, empty where it is not known.
        """
        table = pd.concat([_summary(self.estimates(m), self.trusted(m), m) for m in metrics], axis=1)
        table["draws"] = [len(e.draws) for e in self.estimates(metrics[0]).values()]
        table[NOT_CONVERGED] = self.unconverged_draws(self.estimates(metrics[0]))
        return table.rename_axis(KEYS).reset_index()

    def rank_moves(self, metrics: Sequence[str]) -> pd.DataFrame:
        """The place and the rank of every backbone by each metric, where the place is not the same by all of them."""
        columns = {metric: _place(by_backbone(self.trusted(metric))) for metric in metrics}
        names = list(by_backbone(self.trusted(metrics[0])))
        rows = [[columns[metric].get(name, (0, "-")) for metric in metrics] for name in names]
        moved = [i for i, row in enumerate(rows) if len({place for place, _ in row}) > 1]
        table = [[names[i], *(text for _, text in rows[i])] for i in moved]
        return pd.DataFrame(table, columns=["backbone", *metrics])


def _summary(scores: Estimates, rivals: Estimates, metric: str) -> pd.DataFrame:
    """Columns of one metric; ranks are among the rivals."""
    places: dict[Key, str] = {}
    for head, shots in dict.fromkeys((head, shots) for _, head, shots in rivals):
        if head == NO_HEAD:
            shown = {(name, head, shots): rank for name, rank in ranks(by_backbone(rivals, shots)).items()}
        else:
            shown = ranks({key: e for key, e in rivals.items() if key[1] in (head, NO_HEAD) and key[2] == shots})
        places |= {key: str(rank) for key, rank in shown.items() if key in rivals and key[1] == head}
    columns = {
        metric: [e.mean for e in scores.values()],
        f"{metric} ±": [e.half_width() for e in scores.values()],
        f"{metric} rank": [places.get(key, "") for key in scores],
    }
    return pd.DataFrame(columns, index=pd.MultiIndex.from_tuples(list(scores), names=KEYS))


def by_backbone(scores: Estimates, shots: int | None = None) -> dict[str, Estimate]:
    """The score of every backbone, averaged over heads, and over numbers of shots unless one is given.

    Only heads and shots that all backbones have are averaged over, so that none gains by a head that failed.
    """
    groups: dict[str, dict[tuple[str, int], Estimate]] = defaultdict(dict)
    for (backbone, head, count), one in scores.items():
        if shots is None or count == shots:
            groups[backbone][(head, count)] = one
    crossed = [group.keys() for group in groups.values() if not all(head == NO_HEAD for head, _ in group)]
    common = set(crossed[0]).intersection(*crossed) if crossed else set()
    return {backbone: average([group[k] for k in group.keys() & common or group]) for backbone, group in groups.items()}


def places(scores: Estimates) -> dict[int, dict[str, Rank]]:
    """The ranks of the backbones, averaged over heads, by number of shots."""
    return {shots: ranks(by_backbone(scores, shots)) for shots in sorted({shots for _, _, shots in scores})}


def _place(scores: Mapping[str, Estimate]) -> dict[str, tuple[int, str]]:
    """Place of every score that is not NaN, and the place as text with the ranks that it may have."""
    shown = ranks(scores)
    order = sorted(shown, key=lambda name: -scores[name].mean)
    return {name: (i, f"{i} ({shown[name]})") for i, name in enumerate(order, start=1)}


def ranked(summary: pd.DataFrame, metric: str) -> list[str]:
    """Backbones, best mean over heads and shots first; heads that did not converge somewhere count nowhere."""
    pairs = pd.MultiIndex.from_frame(summary[["head", "shots"]])
    bad = pairs[summary[NOT_CONVERGED].fillna(0) > 0]
    scores = summary[metric].where(~pairs.isin(bad))
    means = pd.DataFrame({"backbone": summary["backbone"], "sure": scores, "any": summary[metric]})
    order = means.groupby("backbone")[["sure", "any"]].mean().sort_values(["sure", "any"], ascending=False)
    return list(order.index)
