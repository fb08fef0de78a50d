"""What a GPU is asked to show, as a script of at most 13 minutes: `python tests/benchmarks/test_bench_gpu.py [FOLDER]`.

It calls the command line, one step after the other, each with a time limit of its own, and writes what a step prints
into FOLDER (else $OUT, else build/gpu) while it runs: whoever stops it keeps all until then. `summary.jsonl` there has
a line per step, with what is asked of it. The tests run every step with less of everything, on a CPU.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from partbench.benchmark.run.journal import FOLDER, Journal

MINUTES = 13.0
"""Of all steps together, which leaves two of a quarter of an hour for the machine's start; what would begin later is
left out."""
GRACE = 20.0
"""Seconds in which a step that is stopped may write what it has."""
HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""A step is stopped by SIGINT, which whatever a shell runs in the background ignores."""
COMMAND = (sys.executable, "-c", f"{HEAR}; from partbench.benchmark.cli.main import main; main()")

SIX = tuple(f"--head={name}" for name in ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l"))
NINE = (*SIX, *(f"--head={name}" for name in ("ridge", "prototype", "knn")))
FACES = ("run", "--dataset", "faces", "--size", "64", "--shots")
FEW = ("1", "--draws", "1", "--test", "2", "--pool", "4", "--backbone", "pixels")
TRAINING = ("pretrain", "stylegan2", "--images", "faces", "--workers", "16")
BRIEF = ("--limit", "12", "--kimg", "0.008", "--size", "16", "--batch", "4", "--workers", "0")


@dataclass(frozen=True)
class Step:
    """One command, and what is asked of it."""

    name: str
    aim: str
    limit: float
    """Seconds."""
    shared: tuple[str, ...]
    full: tuple[str, ...] = ()
    """What the step has besides on a GPU."""
    tiny: tuple[str, ...] = ()
    """What it has in place of that in the tests."""
    out: str = ""
    """The file or folder that it writes, in the folder of all."""

    def words(self, folder: Path, tiny: bool) -> list[str]:
        """The command; a GPU's step fails where there is none, instead of taking hours on a CPU."""
        device = ("--device", "cpu" if tiny else "cuda")
        return [*COMMAND, *self.shared, *(self.tiny if tiny else self.full), *device, "--out", str(folder / self.out)]


MANY = ("1,5,10", "--draws", "3", "--test", "16")
STEPS = (
    Step("grid", "495 cells in 15 s", 150, FACES, (*MANY, *SIX), (*FEW, "--head=linear"), "grid"),
    Step(
        "projection", "30 ms an image or less; share of peak", 50, ("throughput",),
        ("stylegan2", "--batch", "64", "--precision", "float32", "--seconds", "30"),
        ("stylegan2:propose", "--batch", "2", "--precision", "float32", "--seconds", "0"), "projection.json",
    ),
    Step(
        "pretrain", "5,000 images a second", 90, TRAINING,
        ("--limit", "8000", "--minutes", "0.7"), (*BRIEF,), "graph.safetensors",
    ),
    Step(
        "pretrain-plain", "the losses of pretrain", 60, (*TRAINING, "--no-graph"),
        ("--limit", "8000", "--minutes", "0.3"), (*BRIEF,), "plain.safetensors",
    ),
    Step(
        "converged", "nine heads, 10 draws x 64 images in 60 s", 180, FACES,
        ("1,5,10", "--draws", "10", "--test", "64", *NINE), (*FEW, "--head=ridge", "--head=knn"), "converged",
    ),
    Step(
        "paper", "six heads, 1/5/10 shots, 3 draws, one backbone in 60 s", 120,
        (*FACES[:-1], "--schedule", "paper", FACES[-1]),
        (*MANY, *SIX, "--backbone", "stylegan2"), (*FEW, "--head=prototype"), "paper",
    ),
    Step(
        "throughput", "images/s, p50, p95, share of peak, memory", 130, ("throughput",),
        ("--seconds", "6"), ("pixels", "--seconds", "0", "--batch", "1,largest"), "throughput.json",
    ),
)  # fmt: skip


def carry_out(step: Step, folder: Path, tiny: bool, left: float) -> dict[str, object]:
    """Run one step, stopped at its limit; its line of the summary."""
    words, limit = step.words(folder, tiny), min(step.limit, left)
    start = time.monotonic()
    with (folder / f"{step.name}.log").open("wb") as log:
        log.write((" ".join(words[len(COMMAND) :]) + "\n").encode())
        log.flush()
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        try:
            code: int | None = process.wait(limit)
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as stop:
            process.send_signal(signal.SIGINT)  # on which every verb keeps what it has
            code = _end(process)
            if isinstance(stop, KeyboardInterrupt):
                raise
    seconds = time.monotonic() - start
    late = seconds >= limit
    line = {"step": step.name, "aim": step.aim, "seconds": round(seconds, 1), "exit": code, "stopped": late}
    return line | ({"shares": found} if (found := shares(folder / step.out)) else {})


def shares(run: Path) -> dict[str, float]:
    """What each kind of work took of the time that a run's processes had a turn: `score` is to describe and predict."""
    before, seconds = dict[str, float](), Counter[str]()
    for record in Journal(run).read() if (run / FOLDER).is_dir() else []:
        if record["unit"] != "turn":
            seconds[record["unit"]] += record["at"] - before.get(record["by"], record["at"])
        before[record["by"]] = record["at"]
    total = seconds.total()
    return {unit: round(spent / total, 3) for unit, spent in seconds.items()} if total else {}


def _end(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def carry_out_all(folder: Path, tiny: bool = False, minutes: float = MINUTES) -> list[dict[str, object]]:
    """Run every step for which there is time, with codes of its own; the summary, which is written as it grows."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PARTBENCH_CACHE"] = str(folder / "cache")
    end, lines = time.monotonic() + 60 * minutes, list[dict[str, object]]()
    with (folder / "summary.jsonl").open("w") as summary:
        for step in STEPS:
            left = end - time.monotonic() - GRACE
            line = carry_out(step, folder, tiny, left) if left > 0 else {"step": step.name, "left out": "no time"}
            lines.append(line)
            print(line, flush=True)
            summary.write(json.dumps(line) + "\n")
            summary.flush()
    return lines


def test_every_step_works_with_less_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU: each ends by itself and leaves what it promises."""
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path))
    lines = carry_out_all(tmp_path / "out", tiny=True)
    for line in lines:
        log = (tmp_path / "out" / f"{line['step']}.log").read_text()
        assert (line["exit"], line["stopped"]) == (0, False), log
    done = {line["step"] for line in lines}
    assert done == {step.name for step in STEPS}
    assert all((tmp_path / "out" / step.out).exists() for step in STEPS)
    grid = next(line["shares"] for line in lines if line["step"] == "grid")
    assert isinstance(grid, dict) and {"fit", "score"} < {*grid} and sum(grid.values()) == pytest.approx(1, abs=0.01)
    written = (tmp_path / "out" / "summary.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == lines


def test_shares_are_of_the_turns_of_each_process(tmp_path: Path) -> None:
    """Each line ends what its process was at; what lies between two turns is nobody's."""
    (tmp_path / FOLDER).mkdir()
    for by, times in {"a": (0.0, 1.0, 4.0), "b": (2.0, 4.0, 6.0)}.items():
        units = zip(("turn", "fit", "score", "turn", "fit"), (*times, 50.0, 52.0), strict=True)
        lines = [json.dumps({"unit": unit, "of": "x", "at": at, "by": by}) for unit, at in units]
        (tmp_path / FOLDER / f"{by}.jsonl").write_text("\n".join(lines))
    assert shares(tmp_path) == {"fit": round(7 / 12, 3), "score": round(5 / 12, 3)}
    assert shares(tmp_path / "nowhere") == {}


def test_a_step_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """It is asked to end as by Ctrl-C, and what it wrote until then stays."""
    step = Step("slow", "nothing", 3.0, ("throughput",), (), ("pixels", "--seconds", "60"), "slow.json")
    line = carry_out(step, tmp_path, tiny=True, left=100)
    assert line["stopped"] and line["exit"] == 130
    assert (tmp_path / "slow.log").read_text().startswith("throughput pixels")


def test_all_limits_fit_into_the_time() -> None:
    """Of the script as a whole, with the seconds in which a stopped step writes."""
    assert sum(step.limit for step in STEPS) <= 60 * MINUTES


if __name__ == "__main__":
    carry_out_all(Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OUT", "build/gpu")))
