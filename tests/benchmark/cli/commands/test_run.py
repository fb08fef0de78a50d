"""`partbench run`: what it prints, and what a second command adds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

from partbench.benchmark.object_store import ObjectStore, StoreError
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.stored_run import folder_of

TINY = ("--shots", "1,2", "--draws", "2", "--test", "3", "--pool", "6", "--size", "16")


Call = Callable[..., Any]


@pytest.mark.usefixtures("short_trainings")
def test_a_run_prints_its_own_leaderboard(call: Call, tmp_path: Path) -> None:
    """A second command adds to the folder and prints what it was asked for; `leaderboard` shows all of it."""
    out = tmp_path / "run"
    first = call(
        "run", "--backbone", "position", "--backbone", "copy", "--head", "linear", *TINY, "--out", out, "--json"
    )
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert {(row["backbone"], row["head"], row["shots"], row["draws"]) for row in rows} == {
        (backbone, head, shots, 2) for backbone, head in (("position", "linear"), ("copy", "-")) for shots in (1, 2)
    }
    second = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--out", out)
    assert second.code == 0, second.err
    assert "1 backbone x 1 head x 2 shots x 2 draws = 4 cells" in second.out
    assert "position" not in second.out
    every = json.loads(call("leaderboard", out, "--format", "json").out)
    assert {row["backbone"] for row in every} == {"position", "copy", "pixels"}
    for row in (*every, *rows):  # a rank depends on who else is there
        for metric in ("paper_weighted", "mean", "small_parts"):
            row.pop(f"{metric} rank")
    assert [row for row in every if row["backbone"] != "pixels"] == rows

    other = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--seed", 3, "--out", out)
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert str(out) in other.err and "seed 0, not 3" in other.err


def test_heads_that_take_no_steps_are_scored_beside_others(call: Call, tmp_path: Path) -> None:
    """They know more than one class everywhere, are not marked, and a second command has nothing to do."""
    heads = [word for head in ("ridge", "prototype", "knn") for word in ("--head", head)]
    command = ("run", "--backbone", "pixels", *heads, *TINY, "--out", tmp_path / "run")
    first = call(*command, "--json")
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert {(row["head"], row["shots"], row["draws"]) for row in rows} == {
        (head, shots, 2) for head in ("ridge", "prototype", "knn") for shots in (1, 2)
    }
    assert {row["not converged"] for row in rows} == {0}
    assert all(5 < row["mean"] <= 100 for row in rows)
    again = call(*command, "--json")
    assert json.loads(again.out) == rows
    said = call("plan", *command[1:], "--json")
    assert said.code == 0, said.err


CROSSED = ("--backbone", "pixels", "--backbone", "position", "--backbone", "copy", "--head", "ridge", *TINY)
START = "from partbench.benchmark.cli.main import main; main()"
CellsOf = Callable[[Path], dict[str, Any]]


@pytest.fixture
def url() -> str:
    """A store of this process, empty."""
    return f"memory://{uuid4()}/faces"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process into a folder, on one thread so that every bit is the same."""
    folder = tmp_path_factory.mktemp("alone")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PARTBENCH_CACHE": str(folder / "cache")}
    command = [sys.executable, "-c", START, "run", *CROSSED, "--out", str(folder / "run")]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return folder / "run"


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many as that run had."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def twice(run: Path) -> list[str]:
    """Units of work that somebody has done again."""
    done = [f"{line['unit']} {line['of']}" for line in Journal(run).read()]
    return [unit for unit, count in Counter(done).items() if count > 1 and unit.split()[0] in ("scale", "fit", "score")]


def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "other") -> None:
    """Go on as one that has seen nothing yet."""
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / name))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_into_a_url_is_that_into_a_folder(
    call: Call, cells_of: CellsOf, alone: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """To the bit and the file, on whatever machine: but for what is one machine's own, and who it was."""
    answer = call("run", *CROSSED, "--workers", workers, "--out", url)
    assert answer.code == 0, answer.err
    files = {file.relative_to(alone).as_posix() for file in alone.rglob("*") if file.is_file()}
    there = {name for name in ObjectStore(url).versions() if not name.startswith("journal/")}
    assert there == {name for name in files if not name.startswith("journal/") and not name.endswith(".png")}
    for name in ("here", "other"):
        if name == "other":
            another_machine(tmp_path, monkeypatch)
            assert call("leaderboard", url).code == 0
        run = folder_of(Path(url))
        assert cells_of(run) == cells_of(alone) and twice(run) == []


def test_verbs_take_a_url(call: Call, alone: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever they take a run: they say of it what they say of a folder with the same files."""
    for kept in ("plan.json", "guards.json", "checks.json", "shots.npz", "cells", "pictures", "journal"):
        files = [file for file in (alone / kept, *(alone / kept).rglob("*")) if file.is_file()]
        ObjectStore(url).write({file.relative_to(alone).as_posix(): file.read_bytes() for file in files})
    another_machine(tmp_path, monkeypatch)
    assert call("baseline", alone, "--out", "scores.json").code == 0
    assert call("board", "new", "board").code == 0
    for verb in (
        ("leaderboard", "RUN", "--format", "json"),
        ("leaderboard", "RUN", "--flags", "--format", "json"),
        ("leaderboard", "RUN", "--checks", "--format", "json"),
        ("compare", "RUN", "--json"),
        ("lottery", "RUN", "--json"),
        ("gate", "RUN", "--baseline", "scores.json", "--json"),
        ("baseline", "RUN", "--out", "again.json"),
    ):
        folder, store = (call(*(run if word == "RUN" else word for word in verb)) for run in (alone, url))
        assert (store.code, store.out.replace(url, str(alone))) == (folder.code, folder.out), store.err
    assert call("compare", url, alone, "--json").code == 0
    sent = call("submit", url, "--to", "board", "--by", "alice", "--dry-run", "--json")
    assert sent.code == 0, sent.err
    report = call("report", url, "--out", "page")
    assert report.code == 0 and any(Path("page").rglob("*.html"))


def test_machines_at_the_same_time_into_one_url(alone: Path, cells_of: CellsOf, tmp_path: Path) -> None:
    """Without a folder that both see, each does what the other does not, and both end with all."""
    url, processes = f"file://{tmp_path}/bucket/faces", list[subprocess.Popen[str]]()
    for number in range(2):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PARTBENCH_CACHE": str(tmp_path / str(number))}
        command = [sys.executable, "-c", START, "run", *CROSSED, "--out", url]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(command, env=environment, text=True, **pipes))
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    runs = [run for number in range(2) for run in (tmp_path / str(number) / "runs").glob("*/faces")]
    assert len(runs) == 2
    for run in (*runs, tmp_path / "bucket" / "faces"):
        assert cells_of(run) == cells_of(alone) and twice(run) == []
    assert list((tmp_path / "bucket" / "faces" / "claims").iterdir()) == []


@pytest.mark.usefixtures("one_thread")
def test_a_store_that_fails_in_the_middle_loses_nothing(
    call: Call, cells_of: CellsOf, alone: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends, what was done is on this machine, and the same command brings it without doing it again."""
    write, written = ObjectStore.write, Counter[str]()

    def cut(store: ObjectStore, objects: Mapping[str, bytes]) -> None:
        for name, data in objects.items():
            if written["cells"] >= 5 and not name.startswith("claims/"):
                raise StoreError("the line is cut")
            written[name.partition("/")[0]] += 1
            write(store, {name: data})

    with monkeypatch.context() as broken:
        broken.setattr("partbench.benchmark.stored_run.WAITS", ())
        broken.setattr(ObjectStore, "write", cut)
        answer = call("run", *CROSSED, "--out", url)
    assert answer.code == 2 and "the line is cut" in answer.err
    run = folder_of(Path(url))
    done = cells_of(run)
    assert 0 < len(done) < len(cells_of(alone))
    assert call("leaderboard", url).err.count("on this machine alone as yet") == 1
    answer = call("run", *CROSSED, "--out", url)
    assert answer.code == 0, answer.err
    assert cells_of(run) == cells_of(alone) and twice(run) == []
    assert call("leaderboard", url).err.count("as yet") == 0
    assert {f"cells/{slug}.json" for slug in done} < ObjectStore(url).versions().keys()


@pytest.mark.usefixtures("one_thread")
def test_what_is_damaged_in_a_store_is_mended_there(call: Call, cells_of: CellsOf, alone: Path, url: str) -> None:
    """A cell is computed again and takes the place of the damaged one; of a plan the name in the store is told."""
    store, cell = ObjectStore(url), "cells/pixels--ridge--1-shot--draw-0.json"
    assert call("run", *CROSSED, "--out", url).code == 0
    store.write({cell: b"{", "plan.json": b"{"})
    answer = call("run", *CROSSED, "--out", url)
    assert answer.code == 2 and f"{url}/plan.json is damaged" in answer.err
    store.remove("plan.json")
    assert call("run", *CROSSED, "--out", url).code == 0
    assert cells_of(folder_of(Path(url))) == cells_of(alone)
    assert json.loads(store.read([cell])[cell]) == json.loads((folder_of(Path(url)) / cell).read_text())


def test_a_shard_into_a_url_says_what_is_missing(
    call: Call, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of all shards, wherever they are."""
    first = call("run", *CROSSED, "--shard", "1/2", "--out", url)
    assert first.code == 0 and f"cells of {url} are missing as yet" in " ".join(first.out.split())
    another_machine(tmp_path, monkeypatch)
    second = call("run", *CROSSED, "--shard", "2/2", "--out", url)
    assert second.code == 0 and "no cell is missing" in second.out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--out", "sftp://host/run"), "sftp://host/run"),
        (("--out", "memory://run", "--workers", "slurm:debug"), "memory://run"),
        (("--out", "memory://run", "--preset", "table-g"), "memory://run"),
    ],
)
def test_what_cannot_be_in_a_store_is_refused(call: Call, options: tuple[str, ...], word: str) -> None:
    """Before anything is computed."""
    crossed = () if "--preset" in options else CROSSED
    answer = call("run", *crossed, *options)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert word in answer.err
