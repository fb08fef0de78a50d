"""Groups are jobs that need nobody who waits; here submitit's own executors take the place of Slurm's."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.workers import slurm
from partbench.benchmark.workers.slurm import LONGEST, GroupTask, SlurmError, longest_array, open_executor
from partbench.benchmark.workers.told import FOLDER

pytest.importorskip("submitit")

PLUGIN = """
import os, signal, time
from functools import partial
from pathlib import Path
import partbench
from partbench.backbones.backbone import Backbone

def extract(images):
    return [images * 2]

def load(name):
    once = Path(__file__).with_name(f"{name}-ended")
    if name == "once" and not once.exists():
        once.touch()
        if "SUBMITIT_LOCAL_JOB_ID" in os.environ:
            os.kill(os.getppid(), signal.SIGUSR2)
            time.sleep(60)
        os._exit(3)
    return extract

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("once", 16, (3,), partial(load, "once"))
"""
REST = ("--head", "ridge", "--shots", "1,2", "--draws", "2", "--test", "20", "--pool", "6", "--size", "16")
PLAN = ("run", "--backbone", "once", *REST, "--device", "cpu", "--out")


@pytest.fixture(autouse=True)
def plugin(one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And as many threads as a worker has, since more of them add up in another order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit's debug leaves logs open
@pytest.mark.parametrize(
    ("executor", "events"),
    [("local", ["turn", "turn", "done"]), ("debug", ["turn", "crash", "turn", "done"])],
    ids=["preempted", "crashed"],
)
def test_jobs_do_what_one_process_does(
    executor: str, events: list[str], call: Callable[..., Any], cells_of: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Cell by cell; a job that is preempted is queued again, and leaves no claim meanwhile.

    A worker of a job that dies is named, and its group done again there.
    """
    run = tmp_path / "run"
    answer = call(*PLAN, run, "--workers", f"slurm:{executor}", "--slurm", "timeout_min=5")
    assert answer.code == 0, answer.out + answer.err
    said = " ".join(answer.out.split())
    assert f"1 group, as jobs of slurm:{executor} (once)" in said
    died = "worker 1 ended with exit code 3, while once had its turn; it has its turn last"
    assert (died in said) == ("crash" in events) and "an earlier run was killed" not in said
    assert call(*PLAN, tmp_path / "alone").code == 0
    assert cells_of(run) == cells_of(tmp_path / "alone")
    work = [f"{line['unit']} {line['of']}" for line in Journal(run).read()]
    counts = Counter(unit for unit in work if unit.split()[0] in ("scale", "shots", "fit", "score"))
    assert counts and max(counts.values()) == 1
    found = [unit.split()[0] for unit in work if unit.endswith(" once")]
    assert [unit for unit in found if unit in ("turn", "crash", "taken", "done")] == events
    assert list(Claims(run).folder.iterdir()) == [] and list((run / "units").iterdir()) == []
    assert not (run / FOLDER).exists()
    assert len(list((run / slurm.FOLDER).rglob("*.err"))) == 1


class Job:
    """A job that ended before it did anything."""

    job_id, state = "7_0", "TIMEOUT"

    def __init__(self, folder: Path) -> None:
        self.paths = type("Paths", (), {"stderr": folder / "7_0.err"})()

    def done(self) -> bool:
        return True

    def exception(self) -> None:
        raise RuntimeError("no result")


def test_a_job_that_was_ended_is_named(
    call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its group and its log; the same command goes on, here without any."""
    arrays: list[list[Group]] = []

    class Executor:
        def map_array(self, task: GroupTask, groups: list[Group], told: list[Path]) -> list[Job]:
            arrays.append(groups)
            return [Job(tmp_path) for _ in groups]

    monkeypatch.setattr(slurm, "open_executor", lambda *arguments: Executor())
    answer = call(*PLAN, "run", "--backbone", "copy", "--workers", "slurm", "--array-most", 1)
    assert answer.code == 2
    assert [[group.name for group in array] for array in arrays] == [["once"], ["copy"]]
    assert "the job 7_0 of copy ended before it was done (TIMEOUT); its log is" in " ".join(answer.out.split())
    (tmp_path / "once-ended").touch()
    assert call(*PLAN, "run", "--backbone", "copy").code == 0


def test_a_task_is_queued_again_as_it_was() -> None:
    """Its cells and units are on disk: what is preempted needs to know nothing of how far it came."""
    task, group, told = GroupTask(None, Path("home")), Group("a", (0,)), Path("told")  # type: ignore[arg-type]
    again = task.checkpoint(group, told)
    assert again.function is task and again.args == (group, told)


def test_arrays_are_as_long_as_the_site_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Or as they are asked to be; where nobody says, as Slurm takes them by default."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert longest_array(17) == 17 and longest_array() == LONGEST
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\necho 'MaxArraySize            = 4001'\n")
    scontrol.chmod(scontrol.stat().st_mode | stat.S_IEXEC)
    assert longest_array(17) == 17 and longest_array() == 4001


@pytest.mark.parametrize(("cluster", "parameter"), [("slurm", "timeout_min=5"), ("local", "5"), ("local", "speed=9")])
def test_what_cannot_be_submitted(
    cluster: str, parameter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Slurm here, no value, or a parameter that submitit does not have."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmError):
        open_executor(tmp_path, cluster, [parameter])
