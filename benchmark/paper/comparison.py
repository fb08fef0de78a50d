"""Compares a preset's scores with the paper's, and tests the paper's claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

from ..metrics.definitions import class_metric, find_metric
from ..metrics.estimate import Estimate
from ..plan import SUPERVISED
from ..results import CellResult
from ..scores.convergence import unconverged
from ..scores.label_efficiency import LabelEfficiency, label_efficiency
from ..scores.leaderboard import estimates_by
from .claims import Finding, judge, mean_of, together
from .preset import Claim, Key, Preset, PresetRow, PresetRun
from .published_scores import CLASS, PaperColumn, PaperRow, PaperTask, read_tasks

LABELS_METRIC = "paper_weighted"
"""The definition by which numbers of labels are compared (Figure 6)."""


@dataclass(frozen=True)
class ComparedScore:
    """A score of ours, a score of the paper, or both, by one definition."""

    row: str
    by: str
    """Who reported the paper's score: the paper itself, or whom it quotes; empty where there is none."""
    shots: int | None
    column: str
    metric: str
    task: PaperTask
    paper: float | None
    part: PresetRun | None = None
    """The run of ours; None where we have none."""
    backbone: str = ""
    """As in the preset's rows; the part may know it by a longer name."""
    head: str = ""
    ours: Estimate | None = None
    unconverged: int = 0
    """Draws of ours whose head did not converge."""


@dataclass(frozen=True)
class ClaimResult:
    """A claim of the paper, tested on a run."""

    claim: Claim
    findings: tuple[Finding, ...]
    paper: Mapping[str, float | None]
    """The paper's own difference to each other row."""
    verdict: str


@dataclass(frozen=True)
class PaperComparison:
    """The results of a preset's runs, read once."""

    preset: Preset
    results: Mapping[str, Sequence[CellResult]]
    """By part."""

    @property
    def scored(self) -> list[CellResult]:
        """The cells of all parts."""
        return [result for results in self.results.values() for result in results]

    @cached_property
    def _cached_estimates(self) -> dict[tuple[str, str], dict[Key, Estimate]]:
        return {}

    def estimate(self, part: PresetRun, metric: str, row: PresetRow, shots: int) -> Estimate | None:
        """Our score; None where it was not computed."""
        if (part.name, metric) not in self._cached_estimates:
            self._cached_estimates[part.name, metric] = self._estimates(part, metric)
        return self._cached_estimates[part.name, metric].get(part.key(row, shots))

    def _unconverged(self, part: PresetRun, row: PresetRow, shots: int) -> int:
        return unconverged(self.results[part.name]).get(part.key(row, shots), 0)

    def _estimates(self, part: PresetRun, metric: str) -> dict[Key, Estimate]:
        scored = [result for result in self.results[part.name] if result.confusion is not None]
        if not metric.startswith(CLASS):
            return estimates_by(scored, find_metric(metric))
        name = metric.removeprefix(CLASS)
        if not scored or name not in scored[0].classes:
            return {}
        return estimates_by(scored, class_metric(metric, scored[0].classes.index(name)))

    def lines(self) -> Iterator[ComparedScore]:
        """Row by row as in the paper; then what it has no row for."""
        table = self.preset.paper
        for row in table.rows:
            for place, column in enumerate(table.columns):
                yield self._line(row, column, row.scores[place])
        for part in self.preset.parts:
            for extra in self.preset.extras(part):
                for shots in part.plan.shots:
                    yield from self._extra(part, extra, shots)

    def _line(self, row: PaperRow, column: PaperColumn, score: float | None) -> ComparedScore:
        table = self.preset.paper
        task, metric = table.task_of(row, column), table.metric_of(row, column)
        by = "" if score is None else row.by or "the paper"
        line = ComparedScore(row.name, by, row.shots, column.name, metric, task, score)
        ours = self.preset.row_of(row.name)
        part = None if ours is None or row.by else self.preset.part_of(task.name, ours)
        if ours is None or row.by or row.shots is None:
            return line
        estimate = None if part is None else self.estimate(part, metric, ours, row.shots)
        bad = 0 if part is None else self._unconverged(part, ours, row.shots)
        return replace(line, part=part, backbone=ours.backbone, head=ours.head, ours=estimate, unconverged=bad)

    def _extra(self, part: PresetRun, row: PresetRow, shots: int) -> Iterator[ComparedScore]:
        """Of a row of ours, in every column of a task that the part scores."""
        table = self.preset.paper
        for column in table.columns:
            if column.task not in part.tasks:
                continue
            plain = PaperRow(row.name, ())
            metric, task = table.metric_of(plain, column), read_tasks()[column.task]
            estimate = self.estimate(part, metric, row, shots)
            if estimate is not None:
                yield ComparedScore(
                    row.name, "", shots, column.name, metric, task, None, part, row.backbone, row.head, estimate,
                    self._unconverged(part, row, shots),
                )  # fmt: skip

    def labels(self) -> dict[str, LabelEfficiency]:
        """How many labels each row of ours is worth, where the supervised control has several numbers of them."""
        parts = self.preset.parts
        scores: dict[Key, Estimate] = {}
        for part in parts:
            scores |= self._estimates(part, LABELS_METRIC)
        if len({part.plan.hash for part in parts}) > 1 or len({k for k in scores if k[0] == SUPERVISED}) < 2:
            return {}
        found = {one.key: one for one in label_efficiency(scores)}
        rows = [(row.name, self.preset.row_of(row.name), row.shots) for row in self.preset.paper.rows]
        keys = {n: part.key(r, s) for part in parts for n, r, s in rows if r and s and r.stands_in(part)}
        return {name: found[key] for name, key in keys.items() if key in found}

    def judgements(self) -> list[ClaimResult]:
        """Every claim that its rows have scores for."""
        return [found for claim in self.preset.claims if (found := self._judge(claim)) is not None]

    def _judge(self, claim: Claim) -> ClaimResult | None:
        shots, others = self._shots(claim), {}
        score = self._mean(claim.row, claim.column, shots)
        for name in claim.against:
            other = self._mean(name, claim.column, claim.against_shots or shots)
            if other is not None:
                others[name] = other
        if score is None or not others:
            return None
        findings = tuple(judge(claim.kind, score, others, claim.margin))
        paper = {name: self._paper_difference(claim, name, shots) for name in others}
        return ClaimResult(claim, findings, paper, together(findings)) if findings else None

    def _shots(self, claim: Claim) -> tuple[int, ...]:
        rows = self.preset.paper.rows
        return claim.shots or tuple(row.shots for row in rows if row.name == claim.row and row.shots is not None)

    def _mean(self, name: str, column: str, shots: Sequence[int]) -> Estimate | None:
        """Our score of a row, averaged over numbers of shots."""
        table, row = self.preset.paper, self.preset.row_of(name)
        definition = next(c for c in table.columns if c.name == column)
        part = None if row is None else self.preset.part_of(definition.task, row)
        if row is None or part is None:
            return None
        metric = table.metric_of(PaperRow(name, ()), definition)
        estimates = [one for count in shots if (one := self.estimate(part, metric, row, count)) is not None]
        return mean_of(estimates) if len(estimates) == len(shots) else None

    def _paper_difference(self, claim: Claim, name: str, shots: Sequence[int]) -> float | None:
        table = self.preset.paper
        counts = claim.against_shots or shots
        ours = [table.score(claim.row, count, claim.column) for count in shots]
        theirs = [table.score(name, count, claim.column) for count in counts]
        if None in ours or None in theirs:
            return None
        return fmean(filter(None, ours)) - fmean(filter(None, theirs))
