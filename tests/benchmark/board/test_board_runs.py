"""A board, or a part of it, is asked for where a run is taken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from partbench.benchmark.board.board_runs import board_runs, merged_findings, merged_signoffs
from partbench.benchmark.board.from_run import SubmitOptions, submissions_of
from partbench.benchmark.board.layout import HEAD, ROOT, BoardError
from partbench.benchmark.board.query import FIELDS, BoardQuery, parse_query
from partbench.benchmark.board.submission import Submission, read_submission
from partbench.benchmark.board.writing import files_of, write


@pytest.fixture(scope="module")
def board(drawn_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two protocols and two submitters, who share the jigsaw to the pixel, and not the vae."""
    base = tmp_path_factory.mktemp("query")
    (base / "board" / ROOT).mkdir(parents=True)
    runs = {
        "alice": drawn_run(base / "one", {"jigsaw": 0.8, "vae": 0.5, "copy": 0.3}, heads=("ridge", "knn")),
        "bob": drawn_run(base / "two", {"jigsaw": 0.8, "vae": 0.6}),
        "carol": drawn_run(base / "three", {"jigsaw": 0.7}, seed=1),
    }
    for by, run in runs.items():
        for _, files in files_of(submissions_of(run, SubmitOptions(by)), base / "board"):
            write(base / "board", files)
    return base / "board"


def asked(board: Path, text: str) -> BoardQuery:
    found = parse_query(Path(f"{board}#{text}"))
    assert found is not None
    return found


def names(board: Path, text: str) -> set[str]:
    return {record["plan"]["backbones"][0] for _, record in asked(board, text).select()}


def test_a_board_is_told_from_a_run(board: Path) -> None:
    """Without a query it is the whole of it; a folder of a run is none, and so is one that is nowhere."""
    assert parse_query(board) == BoardQuery(board, {})
    assert parse_query(board.parent / "one") is None
    assert parse_query(Path("nowhere")) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("dataset=faces", 6),
        ("dataset=faces,submitter=bob", 2),
        ("submitter=alice,bob", 5),
        ("backbone=j*", 3),
        ("backbone=vae,copy", 3),
        ("head=knn", 2),
        ("shots=2", 6),
        ("protocol=5", 6),
        ("backbone=vae@*", 2),
    ],
)
def test_fields_take_patterns_and_several_values(board: Path, text: str, count: int) -> None:
    """One value of each field has to match."""
    assert len(asked(board, text).select()) == count


@pytest.mark.parametrize(
    "text", ["metric=mean", "faces", "dataset=cats", "shots=3", "submitter=carol,head=knn", "backbone=jigsaw,zzz"]
)
def test_what_means_nothing_is_refused(board: Path, text: str) -> None:
    """An unknown field, a value that nobody has, a combination that nobody has."""
    with pytest.raises(BoardError):
        asked(board, text).select()


def test_every_field_is_a_field(board: Path) -> None:
    """Each can be asked for with what a submission says of it."""
    folder, record = BoardQuery(board, {}).select()[0]
    for field, values in FIELDS.items():
        assert all(len(asked(board, f"{field}={value}").select()) for value in values(record, folder))


def test_a_query_without_a_board_is_refused() -> None:
    """And so is one whose board has no submission."""
    with pytest.raises(BoardError):
        parse_query(Path("nowhere#dataset=faces"))
    Path("empty", ROOT).mkdir(parents=True)
    with pytest.raises(BoardError):
        asked(Path("empty"), "dataset=faces").select()


def test_a_run_for_every_protocol(board: Path) -> None:
    """Scores that may not be compared never stand in one."""
    runs = board_runs(BoardQuery(board, {}))
    assert sorted(len({r.provenance["plan"] for r in run.results}) for run in runs) == [1, 1]
    assert {run.plan.hash for run in runs} == {r.provenance["plan"] for run in runs for r in run.results}


def test_equal_counts_count_once_and_others_have_names_of_their_own(board: Path) -> None:
    """What two submitted to the pixel is one row, with all heads of both; what differs is told apart by who."""
    [run] = board_runs(asked(board, "submitter=alice,bob"))
    assert set(run.plan.backbones) == {"copy", "jigsaw", "vae (alice, 2026-11-02)", "vae (bob, 2026-11-02)"}
    jigsaw = [result.cell for result in run.results if result.cell.backbone == "jigsaw"]
    assert len(jigsaw) == len({*jigsaw}) == 8


def test_other_weights_have_names_of_their_own(board: Path, tmp_path: Path) -> None:
    """A backbone of one name with two files of weights is two rows."""
    shutil.copytree(board, tmp_path / "board")
    folder, _ = asked(tmp_path / "board", "backbone=jigsaw,submitter=alice").select()[0]

    def other(one: Submission) -> Submission:
        cells = tuple(replace(r, provenance={**r.provenance, "weights": "0" * 16}) for r in one.cells)
        return replace(one, by="dave", weights="0" * 16, cells=cells)

    changed = other(read_submission(folder))
    write(tmp_path / "board", {Path(changed.path) / name: data for name, data in changed.files().items()})
    [run] = board_runs(asked(tmp_path / "board", "backbone=jigsaw,submitter=alice,dave"))
    assert set(run.plan.backbones) == {
        "jigsaw (0000000000)",
        f"jigsaw ({folder.parents[0].name.partition('@')[2][:10]})",
    }


def test_heads_and_shots_are_kept_that_were_asked_for(board: Path) -> None:
    """Of the others no cell is there, and the plan does not name them."""
    [run] = board_runs(asked(board, "submitter=alice,head=knn,shots=2"))
    assert {(r.cell.head, r.cell.shots) for r in run.results} == {("knn", 2)}
    assert (run.plan.heads, run.plan.shots) == (("knn",), (2,))


def test_guards_and_signoffs_come_with_it(board: Path) -> None:
    """As the submissions say them."""
    records = [record for _, record in asked(board, "submitter=alice,bob").select()]
    assert set(merged_findings(records).checked) == {"images"}
    never = [*records, {**records[0], "guards": None}]
    assert [flag.name for flag in merged_findings(never).flags] == ["guards"]
    noted = {"subject": {"provider": "partbench 0.1.0", "weights": None, "data": None, "code": None}, "signoff": None}
    twice = [{**record, "checks": {"head": {"ridge": noted}}} for record in records]
    assert [(one.name, one.standing) for one in merged_signoffs(twice)] == [("ridge", "not checked")]


def test_a_damaged_submission_is_named(board: Path, tmp_path: Path) -> None:
    """With the check that says more of it."""
    shutil.copytree(board, tmp_path / "board")
    next((tmp_path / "board").rglob(HEAD)).write_text(json.dumps({"format": 1}))
    with pytest.raises(BoardError, match=HEAD):
        BoardQuery(tmp_path / "board", {}).select()
