"""The pages of a board: their numbers are those of the leaderboard, and every link leads somewhere."""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from partbench.benchmark.board.board_runs import backbones_of, board_groups, board_runs
from partbench.benchmark.board.from_run import SubmitOptions, submissions_of
from partbench.benchmark.board.layout import MARK, ROOT, BoardError
from partbench.benchmark.board.query import BoardQuery, parse_query
from partbench.benchmark.board.site import tables
from partbench.benchmark.board.site.build import build_site
from partbench.benchmark.board.site.curve import learning_curve
from partbench.benchmark.board.site.entries import METRICS, entry_of
from partbench.benchmark.board.site.pair_data import packed
from partbench.benchmark.board.submission import read_submission
from partbench.benchmark.board.writing import files_of, write
from partbench.benchmark.results import CellResult
from partbench.benchmark.scores.leaderboard import Leaderboard


@pytest.fixture(scope="module")
def board(drawn_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two submitters under one protocol, who share the jigsaw to the pixel, and a third with another seed."""
    base = tmp_path_factory.mktemp("site")
    (base / "board" / ROOT).mkdir(parents=True)
    skills = {"jigsaw": 0.8, "vae": 0.5, "pixels": 0.4, "copy": 0.3}
    runs = {
        "alice": drawn_run(base / "one", skills, heads=("ridge", "knn")),
        "bob": drawn_run(base / "two", {"jigsaw": 0.8, "vae": 0.6}),
        "carol": drawn_run(base / "three", {"jigsaw": 0.7}, seed=1),
    }
    for by, run in runs.items():
        for _, files in files_of(submissions_of(run, SubmitOptions(by)), base / "board"):
            write(base / "board", files)
    return base / "board"


def build(board: Path, out: Path, text: str = "") -> Path:
    query = parse_query(Path(f"{board}#{text}")) if text else BoardQuery(board, {})
    assert query is not None
    build_site(query, out)
    return out


@pytest.fixture(scope="module")
def site(board: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(board, tmp_path_factory.mktemp("pages") / "site")


def rows(site: Path) -> list[dict[str, Any]]:
    table = json.loads((site / "board.json").read_text())
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


def test_scores_intervals_and_ranks_are_those_of_the_leaderboard(board: Path, site: Path) -> None:
    """Of every head and number of shots, by every metric."""
    [run] = board_runs(BoardQuery(board, {"submitter": ("alice", "bob")}))
    summary = Leaderboard(run.results).summarise(METRICS).set_index(["backbone", "head", "shots"])
    ours = [row for row in rows(site) if row["protocol"] == run.protocol and row["head"]]
    assert len(ours) == len(METRICS) * sum(head != "-" for _, head, _ in summary.index)
    for row in ours:
        line, metric = summary.loc[row["name"], row["head"], row["shots"]], row["metric"]
        best, worst = row["best rank"], row["worst rank"]
        assert row["score"] == pytest.approx(line[metric], nan_ok=True)
        assert row["±"] == pytest.approx(line[f"{metric} ±"])
        assert (str(best) if best == worst else f"{best}-{worst}") == line[f"{metric} rank"]


def test_what_takes_no_head_is_ranked_beside_every_one(site: Path) -> None:
    """With the same score each time, and a rank among the scores of that head."""
    copies = [row for row in rows(site) if (row["name"], row["metric"], row["shots"]) == ("copy", "mean", 2)]
    assert {row["ranked among"] for row in copies} == {"ridge", "knn"}
    assert len({row["score"] for row in copies}) == 1
    assert all(row["head"] is None and row["control"] for row in copies)


def test_json_and_parquet_hold_the_same(site: Path) -> None:
    """A row for each table, entry, head, shots and metric."""
    table = pd.read_parquet(site / "board.parquet")
    assert list(table.columns) == list(rows(site)[0])
    assert table["score"].tolist() == pytest.approx([row["score"] for row in rows(site)], rel=1e-12)
    assert table["worst rank"].dtype == "Int64"


def test_the_size_of_a_network_is_shown_where_a_run_counted_it(site: Path) -> None:
    """On the page of the backbone and for programs; of others nothing is guessed."""
    assert {(row["backbone"], row["parameters"]) for row in rows(site)} == {
        ("jigsaw", 278_624),
        ("vae", 1_670_947),
        ("pixels", None),
        ("copy", None),
    }
    assert pd.read_parquet(site / "board.parquet")["parameters"].dtype == "Int64"
    sizes = {"jigsaw": "278,624", "vae": "1,670,947", "pixels": "unknown"}
    for name, size in sizes.items():
        assert f"<dd>{size}</dd>" in next(site.glob(f"backbones/{name}@*")).read_text()


def test_nonsense_that_nobody_checked_is_not_shown(board: Path, tmp_path: Path) -> None:
    """A size that no network has is as if it were not said."""
    folder, _ = board_groups(BoardQuery(board, {"submitter": ("carol",)}))[0].found[0]
    one = read_submission(folder)
    for size in ("<b>5</b>", True, -5, 0.5, 10**30):
        told = [replace(r, provenance={**r.provenance, "parameters": size}) for r in one.cells]
        assert replace(one, cells=tuple(told)).parameters is None


def test_of_many_the_highest_are_ranked_and_the_page_says_so(
    board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three ranks for five scores the lowest two have none; with as many as there are scores nothing is said."""
    monkeypatch.setattr(tables, "RANKED", 3)
    out = build(board, tmp_path / "site", "submitter=alice,bob,head=ridge,-,shots=2")
    found = sorted((row["score"], row["best rank"]) for row in rows(out) if row["metric"] == "mean")
    assert [rank is None for _, rank in found] == [True] * (len(found) - 3) + [False] * 3
    assert 'id="cap"' in next((out / "tables").iterdir()).read_text()
    monkeypatch.undo()
    assert 'id="cap"' not in next((build(board, tmp_path / "all") / "tables").iterdir()).read_text()


def test_a_head_that_did_not_converge_has_a_score_and_no_rank(board: Path, tmp_path: Path) -> None:
    """Nor is it compared with others."""
    group = board_groups(BoardQuery(board, {"submitter": ("carol",)}))[0]
    folder, _ = group.found[0]
    bad = {"steps": 9, "settled": False, "loss": 2.0, "iou": 0.1, "constant": 0.1, "accuracy": 0.2}

    def spoil(result: CellResult) -> CellResult:
        return replace(result, provenance={**result.provenance, "fit": bad})

    one = read_submission(folder)
    write(
        tmp_path, {Path(one.path) / n: d for n, d in replace(one, cells=tuple(map(spoil, one.cells))).files().items()}
    )
    out = build(tmp_path, tmp_path / "site")
    assert {(row["not converged"], row["best rank"]) for row in rows(out)} == {(2, None)}
    assert all(row["score"] > 0 for row in rows(out))
    assert '"scores":[]' in next((out / "pairs").iterdir()).read_text()
    assert "2 of 2 did not converge" in next((out / "tables").iterdir()).read_text()


def test_influences_are_kept_to_half_a_step(board: Path) -> None:
    """The scores of draws to the last digit."""
    [run] = board_runs(BoardQuery(board, {"submitter": ("carol",)}))
    scored = Leaderboard(run.results).estimates("mean")
    query = BoardQuery(board, {"submitter": ("carol",)})
    [named] = backbones_of(query, board_groups(query)[0])
    for record in packed(entry_of(board, named)):
        own = scored["jigsaw", record["head"], record["shots"]]
        steps = np.frombuffer(b64decode(record["influence"]), "<i2").reshape(own.influence.shape)
        assert record["scores"] == own.scores.tolist()
        assert np.abs(record["step"] * steps - own.influence).max() <= record["step"] / 2 * (1 + 1e-9)


def test_equal_names_are_told_apart(site: Path) -> None:
    """By the options of their plans."""
    titles = {re.search("<h1>(.*?) <span>", file.read_text())[1] for file in (site / "tables").iterdir()}  # type: ignore[index]
    assert titles == {"faces (seed 0)", "faces (seed 1)"}


def test_every_link_leads_to_a_file_of_the_site(site: Path) -> None:
    """And nothing else is loaded."""
    for page in site.rglob("*.html"):
        links = re.findall(r'(?:href|src)="([^"#]*)', page.read_text())
        assert len(links) > 5
        assert {
            link for link in links if not link.startswith("data:") and not (page.parent / unquote(link)).is_file()
        } <= {""}


def test_the_page_of_a_backbone_has_what_makes_it_again(board: Path, site: Path) -> None:
    """From all tables and submitters: commands, provenance, the best control, a curve."""
    text = next((site / "backbones").glob("jigsaw@*")).read_text()
    bare = re.sub("</?span>", "", text)
    assert bare.count("partbench run --dataset faces --backbone jigsaw --head ridge") == 3
    assert text.count("<svg") == 2 and "pixels " in text
    assert all(f"Submitted by {name}" in text for name in ("alice", "bob", "carol"))
    assert str(board) not in text


def test_a_mark_is_shown(board: Path, tmp_path: Path) -> None:
    """Of a submission that was reproduced."""
    [group] = board_groups(BoardQuery(board, {"submitter": ("carol",)}))
    folder, _ = group.found[0]
    copied = {path.relative_to(board): path.read_bytes() for path in folder.iterdir()}
    write(tmp_path, {**copied, folder.relative_to(board) / MARK: b"{}"})
    assert {row["reproduced"] for row in rows(build(tmp_path, tmp_path / "site"))} == {True}
    assert {row["reproduced"] for row in rows(build(board, tmp_path / "other"))} == {False}


def test_the_same_board_is_the_same_bytes(board: Path, site: Path, tmp_path: Path) -> None:
    """And an earlier site is replaced, with nothing left of it."""
    out = build(board, tmp_path / "site", "submitter=carol")
    (out / "backbones" / "old.html").write_text("")
    build(board, out)
    files = {file.relative_to(site): file.read_bytes() for file in site.rglob("*") if file.is_file()}
    assert files == {file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()}


def test_no_folder_is_overwritten_that_is_no_site(board: Path, tmp_path: Path) -> None:
    """Neither somebody's files nor the board itself."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    for out in (tmp_path / "mine", tmp_path / "mine" / "thesis.tex", board, board / ROOT):
        with pytest.raises(BoardError):
            build(board, out)
    with pytest.raises(BoardError):
        build(board, board / ROOT / "site")


def test_a_curve_stays_within_its_frame() -> None:
    """Whatever the intervals are; one number of shots is no curve."""
    curve = learning_curve({"ridge": [(1, 5.0, 30.0), (10, 99.0, 4.0)], "knn": [(1, 50.0, math.inf)]})
    assert curve is not None and [name for name, _ in curve.legend] == ["ridge", "knn"]
    heights = [float(value) for value in re.findall(r'c?y\d?="([\d.]+)"', curve.svg)]
    assert len(heights) > 6 and all(0 <= value <= 190 for value in heights)
    assert learning_curve({"ridge": [(1, 5.0, 1.0)]}) is None


def test_the_command_says_where_the_pages_are(call: Callable[..., Any], board: Path) -> None:
    """As JSON too; what is no board is refused."""
    record = json.loads(call("board", "site", board, "--out", "site", "--json").out)
    assert (record["tables"], record["backbones"], record["entries"]) == (2, 4, 6)
    assert record["files"] == sum(file.is_file() for file in Path("site").rglob("*"))
    assert record["bytes"] == sum(file.stat().st_size for file in Path("site").rglob("*") if file.is_file())
    assert call("board", "site", "nowhere").code == 2
