"""The paper's numbers stand in one place, agree with each other where they should, and carry their definitions."""

from __future__ import annotations

import pytest

from partbench.benchmark.metrics.definitions import find_metric
from partbench.benchmark.paper.published_scores import CLASS, PaperTable, read_tables, read_tasks
from partbench.datasets import cars, faces, horses

TABLES = read_tables()
CLASSES = {
    "3-class": faces.GROUPINGS["paper3"],
    "10-class": faces.CLASSES,
    "car": cars.CLASSES,
    "car-bg": cars.CLASSES,
    "horse": horses.CLASSES,
}


def scores(key: str, row: str, shots: int | None = 10) -> list[float]:
    """Those of a row."""
    return [score for c in TABLES[key].columns if (score := TABLES[key].score(row, shots, c.name)) is not None]


def test_every_experiment_of_the_paper_is_there() -> None:
    """Tables 1 to 7, B, F and G; Figures 6, 10 and K."""
    assert [table.source for table in TABLES.values()] == [
        *(f"Table {key}" for key in ("1", "2", "3", "4", "5", "6", "7", "B", "F", "G")),
        *(f"Figure {key}" for key in ("6", "10", "K")),
    ]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_score_has_its_definition(table: PaperTable) -> None:
    """A metric of ours or a class of its task, per cent, and a task that says images and overlaps."""
    for row in table.rows:
        assert len(row.scores) == len(table.columns)
        assert all(score is None or 0 < score < 100 for score in row.scores)
        for column in table.columns:
            task, metric = table.task_of(row, column), table.metric_of(row, column)
            assert task.images and task.overlaps and task.classes
            if not metric.startswith(CLASS):
                assert find_metric(metric).name == metric
                assert metric.endswith("-bg") != task.background


@pytest.mark.parametrize("name", CLASSES)
def test_the_classes_of_a_task_are_ours(name: str) -> None:
    """Those that are averaged over are all of the dataset's, the background by the task."""
    task = read_tasks()[name]
    assert {*task.classes} | {"background"} == {*CLASSES[name]}
    assert ("background" in task.classes) == task.background


@pytest.mark.parametrize(
    ("key", "row", "shots", "average"),
    [
        ("4", "CNN", None, 58.7),
        ("4", "CNN+CRF", None, 57),
        ("4", "Ours (Auto-shot)", 10, 52.2),
        ("4", "OMPS", None, 66.5),
        ("4", "Ours (Auto-shot) w/o bg", 10, 47.9),
    ],
)
def test_averages_are_those_of_their_classes(key: str, row: str, shots: int | None, average: float) -> None:
    """Table 4 averages over its columns, with and without the background; so nothing was mistyped there."""
    *classes, last = scores(key, row, shots)
    assert last == average == pytest.approx(sum(classes) / len(classes), abs=0.07)


def test_what_the_paper_prints_twice_is_the_same() -> None:
    """Tables 1, 2, 3, 7, B, F and G and Figures 6 and 10 repeat each other's scores."""
    for shots in (1, 5, 10):
        assert scores("1", "CNN", shots) == scores("G", "GANs", shots)
        assert scores("3", "Ours", shots)[0] == scores("1", "CNN", shots)[0]
        assert scores("figure-6", f"{shots}-shot", shots) == scores("1", "CNN", shots)[1:]
    assert scores("2", "10-shot segmenter")[0] == scores("1", "CNN")[1]
    assert scores("2", "Auto-shot segmenter")[0] == scores("B", "Logits")[0] == scores("figure-6", "auto-shot")[0]
    assert scores("7", "CNN, L", 1) == scores("F", "A-B-C (all)", 1) == scores("1", "CNN", 1)[1:]
    assert scores("7", "MLP, 2 hidden layers", 1) == scores("figure-10", "2-hidden", 1) == scores("1", "MLP", 1)[1:]


def test_later_papers_quote_the_unweighted_mean() -> None:
    """69.9 and 68.2 of Table 2, as SLiMe has them, are the means of its ten classes."""
    for row, mean in (("Auto-shot segmenter", 69.9), ("10-shot segmenter", 68.2)):
        _, *classes = scores("2", row)
        assert sum(classes) / 10 == pytest.approx(mean, abs=0.05)


def test_an_empty_cell_is_no_score() -> None:
    """Of what the paper quotes it prints only what there was."""
    assert TABLES["5"].score("CNN+CRF", None, "Neck+Torso") is None
    assert TABLES["5"].score("CNN+CRF", None, "Neck") == 34.2
    assert TABLES["1"].score("CNN", 2, "3-class") is None
