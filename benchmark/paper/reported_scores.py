"""What papers report on images of the same datasets, each score with its definition, split and source.

They stand beside a leaderboard and never in it: other images, other definitions, other shots. Those of the paper come
from `numbers.toml`, those of others from `reported/PAPER.toml`, so that each stands in one place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ... import UserError
from ..files import read_toml
from .published_scores import CLASS, PaperTask, read_tables, read_tasks, task_of

FOLDER = Path(__file__).parent / "reported"
OWN = ("1", "2", "4", "6")
"""The paper's tables whose averages are shown; the others vary what stands in these."""
PAPER = "N. Tritrong et al., Repurposing GANs for One-shot Semantic Part Segmentation, CVPR 2021"
WEB = "https://arxiv.org/abs/2103.04379"
NOTE = "these are of other images, draws or definitions than the scores above, and are never ranked with them"
"""What is said under them wherever they stand."""
FIELDS = {"paper", "title", "url", "split", "metric", "definition", "rows"}
OPTIONAL = {"second_hand", "tasks"}
ROW, ROW_OPTIONAL = {"method", "task", "score"}, {"shots", "spread", "by", "metric"}


class ReportedError(UserError):
    """A file of reported scores that cannot be used, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class ReportedScore:
    """A score that a paper prints, per cent."""

    method: str
    task: PaperTask
    score: float
    metric: str
    """The metric of ours that is defined so; empty where none is, or nobody knows."""
    definition: str
    split: str
    paper: str
    source: str
    """Authors, title and where it appeared."""
    url: str
    shots: int | None = None
    """Annotated images; None where it is not known, or every image of a training set."""
    spread: float | None = None
    """What it prints behind ±, whatever that is of."""
    by: str = ""
    """Who measured it, where it is another than the paper's authors."""
    second_hand: str = ""
    """Where it was read, if not in the paper itself."""

    @property
    def text(self) -> str:
        """`75.7±0.4`."""
        return f"{self.score:.1f}" + (f"±{self.spread:.1f}" if self.spread is not None else "")

    @property
    def where(self) -> str:
        """The paper, who measured it there, and where it was read."""
        by = f", measured by {self.by}" if self.by else ""
        return f"{self.paper}{by}" + (f" (second-hand: {self.second_hand})" if self.second_hand else "")


def reported_for(dataset: str, classes: Collection[str], excluded: Collection[str]) -> list[ReportedScore]:
    """The scores on the images of a run's dataset, with the classes that it averages over; fewest shots first."""
    family, averaged = dataset.partition(":")[0], {*classes} - {*excluded}
    found = [
        one
        for one in read_reported()
        if one.task.family == family and (not one.task.classes or {*one.task.classes} == averaged)
    ]
    return sorted(found, key=lambda one: (one.shots is None, one.shots or 0, -one.score))


@cache
def read_reported() -> tuple[ReportedScore, ...]:
    """All of them: the paper's own, then those of each file."""
    others = (score for file in sorted(FOLDER.glob("*.toml")) for score in read_file(file))
    return (*_of_the_paper(), *others)


def read_file(file: Path) -> list[ReportedScore]:
    """The scores of one paper."""
    raw = read_toml(file)
    _check_fields(file, "it", raw, FIELDS, OPTIONAL)
    tasks = {**_known_tasks(), **_tasks(raw)}
    shared = {name: raw[name] for name in ("paper", "url", "split", "definition")}
    shared |= {"source": raw["title"], "second_hand": raw.get("second_hand", ""), "metric": raw["metric"]}
    if not str(raw["url"]).startswith("http"):
        raise ReportedError(f"{file} has the address {raw['url']!r}; give one that begins with http")
    return [_score(file, number, row, tasks, shared) for number, row in enumerate(raw["rows"], 1)]


@cache
def _known_tasks() -> Mapping[str, PaperTask]:
    """Those of the paper and of all files: one may report on another's."""
    return {
        **read_tasks(),
        **{name: t for file in FOLDER.glob("*.toml") for name, t in _tasks(read_toml(file)).items()},
    }


def _tasks(raw: Mapping[str, Any]) -> dict[str, PaperTask]:
    return {name: task_of(name, task) for name, task in raw.get("tasks", {}).items()}


def _score(
    file: Path, number: int, row: Mapping[str, Any], tasks: Mapping[str, PaperTask], shared: Mapping[str, Any]
) -> ReportedScore:
    from ..metrics.definitions import find_metric  # scipy comes with it, and presets are listed at once

    _check_fields(file, f"row {number}", row, ROW, ROW_OPTIONAL)
    if row["task"] not in tasks:
        raise ReportedError(f"row {number} of {file} has the task {row['task']!r}; take one of {', '.join(tasks)}")
    if not 0 < row["score"] < 100 or row.get("spread", 1) <= 0 or row.get("shots", 1) < 1:
        raise ReportedError(f"row {number} of {file} has a score, spread or shots that cannot be; give per cent")
    score = ReportedScore(**{**shared, **row, "task": tasks[row["task"]]})
    if score.metric:
        find_metric(score.metric)
    return score


def _check_fields(file: Path, what: str, raw: Mapping[str, Any], needed: set[str], optional: set[str]) -> None:
    """Refuse what is missing or misspelt."""
    missing, strange = sorted(needed - {*raw}), sorted({*raw} - needed - optional)
    if missing or strange:
        fact = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(strange)}, which nothing reads"
        raise ReportedError(f"{file}: {what} {fact}; mend it there")


def _of_the_paper() -> Iterator[ReportedScore]:
    """The averages that the paper prints, each once."""
    seen = set[tuple[object, ...]]()
    for table in (read_tables()[key] for key in OWN):
        for row in table.rows:
            for column, score in zip(table.columns, row.scores, strict=True):
                task, metric = table.task_of(row, column), table.metric_of(row, column)
                key = task.name, metric, row.shots, score
                if column.metric.startswith(CLASS) or score is None or key in seen:
                    continue
                seen.add(key)
                yield ReportedScore(
                    row.name, task, score, metric, f"{column.name}, as the paper says", task.images,
                    f"the paper, {table.source}", PAPER, WEB, row.shots, by=row.by,
                )  # fmt: skip
