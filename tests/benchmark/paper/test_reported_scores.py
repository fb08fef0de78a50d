"""What papers report stands in one place each, with definition, split and source, and beside no other images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import fmean

import pytest

from partbench.benchmark.files import TomlError
from partbench.benchmark.metrics.definitions import MetricError, find_metric
from partbench.benchmark.paper.published_scores import read_tables
from partbench.benchmark.paper.reported_scores import (
    FOLDER,
    ReportedError,
    ReportedScore,
    read_file,
    read_reported,
    reported_for,
)
from partbench.datasets.celebamask_hq.parts import GROUPINGS
from partbench.datasets.pascal_part.parts import CAR, HORSE

TEN = GROUPINGS["paper10"].classes
GOOD = """
paper = "X"
title = "Somebody, X, 2030"
url = "https://x.org"
split = "its own"
metric = "mean"
definition = "as we do"
rows = [{ method = "X", task = "10-class", shots = 1, score = 50.5, spread = 0.5 }]
"""


def found(dataset: str, classes: tuple[str, ...], excluded: tuple[str, ...] = ()) -> dict[tuple[str, int | None], str]:
    """Score texts by method and shots."""
    return {(one.method, one.shots): one.text for one in reported_for(dataset, classes, excluded)}


@pytest.mark.parametrize(
    "one", read_reported(), ids=lambda one: f"{one.paper} {one.method} {one.task.name} {one.shots}"
)
def test_every_score_says_what_it_is(one: ReportedScore) -> None:
    """A definition, a split, a source with an address, and a metric of ours where one is defined so."""
    assert one.definition and one.split and one.source and one.url.startswith("https://")
    assert not one.metric or find_metric(one.metric)
    assert one.task.family and 0 < one.score < 100


def test_no_number_stands_twice() -> None:
    """Nobody reports a method twice; what was read in another paper is marked."""
    keys = Counter((one.paper, one.method, one.task.name, one.shots, one.metric) for one in read_reported())
    assert max(keys.values()) == 1
    assert {one.paper for one in read_reported() if one.second_hand} == {"INSID3", "Matcher", "OIParts", "SMITE"}
    assert {file.stem for file in FOLDER.glob("*.toml")} == {
        "ddpm-seg",
        "insid3",
        "matcher",
        "oiparts",
        "slime",
        "smite",
    }


def test_the_mean_that_others_quote_is_that_of_the_papers_own_row() -> None:
    """SLiMe gives the auto-shot segmenter 69.9, the plain mean of the classes of Table 2."""
    table = read_tables()["2"]
    classes = [table.score("Auto-shot segmenter", 10, column.name) for column in table.columns[1:]]
    (quoted,) = [one for one in read_reported() if one.method == "ReGAN, auto-shot"]
    assert quoted.metric == "dataset_mean"
    assert quoted.score == pytest.approx(fmean(score for score in classes if score is not None), abs=0.05)


def test_faces_stand_beside_faces_of_the_same_classes() -> None:
    """The ten classes have the paper's, SLiMe's and SegDDPM's numbers; the three and all parts have others."""
    ten = found("celebamask-hq:PATH", TEN)
    assert ten["CNN", 10] == "85.2" and ten["SLiMe", 1] == "69.6±0.3" and ten["SegDDPM", 10] == "78.0"
    three = GROUPINGS["paper3"]
    assert found("celebamask-hq:PATH#paper3", three.classes, tuple(three.excluded))["CNN", 10] == "83.5"
    all19 = found("celebamask-hq:PATH#all19", GROUPINGS["all19"].classes)
    assert all19["DDPM", 20] == "59.9±1.0" and ("SLiMe", 1) not in all19
    assert found("faces", TEN) == {} and found("folder:celebamask-hq", TEN) == {}


def test_cars_and_horses_stand_beside_theirs() -> None:
    """With the background averaged over or not, as the run has it."""
    assert found("pascal-part-car:P", CAR.classes)["SLiMe", 10] == "68.3±1.0"
    assert found("pascal-part-car:P#without-bg", CAR.classes, ("background",)) == {
        ("Ours (Auto-shot) w/o bg", 10): "47.9",
        ("OMPS", None): "66.5",
    }
    horses = found("pascal-part-horse:P", HORSE.classes)
    assert (
        horses["OIParts", 1] == "66.9" and horses["SMITE", None] == "66.2" and horses["Ours (Auto-shot)", 10] == "53.1"
    )


def test_episodes_stand_beside_insid3_and_matcher() -> None:
    """Whatever the fold, whose parts the papers do not list; and that they were read in another paper is said."""
    rows = reported_for("matcher-pascal-part:VOC2010#animals", ("background", "bird+TAIL"), ("background",))
    scores = {one.method: one for one in rows}
    assert (scores["INSID3"].score, scores["Matcher"].score) == (50.5, 42.9)
    assert scores["INSID3"].where == "INSID3 (second-hand: Table 1 of REBASE)"
    assert all(find_metric(one.metric).name == "pooled_zero-bg" for one in rows)
    paco = found("matcher-paco-part:P#fold2", ("background", "part 1"), ("background",))
    assert (paco["INSID3", 1], paco["Matcher", 1]) == ("38.7", "34.7")


def test_fewest_shots_and_highest_scores_come_first() -> None:
    """Those of unknown shots come last."""
    rows = reported_for("pascal-part-horse:P", HORSE.classes, ())
    shots = [one.shots for one in rows]
    assert shots == sorted(shots, key=lambda count: (count is None, count or 0))
    assert [one.score for one in rows if one.shots == 1] == sorted([66.9, 56.4, 43.0, 40.3], reverse=True)


FAULTS = {
    'paper = "X"': ("", "it lacks paper; mend it there"),
    'split = "its own"': ('splits = "its own"', "it lacks split; mend it there"),
    'metric = "mean"': ('metric = "mean"\nyear = 2030', "it has year, which nothing reads; mend it there"),
    "score = 50.5, ": ("", "row 1 lacks score; mend it there"),
    "shots = 1": ("shot = 1", "row 1 has shot, which nothing reads"),
    '"10-class"': ('"ten"', "row 1 of .* has the task 'ten'; take one of 3-class, 10-class, "),
    "50.5": ("0.505e3", "row 1 of .* has a score, spread or shots that cannot be; give per cent"),
    "https": ("ftp", "has the address 'ftp://x.org'; give one that begins with http"),
}


@pytest.mark.parametrize("written", FAULTS)
def test_a_faulty_file_is_refused(tmp_path: Path, written: str) -> None:
    """In one sentence with its name; a word that nothing reads is no silent loss."""
    instead, message = FAULTS[written]
    assert written in GOOD
    (tmp_path / "x.toml").write_text(GOOD.replace(written, instead))
    with pytest.raises(ReportedError, match=message):
        read_file(tmp_path / "x.toml")


def test_a_metric_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By the names of those that are; and so is a file that is no TOML."""
    (tmp_path / "x.toml").write_text(GOOD.replace('"mean"', '"miou"'))
    with pytest.raises(MetricError, match="there is no metric 'miou'"):
        read_file(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text("rows = [")
    with pytest.raises(TomlError, match=r"x.toml is no TOML"):
        read_file(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(GOOD)
    (one,) = read_file(tmp_path / "x.toml")
    assert (one.text, one.where, one.second_hand) == ("50.5±0.5", "X", "")
