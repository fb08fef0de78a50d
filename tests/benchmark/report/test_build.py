"""The report: a page that loads nothing, its figures and its tables, all from the files of a run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from partbench.benchmark.cli.commands import report
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.metrics.definitions import DEFAULT, METRICS
from partbench.benchmark.metrics.significance import ranks
from partbench.benchmark.plan import COPY, SUPERVISED, Cell, Plan
from partbench.benchmark.report import image_strips
from partbench.benchmark.report.breakdowns import costs, image_scores, reconstructions, shares
from partbench.benchmark.report.build import collect, draw, tables_of
from partbench.benchmark.report.figure_style import looks, short, spread
from partbench.benchmark.report.leaderboard_views import MEAN, entries
from partbench.benchmark.report.page import render
from partbench.benchmark.report.run_command import run_command
from partbench.benchmark.report.run_data import gather
from partbench.benchmark.report.table_formats import WRITERS
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.leaderboard import by_backbone, estimates

TABLES = ("leaderboard", "classes", "confusions", "images", "costs", "reconstructions")
LOADS = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}
EVENTS = re.compile(r"on[a-z]+")


class Page(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags:
            tag, attributes = self.tags[-1]
            key = attributes.get("id") or tag
            self.texts[key] = self.texts.get(key, "") + data

    @property
    def data(self) -> Any:
        return json.loads(self.texts["data"])


@pytest.fixture(scope="module")
def text(told_report: Path) -> str:
    """The page of the run of conftest."""
    return (told_report / "index.html").read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """The same, taken apart."""
    return Page(text)


def write_run(path: Path, plan: Plan, **facts: Any) -> Path:
    """A small run without pictures."""
    folder, random = RunFolder(path), np.random.default_rng(0)
    folder.write_plan(plan, {})
    for cell in plan.cells():
        folder.write(CellResult(cell, ("a", "b"), (), None, random.integers(1, 50, (3, 2, 2)), facts))
    return path


def test_every_figure_is_there_twice(told_report: Path) -> None:
    """As SVG without a date or a programme's name, and as PNG."""
    names = {file.stem for file in (told_report / "figures").iterdir()}
    assert {"leaderboard-mean", "shots-mean", "heads-mean", "cost-mean", "shots-small_parts"} <= names
    assert {"classes", "predictions", "reconstructions-vae", "reconstruction-scores", "confusion-vae"} <= names
    for name in names:
        svg = (told_report / "figures" / f"{name}.svg").read_text()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert "Matplotlib" not in svg.partition("</metadata>")[0].rpartition("<metadata>")[2]
        with Image.open(told_report / "figures" / f"{name}.png") as image:
            assert min(image.size) > 100


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_as_it_was(told_report: Path, name: str) -> None:
    """CSV, JSON and parquet hold the same rows; Markdown and LaTeX have as many."""
    file = told_report / "tables" / name
    parquet = pd.read_parquet(file.with_suffix(".parquet"))
    ranked = [column for column in parquet if column.endswith("rank")]
    parquet[ranked] = parquet[ranked].astype(float)
    assert len(parquet)
    for other in (pd.read_csv(file.with_suffix(".csv")), pd.read_json(file.with_suffix(".json"), precise_float=True)):
        pd.testing.assert_frame_equal(other, parquet, check_dtype=False, rtol=1e-12)
    assert len(file.with_suffix(".md").read_text().splitlines()) == 2 + len(parquet)
    assert file.with_suffix(".tex").read_text().count(r" \\") == 1 + len(parquet)


def test_a_name_is_no_instruction_in_a_table() -> None:
    """Neither Markdown nor LaTeX sees more than letters."""
    table = pd.DataFrame({"a|b": ["<b>\n50 % \\input{x} $y_1^2$ ~#&"]})
    row = WRITERS["md"](table).decode().splitlines()[2]
    assert row == r"| \<b\> 50 % \\input{x} \$y\_1^2\$ \~\#\& |"
    tex = WRITERS["tex"](table).decode()
    assert r"50 \% \textbackslash{}input\{x\} \$y\_1\textasciicircum{}2\$ \textasciitilde{}\#\&" in tex


def test_the_leaderboard_is_that_of_the_scores(told_run: Path, page: Page) -> None:
    """Means, intervals and ranks of the page are those of `leaderboard` and `compare`, by every metric."""
    scored, data = gather(told_run, DEFAULT).scored, page.data
    assert {metric["name"] for metric in data["metrics"]} == set(METRICS)
    for place, metric in enumerate(data["metrics"]):
        averaged = by_backbone(estimates(scored, metric["name"]), 5)
        places = ranks(averaged)
        lines = [line for line in data["board"] if line["v"] == -1 and line["s"] == 5]
        assert len(lines) == len(averaged)
        for line in lines:
            name = data["backbones"][line["b"]]["name"]
            known, rank = averaged[name], places.get(name)
            expected = [known.mean, known.half_width(), rank and rank.best, rank and rank.worst]
            told = [None if x is None or np.isnan(x) else x for x in expected]
            assert line["x"][place] == pytest.approx(told, abs=1e-3)


def test_a_backbone_without_heads_is_in_every_view(told_run: Path) -> None:
    """It is ranked with the others wherever it stands."""
    lines = entries(gather(told_run, ("mean",)))
    copies = [line for line in lines if line.backbone == COPY]
    assert {(line.view, line.shots) for line in copies} == {
        (view, shots) for view in (MEAN, "linear", '"><b>') for shots in (1, 5)
    }
    assert {line.scores["mean"].rank.worst for line in copies if line.scores["mean"].rank} == {5}


def test_the_page_loads_nothing(text: str, page: Page) -> None:
    """Every address is a part of the page, data, or a file beside it; a browser is told to load nothing else."""
    for _, attributes in page.tags:
        for name in LOADS & attributes.keys():
            assert re.match(r"#|data:|figures/|tables/", str(attributes[name])), attributes
    assert set(re.findall(r"url\(([#a-z]+:?)", text)) <= {"#shots", "#heads", "#cost", "#reconstruction", "data:"}
    assert "@import" not in text
    (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert str(policy).startswith("default-src 'none';")
    assert "connect-src" not in str(policy)


def test_names_are_data(page: Page, told_run: Path) -> None:
    """Whatever a plugin calls itself, its classes or its errors, no element and no script comes of it."""
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 2
    assert not {"img", "iframe", "object", "embed"} & set(tags)
    assert tags.count("title") == 1
    assert not [a for _, a in page.tags if any(EVENTS.fullmatch(name) for name in a)]
    content = gather(told_run, DEFAULT)
    assert [one["name"] for one in page.data["backbones"]] == list(content.backbones)
    assert page.data["classes"] == list(content.classes)


def test_a_figure_shows_names_as_they_are(told_report: Path) -> None:
    """Neither markup nor mathematics is made of them."""
    texts = [node.text for node in ElementTree.parse(told_report / "figures" / "classes.svg").iter() if node.text]
    assert {"$x^2$", short("<img src=x onerror=alert(1)>")} <= set(texts)
    assert short("a\nb") == "a?b"
    assert short("x" * 50) == "…" + "x" * 27


def test_what_has_no_score_is_named(page: Page, text: str) -> None:
    """Failed cells with their reason, damaged files with their mend, and what the guards found."""
    assert "1 failed: &lt;svg onload=window.hacked=3&gt;" in text
    assert re.search(r"Set aside: .* is damaged \(.*\); delete it and run the same command again", text)
    assert "&lt;b&gt;two&lt;/b&gt; images are alike" in text
    assert "&lt;script&gt;window.hacked=4&lt;/script&gt;" in text


def test_confusions_of_the_page_are_shares(page: Page, told_run: Path) -> None:
    """Row by row, in thousandths, of all draws and images together."""
    content = gather(told_run, DEFAULT)
    keys = list(content.groups)
    for group, key in zip(page.data["groups"], keys, strict=True):
        counts = sum(result.confusion.sum(0) for result in content.groups[key] if result.confusion is not None)
        assert np.allclose(np.reshape(group["m"], (4, 4)), 10 * shares(counts), atol=0.5)
        assert np.allclose(shares(counts).sum(1), 100)


def test_pictures_carry_the_scores_of_their_own(page: Page, told_run: Path) -> None:
    """Below a prediction stands the score of that image alone, of the first draw."""
    content = gather(told_run, ("mean", "small_parts"))
    for group, (key, results) in zip(page.data["groups"], content.groups.items(), strict=True):
        if key[0] == COPY:
            assert group["p"] is None
        elif results[0].cell.draw == 0:
            assert group["i"] == pytest.approx(list(image_scores(results, "mean")[0]), abs=0.051)


def test_a_reconstruction_stands_beside_its_score(told_run: Path) -> None:
    """Images that are rebuilt worse score less in this run, and the rank correlation says so."""
    (one,) = reconstructions(gather(told_run, ("mean",)))
    assert one.key[0] == "vae"
    order = np.argsort(np.argsort(one.scores))
    known = np.corrcoef(order, np.argsort(np.argsort(one.errors)))[0, 1]
    assert one.rho == pytest.approx(known)
    assert one.rho < 0


def test_the_front_is_what_nothing_beats(told_run: Path) -> None:
    """No other backbone is as cheap and scores more."""
    content = gather(told_run, ("mean",))
    found = costs(content, entries(content), "mean")
    assert len(found) == len(content.backbones)
    for one in found:
        beaten = any(o.seconds <= one.seconds and o.score > one.score for o in found)
        assert one.front == (not beaten)


@given(st.lists(st.floats(0, 100), max_size=12), st.floats(0.1, 20))
def test_labels_keep_their_order_and_distance(values: list[float], gap: float) -> None:
    """They never overlap; where there is room they stay where they are."""
    places = spread(values, gap)
    order = sorted(range(len(values)), key=lambda i: values[i])
    for a, b in pairwise(order):
        assert places[b] - places[a] >= gap - 1e-6
    if all(values[b] - values[a] >= gap for a, b in pairwise(order)):
        assert places == pytest.approx(values)


@given(st.lists(st.text(min_size=1), unique=True, max_size=30))
def test_no_two_lines_differ_in_colour_alone(names: list[str]) -> None:
    """Marker or dashes tell them apart, too."""
    seen = [(look.marker, look.dashes) for look in looks(names).values()]
    assert len(set(seen)) == len(seen)


def test_a_run_without_pictures_has_a_page(tmp_path: Path) -> None:
    """One backbone, one head, one shot, one draw: what there is, is told."""
    run = write_run(tmp_path / "run", Plan("faces", ("pixels",), ("linear",), shots=(1,), draws=1))
    material = collect(gather(run, ("mean",)))
    known = Page(render(material, draw(material), list(tables_of(material))))
    assert known.data["images"] == 0
    assert [line["v"] for line in known.data["board"]] == [0]
    assert "picture-table" not in {a.get("id") for _, a in known.tags}


def test_a_run_of_controls_without_heads_has_a_page(tmp_path: Path) -> None:
    """The copied mask alone."""
    run = write_run(tmp_path / "run", Plan("faces", (COPY,), (), shots=(1, 2), draws=2))
    material = collect(gather(run, ("mean",)))
    known = Page(render(material, draw(material), list(tables_of(material))))
    assert known.data["heads"] == []
    assert len(known.data["board"]) == 2


def test_results_of_other_images_are_set_aside(tmp_path: Path) -> None:
    """Scores of different images or protocols are never shown together; most decide."""
    run = write_run(tmp_path / "run", Plan("faces", ("pixels",), ("linear",), shots=(1, 2), draws=2), data="abc")
    cell = Cell("pixels", "linear", 1, 0)
    RunFolder(run).write(CellResult(cell, ("a", "b"), (), None, np.ones((3, 2, 2), int), {"data": "other"}))
    content = gather(run, ("mean",))
    assert len(content.scored) == 3
    assert content.set_aside == (
        f"{RunFolder(run).cell_file(cell)} is of another protocol, or of other images or classes, than most; "
        "delete it and run the same command again",
    )


def test_facts_that_were_edited_by_hand_are_no_trouble(tmp_path: Path) -> None:
    """Hardware that is a number, seconds that are a text: they are left out."""
    facts = {
        "hardware": 7,
        "versions": [1],
        "seconds per image": "fast",
        "reconstruction error": {"a": 1},
        "seed": None,
    }
    run = write_run(tmp_path / "run", Plan("faces", ("vae", "b"), ("linear",), shots=(1,), draws=1), **facts)
    content = gather(run, ("mean",))
    assert (content.facts.hardware, content.facts.versions, content.facts.dates) == ((), (), ())
    assert "not known" in render(collect(content), [], [])


@pytest.mark.parametrize("record", ["{", '{"flags": 3}', "[]", '{"flags": [{"text": 1, "evidence": "x"}, null]}'])
def test_a_damaged_file_of_guards_is_a_flag(told_run: Path, tmp_path: Path, record: str) -> None:
    """The reader hears that nobody knows what the guards found, instead of nothing."""
    run = Path(shutil.copytree(told_run, tmp_path / "run"))
    (run / "guards.json").write_text(record)
    (flag,) = gather(run, ("mean",)).flags
    assert (flag.name, "guards.json is damaged" in flag.text) == ("guards", True)
    (run / "guards.json").unlink()
    assert gather(run, ("mean",)).flags == ()


def test_a_page_stays_small(told_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions that do not fit are left out, those of the best heads last, and the page says how many."""
    monkeypatch.setattr(image_strips, "MOST", 2500)
    content = gather(told_run, ("mean",))
    gallery = image_strips.read_gallery(content)
    assert gallery is not None
    assert 0 < sum(map(len, gallery.predictions.values())) <= 2500
    assert content.best_heads()[0] in gallery.predictions
    assert f"{gallery.left_out} sets of predictions would have made this page too large" in render(
        collect(content), [], []
    )


def test_the_command_makes_the_run_again() -> None:
    """With every name quoted for a shell."""
    plan = Plan("folder:my cats", ("a b", "$(x)"), ("linear",), shots=(1, 5), draws=2)
    command = run_command(plan)
    assert command.startswith(
        "partbench run --dataset 'folder:my cats' --backbone 'a b' --backbone '$(x)' --head linear"
    )
    assert "--shots 1,5 --draws 2" in command and "--features rms" in command


Call = Callable[..., Any]


@pytest.fixture
def call(call: Call) -> Call:
    """`partbench report ARGUMENTS`."""
    return partial(call, "report")


def test_a_mistake_is_one_sentence(call: Call, told_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, with exit code 2; nothing is written."""
    out = tmp_path / "out"
    assert "Example:  partbench report" in call("--help")[1]
    for arguments, culprit in (
        ((tmp_path, "--out", out), tmp_path),
        ((told_run, "--out", out, "--metric", "dice"), "'dice'"),
        ((told_run, "--out", told_run), told_run),
    ):
        code, _, err = call(*arguments)
        assert (code, str(culprit) in err, err.count("\n")) == (2, True, 1)
    monkeypatch.setattr(report, "NEEDED", ("json", "nosuchlib"))
    assert call(told_run, "--out", out)[2] == (
        "partbench: a report needs nosuchlib, not installed here; pip install 'partbench[report]'\n"
    )
    assert not out.exists()


def test_a_report_needs_no_torch(told_report: Path) -> None:
    """The page is made from the files of the run alone, and --json says where everything lies."""
    assert not {"torch", "torchvision", "timm"} & {*(told_report / "modules").read_text().split()}
    record = json.loads((told_report / "said.json").read_text())
    assert record["bytes"] == (told_report / "index.html").stat().st_size < 1_000_000
    assert {Path(name).suffix for name in record["tables"]} == {f".{kind}" for kind in WRITERS}
    assert all(Path(name).stat().st_size for name in record["figures"] + record["tables"])
    assert (record["failed"], len(record["set aside"])) == (1, 1)


def test_a_segmenter_and_many_labels_stand_beside_the_rest(tmp_path: Path) -> None:
    """Charts stay with the most shots of a backbone, a segmenter's speed is its own, and nothing is missing."""
    folder, random = RunFolder(tmp_path / "run"), np.random.default_rng(0)
    heads = ("linear", "auto-shot:linear,one-hot")
    few = Plan("faces", ("stylegan2", "vae"), heads, shots=(1, 5), draws=2, size=12, test=6)
    many = replace(few, backbones=(SUPERVISED,), shots=(5, 100))
    folder.write_plan(few.union(many), {"data": "abc"})
    truth = random.integers(0, 3, (6, 12, 12))
    for cell in (*few.cells(), *many.cells()):
        guess = np.where(random.random(truth.shape) < 0.7, truth, 0)
        facts = {"data": "abc", "seconds per image": 0.001 if cell.head != "linear" else 0.5}
        folder.write(CellResult(cell, ("background", "a", "b"), (), None, confuse(guess, truth, 3), facts))
    content = gather(folder.path, ("mean",))
    assert (content.shots, content.most, content.missing) == ((1, 5, 100), 5, 0)
    assert content.facts.sources["stylegan2"].seconds == 0.5
    assert {cost.backbone for cost in costs(content, entries(content), "mean")} == {"stylegan2", "vae", SUPERVISED}
    assert {key[0] for key in content.best_heads()} == {"stylegan2", "vae", SUPERVISED}
    page = Page(render(collect(content), [], []))
    assert "auto-shot:linear,one-hot" in page.data["heads"]


def test_a_head_that_did_not_converge_has_no_rank(told_run: Path, tmp_path: Path) -> None:
    """It keeps its score and its line, which says so; no mean over heads counts it, and the page counts the cells."""
    run = Path(shutil.copytree(told_run, tmp_path / "run"))
    folder = RunFolder(run)
    cell = Cell("vae", "linear", 5, 0)
    result = folder.read(cell)
    assert result
    fit = {"steps": 9, "settled": None, "loss": 0.9, "iou": 0.2, "constant": 0.2, "accuracy": 0.5}
    folder.write(replace(result, provenance={**result.provenance, "fit": fit}))
    after = gather(run, DEFAULT)
    lines = {(line.backbone, line.view, line.shots): line for line in entries(after)}
    own = lines["vae", "linear", 5]
    assert (own.unconverged, own.draws, own.scores["mean"].rank) == (1, 2, None)
    assert own.scores["mean"].is_number
    assert lines["vae", MEAN, 5].scores["mean"].mean == pytest.approx(lines["vae", '"><b>', 5].scores["mean"].mean)
    assert [lines["vae", MEAN, shots].heads for shots in (1, 5)] == [2, 1]
    assert after.best_head("vae", 5) == ("vae", '"><b>', 5)
    page = Page(render(collect(after), [], []))
    assert [line["u"] for line in page.data["board"] if line["u"]] == [1, 1]  # its own, and the mean's
    assert "cells did not converge: linear 1" in render(collect(after), [], [])
