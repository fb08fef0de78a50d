"""Whoever does the groups of a run, its cells are the same, to the bit, and nothing is done twice."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from partbench.benchmark.cli.main import main
from partbench.benchmark.gallery import picture_file, read_pictures
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.holder import start_of
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.workers.worker_pool import slots_of

PLUGIN = """
import os, signal, time
from functools import partial
from pathlib import Path
import partbench
from partbench.backbones.backbone import Backbone

def extract(images):
    return [images * 2]

def load(name):
    once = Path(__file__).with_name("once")
    if os.environ.get("KILL") == name and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("ABORT") == name:
        os.abort()
    while os.environ.get("WAIT") == name:
        time.sleep(0.1)
    return extract

@partbench.hookimpl
def partbench_backbones():
    for name in ("a", "b"):
        yield Backbone(name, 16, (3,), partial(load, name))
"""
CellsOf = Callable[[Path], dict[str, Any]]
BACKBONES = ("a", "b", "copy")
HEADS = ("--head", "ridge", "--head", "prototype", "--shots", "1,2", "--draws", "2")
REST = ("--test", "20", "--pool", "6", "--size", "16", "--device", "cpu", "--out", "run")


def named(*backbones: str) -> list[str]:
    return ["run", *(word for name in backbones for word in ("--backbone", name)), *HEADS, *REST]


@pytest.fixture(autouse=True)
def one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many as a worker has here, since more of them add up in another order."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def alone(cells_of: CellsOf, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells of a run that one process does undisturbed."""
    folder, before = tmp_path_factory.mktemp("alone"), torch.get_num_threads()
    (folder / "partbench_plugins.py").write_text(PLUGIN)
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["partbench", *named(*BACKBONES)])
        patch.setenv("PARTBENCH_CACHE", str(folder / "cache"))
        with pytest.raises(SystemExit, match=r"^0$"):
            main()
    torch.set_num_threads(before)
    return cells_of(folder / "run")


def twice(run: Path) -> list[str]:
    """What was described, trained or scored more than once."""
    work = [f"{line['unit']} {line['of']}" for line in Journal(run).read()]
    counts = Counter(unit for unit in work if unit.split()[0] in ("scale", "shots", "fit", "score"))
    assert counts
    return [unit for unit, times in counts.items() if times > 1]


def workers_in(run: Path) -> set[int]:
    return {line["process"] for line in Journal(run).read() if "process" in line}


def alive(process: int) -> bool:
    """Whether it does anything: where nobody waits for orphans their numbers stay."""
    return start_of(process) != ""


def test_two_workers_do_what_one_process_does(alone: dict[str, Any], cells_of: CellsOf, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Between them, spawned as those of users; the journal says who did what, and no image is described twice."""
    answer = call(*named(*BACKBONES), "--workers", 2)
    assert answer.code == 0, answer.err
    assert "3 groups, by 2 workers (a, b, copy)" in " ".join(answer.out.split())
    assert cells_of(tmp_path / "run") == alone
    assert twice(tmp_path / "run") == []
    assert len(workers_in(tmp_path / "run")) == 2
    turns = [line for line in Journal(tmp_path / "run").read() if line["unit"] in ("turn", "done")]
    assert Counter(line["of"] for line in turns) == dict.fromkeys(BACKBONES, 2)
    assert list(Claims(tmp_path / "run").folder.iterdir()) == []
    assert list((tmp_path / "run" / "units").iterdir()) == []


def test_a_backbone_in_parts_has_the_same_cells(
    alone: dict[str, Any], cells_of: CellsOf, call, forked_workers: None, tmp_path: Path  # type: ignore[no-untyped-def]
) -> None:  # fmt: skip
    """Two workers for one backbone have a slice of its test images each."""
    answer = call(*named("a"), "--workers", 2)
    assert answer.code == 0, answer.err
    assert "2 groups, by 2 workers (a part 1 of 2, a part 2 of 2)" in " ".join(answer.out.split())
    assert twice(tmp_path / "run") == []
    assert cells_of(tmp_path / "run") == {slug: cell for slug, cell in alone.items() if slug.startswith("a--")}
    assert {"images", "truth", "ridge 1", "prototype 2"} < read_pictures(picture_file(tmp_path / "run", "a")).keys()
    assert list((tmp_path / "run" / "units").iterdir()) == []


@pytest.mark.parametrize(
    "commands",
    [
        [[*named(*BACKBONES), "--shard", f"{number}/3"] for number in (1, 2, 3)],
        [[*named("a", "b"), "--shard", f"{number}/3"] for number in (1, 2, 3)] + [named("copy")],
        [named("b"), named("a", "copy"), named(*BACKBONES)],
    ],
    ids=["shards", "shards-of-draws", "runs"],
)
def test_runs_at_the_same_time_into_one_folder(
    alone: dict[str, Any], cells_of: CellsOf, program: Callable[..., Any], tmp_path: Path, commands: list[list[str]]
) -> None:
    """All end well with every cell once and all of the plan, be they shards of it or each some of it."""
    processes = [program(*command) for command in commands]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    run = tmp_path / "run"
    assert cells_of(run) == alone
    assert twice(run) == []
    assert {*RunFolder(run).read_plan().backbones} == {*BACKBONES}
    assert {"a", "b"} <= json.loads((run / "guards.json").read_text())["checked"].keys()
    assert {"a", "b"} <= json.loads((run / "checks.json").read_text())["backbone"].keys()


def test_a_worker_that_is_killed_is_named_and_its_group_done_again(
    alone: dict[str, Any], cells_of: CellsOf, call, forked_workers: None, tmp_path: Path,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Once, by a worker of its own, when the others have theirs; a group that kills this one too is a failure."""
    monkeypatch.setenv("KILL", "a")
    monkeypatch.setenv("ABORT", "b")
    run = tmp_path / "run"
    answer = call(*named(*BACKBONES), "--workers", 2)
    assert answer.code == 1, answer.err
    said = " ".join(answer.out.split())
    how = "was ended by SIGKILL, as where memory runs out, while a had its turn; it has its turn last"
    assert f"worker 1 {how}" in said or f"worker 2 {how}" in said
    found = cells_of(run)
    assert found.keys() == alone.keys()
    assert all(found[slug] == cell for slug, cell in alone.items() if not slug.startswith("b--"))
    (reason,) = {record["error"] for slug, (record, _) in found.items() if slug.startswith("b--")}
    assert reason.endswith(": its process was ended by SIGABRT; what is left of it is tried again by the next run")
    lines = [line for line in Journal(run).read() if line["unit"] in ("turn", "crash", "done")]
    assert [line["unit"] for line in lines if line["of"] == "a"] == ["turn", "crash", "turn", "done"]
    assert [line["unit"] for line in lines if line["of"] == "b"] == ["turn", "crash", "turn", "crash"]
    turns = [line["process"] for line in lines if line["unit"] == "turn" and line["of"] != "copy"]
    assert len({*turns}) == len(turns) == 4

    monkeypatch.delenv("ABORT")
    again = call(*named(*BACKBONES))
    assert again.code == 0 and "an earlier run was killed, aborted or out of memory while b had its turn" in again.out
    assert cells_of(run) == alone
    assert list(Claims(run).folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says whether an orphan is alive")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_takes_its_workers_along(
    alone: dict[str, Any], cells_of: CellsOf, call, program, forked_workers: None, tmp_path: Path,  # type: ignore[no-untyped-def]
    end: signal.Signals,
) -> None:  # fmt: skip
    """And goes on by the same command without any: Ctrl-C leaves no claim, and one that was killed is told."""
    run = tmp_path / "run"
    process = program(*named(*BACKBONES), "--workers", "2", WAIT="a")
    deadline = time.monotonic() + 120
    while len(list(run.glob("cells/b--*.json"))) < 8 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if end is signal.SIGINT else -signal.SIGKILL), err
    while any(map(alive, workers_in(run))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers_in(run)) == 2 and not any(map(alive, workers_in(run)))
    answer = call(*named(*BACKBONES))
    assert answer.code == 0, answer.err
    assert ("an earlier run was killed" in answer.out) == (end is signal.SIGKILL)
    assert cells_of(run) == alone
    assert list(Claims(run).folder.iterdir()) == []


def test_workers_share_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads and the memory of a processor; of several GPUs each sees one."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert [(slot.threads, slot.share) for slot in slots_of(torch.device("cpu"), 3)] == [(2, 3)] * 3
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def seen(device: str) -> list[str]:
        return [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in slots_of(torch.device(device), 3)]

    assert seen("cuda") == ["0", "1", "0"]
    assert seen("cuda:1") == ["1", "1", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7,GPU-9")
    assert seen("cuda") == ["GPU-7", "GPU-9", "GPU-7"]
    assert [slot.share for slot in slots_of(torch.device("cuda"), 3)] == [2, 2, 2]
