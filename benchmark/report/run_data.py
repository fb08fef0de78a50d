"""The data of a run that a report shows, read from its files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..flags import IMAGES, SHOTS, GuardFlag, findings_of_scored
from ..metrics.definitions import METRICS, find_metric
from ..metrics.estimate import Estimate
from ..paper.reported_scores import ReportedScore, reported_for
from ..plan import COPY, NO_HEAD, SUPERVISED, Cell, Plan
from ..plugins.run_signoffs import RunSignoff, run_signoffs
from ..results import CellResult, Key, ResultError
from ..run_folder import RunFolder
from ..scores.comparability import split_by_usual
from ..scores.convergence import NOT_CONVERGED, sentences, unconverged
from ..scores.leaderboard import estimates
from .run_facts import RunFacts, gather_facts

CONTROLS = ("position", "pixels", COPY)
"""Backbones that only say what a score is worth; so does every `random:NAME`."""


def is_control(backbone: str) -> bool:
    return backbone in CONTROLS or backbone.startswith("random:")


@dataclass(frozen=True)
class RunData:
    """A run, read once."""

    path: Path
    plan: Plan
    scored: tuple[CellResult, ...]
    """Cells with a score, all of the same protocol and images."""
    failed: tuple[CellResult, ...]
    set_aside: tuple[str, ...]
    """Why a file is not used, a sentence each."""
    metrics: tuple[str, ...]
    """What was asked for: drawn, and first on the page."""
    flags: tuple[GuardFlag, ...]
    facts: RunFacts
    crossed: bool = True
    """Whether every cell of the plan was asked for; of a board there are those that somebody submitted."""

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """Every metric that can be chosen on the page."""
        return tuple(dict.fromkeys((*self.metrics, *METRICS)))

    @cached_property
    def estimates(self) -> dict[str, dict[Key, Estimate]]:
        """By metric."""
        return {metric: estimates(self.scored, metric) for metric in self.offered}

    @cached_property
    def unconverged(self) -> dict[Key, int]:
        """How many draws did not converge, where any did not."""
        return unconverged(self.scored)

    @cached_property
    def groups(self) -> dict[Key, tuple[CellResult, ...]]:
        """The cells that differ in their draw alone, first draw first."""
        groups: dict[Key, list[CellResult]] = {key: [] for key in self.estimates[self.metrics[0]]}
        for result in sorted(self.scored, key=lambda result: result.cell.draw):
            groups[(result.cell.backbone, result.cell.head, result.cell.shots)].append(result)
        return {key: tuple(group) for key, group in groups.items()}

    @property
    def classes(self) -> tuple[str, ...]:
        return self.scored[0].classes

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.scored[0].excluded

    @property
    def reported(self) -> list[ReportedScore]:
        """What papers report on images of the same dataset."""
        return reported_for(self.plan.dataset, self.classes, self.excluded)

    @property
    def images(self) -> int:
        """How many test images were scored."""
        confusion = self.scored[0].confusion
        return 0 if confusion is None else len(confusion)

    @cached_property
    def shots(self) -> tuple[int, ...]:
        return tuple(sorted({shots for _, _, shots in self.groups}))

    @cached_property
    def most(self) -> int:
        """The most shots of a backbone; the supervised control may have many more."""
        counts = {shots for backbone, _, shots in self.groups if backbone != SUPERVISED}
        return max(counts or self.shots)

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Heads that have a score, in the order of the plan."""
        return _in_order(self.plan.heads, (head for _, head, _ in self.groups if head != NO_HEAD))

    @cached_property
    def backbones(self) -> tuple[str, ...]:
        """Backbones that have a score, in the order of the plan."""
        return _in_order(self.plan.backbones, (backbone for backbone, _, _ in self.groups))

    @property
    def missing(self) -> int:
        """Cells of the plan that have no file yet, but for numbers of shots that only others were asked for."""
        if not self.crossed:
            return 0
        done = [result.cell for result in (*self.scored, *self.failed)]
        begun, asked = {cell.backbone for cell in done}, {(cell.backbone, cell.shots) for cell in done}
        cells = [c for c in self.plan.cells() if c.backbone not in begun or (c.backbone, c.shots) in asked]
        return max(0, len(cells) - len(done) - len(self.set_aside))

    def best_head(self, backbone: str, shots: int | None = None) -> Key | None:
        """The head of a backbone with the highest score, of those that converged if any did."""
        count = self.most if shots is None else shots
        scores = self.estimates[self.metrics[0]]
        keys = [key for key in self.groups if key[0] == backbone and key[2] == count]
        finite = [key for key in keys if scores[key].mean == scores[key].mean]
        finite = [key for key in finite if key not in self.unconverged] or finite
        return max(finite, key=lambda key: scores[key].mean, default=None)

    def best_heads(self) -> list[Key]:
        """The best head of every backbone with most shots, best first."""
        scores = self.estimates[self.metrics[0]]
        keys = [key for key in map(self.best_head, self.backbones) if key is not None]
        return sorted(keys, key=lambda key: -scores[key].mean)


def _in_order(ordered: Sequence[str], found: Iterable[str]) -> tuple[str, ...]:
    there = dict.fromkeys(found)
    return tuple(name for name in ordered if name in there)


def gather(path: Path, metrics: Sequence[str]) -> RunData:
    """Read a run for its report; what is damaged, or of another protocol, is set aside with its reason."""
    folder = RunFolder(path)
    plan, (results, damaged) = folder.read_plan(), folder.results()
    alike, others = split_by_usual(results)
    aside = (*map(str, damaged), *(_other(folder, result.cell) for result in others))
    return assemble(RunSource(path, plan, alike, aside, _flags(path), run_signoffs(path)), metrics)


@dataclass(frozen=True)
class RunSource:
    """What a report is made from."""

    path: Path
    plan: Plan
    results: Sequence[CellResult]
    """All of the same protocol and images."""
    set_aside: tuple[str, ...]
    flags: Sequence[GuardFlag]
    signoffs: Sequence[RunSignoff]
    crossed: bool = True
    """Whether every cell of the plan was asked for."""


def assemble(source: RunSource, metrics: Sequence[str]) -> RunData:
    """The data of a report, of what was read."""
    for metric in metrics:
        find_metric(metric)
    scored = tuple(result for result in source.results if result.confusion is not None)
    if not scored:
        raise ResultError(f"{source.path} has no score yet; run it to its end with partbench run")
    return RunData(
        path=source.path,
        plan=source.plan,
        scored=scored,
        failed=tuple(result for result in source.results if result.confusion is None),
        set_aside=source.set_aside,
        metrics=tuple(metrics),
        flags=(*source.flags, *(GuardFlag(SHOTS, NOT_CONVERGED, one) for one in sentences(scored))),
        facts=gather_facts(scored, {v.name: v.standing for v in source.signoffs if v.noun == "backbone"}),
        crossed=source.crossed,
    )


def _flags(path: Path) -> tuple[GuardFlag, ...]:
    """What the guards of a run found; a file of theirs that is damaged is a flag, too."""
    try:
        findings = findings_of_scored(path)
    except ResultError as error:
        return (GuardFlag(IMAGES, "guards", str(error)),)
    return findings.flags if findings else ()


def _other(folder: RunFolder, cell: Cell) -> str:
    fact = f"{folder.cell_file(cell)} is of another protocol, or of other images or classes, than most"
    return f"{fact}; delete it and run the same command again"
