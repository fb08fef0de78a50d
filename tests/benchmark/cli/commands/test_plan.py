"""`partbench plan` tells what a run will take, and refuses what cannot fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partbench.benchmark import machine
from partbench.benchmark.plan import COPY

Call = Callable[..., Any]


TINY = ("--backbone", "pixels", "--backbone", COPY, "--head", "linear", "--head", "mlp-1", "--shots", "1,2",
        "--draws", 2, "--test", 3, "--pool", 6, "--size", 32)  # fmt: skip


def test_a_plan_is_told_before_it_is_run(tmp_path: Path, call: Call) -> None:
    """For people in 80 columns; nothing is written into the run's folder."""
    out = tmp_path / "run"
    code, said, _ = call("plan", *TINY, "--out", out)
    assert code == 0
    assert "faces: 12 cells, 0 of them done, 12 to compute on cpu" in said
    assert "one cell of 2 shots: its training and its predictions" in said
    flat = " ".join(said.split())
    assert "eq. (1) of pixels, 23 channels at 32 x 32 pixels: F of 2 shots would be 184 KiB" in flat
    assert "F is sampled at 512 pixels (linear, mlp-1)" in flat
    assert "that is shown four times in five, 1 compared together, 2 draws: " in flat
    assert max(len(line) for line in said.splitlines() if str(tmp_path) not in line) <= 80
    assert not out.exists()


def test_the_time_of_several_workers_is_told(call: Call) -> None:
    """In a sentence and in JSON; of a backbone and a copy, which takes no time, one worker has all."""
    said = " ".join(call("plan", *TINY, "--workers", 2)[1].split())
    assert (
        "2 workers, each with what this machine gives one process: " in said and "the longest group is pixels" in said
    )
    found = json.loads(call("plan", *TINY, "--workers", 2, "--json")[1])
    two, whole = found["workers"], sum(found["backbones"][0]["seconds"].values())
    assert two["longest"] == "pixels" and two["alone"] == pytest.approx(whole) == two["seconds"]
    assert two["idle"] == pytest.approx(0.5)
    assert "workers" not in json.loads(call("plan", *TINY, "--json")[1])


def test_one_score_promises_nothing(call: Call) -> None:
    """Where no difference can be shown that is said, and null in JSON."""
    tiny = [1 if before in ("--draws", "--test") else word for before, word in zip(("", *TINY), TINY, strict=False)]
    code, said, _ = call("plan", *tiny, "--json")
    promised = json.loads(said, parse_constant=pytest.fail)["smallest difference"]["by shots"]
    assert code == 0 and promised and all(one["difference"] is None for one in promised)
    said = " ".join(call("plan", *tiny)[1].split())
    assert "one draw and one test image show no difference, however large; raise --draws or --test" in said


def test_no_difference_is_promised_that_no_two_scores_have(call: Call) -> None:
    """Of one draw on two images the bound for ten comparisons is above 100 points: none can be shown."""
    words = [word for name in ("pixels", "position", "jigsaw", "vae", "ddpm") for word in ("--backbone", name)]
    words += ["--head", "prototype", "--shots", "1", "--draws", "1", "--test", "2", "--size", "16"]
    said = call("plan", *words).out
    assert re.search("10 compared together, 1 draw: none with 1 shot", " ".join(said.split()))
    (promised,) = json.loads(call("plan", *words, "--json").out)["smallest difference"]["by shots"]
    assert (promised["difference"], promised["highest"], promised["comparisons"]) == (None, None, 10)


@pytest.mark.usefixtures("short_trainings")
def test_cells_that_are_done_are_free(tmp_path: Path, call: Call) -> None:
    """After the run nothing is left of its plan, and other cells are; a plan of other images is refused."""
    out = tmp_path / "run"
    before = json.loads(call("plan", *TINY, "--out", out, "--json")[1])
    assert before["cells"] == {"all": 12, "left": 12}
    assert before["seconds"] > 0
    pixels, copy = before["backbones"]
    assert len(pixels["cells"]) == 8
    assert set(pixels["eq. (1)"]["strategy"].values()) == {"sampled at 512 pixels"}
    assert sum(copy["seconds"].values()) == 0
    assert call("run", *TINY, "--out", out)[0] == 0
    after = json.loads(call("plan", *TINY, "--out", out, "--json")[1])
    assert (after["cells"]["left"], after["seconds"]) == (0, 0)
    more = json.loads(call("plan", *TINY, "--head", "cnn-s", "--out", out, "--json")[1])
    assert more["cells"] == {"all": 16, "left": 4}
    assert {cell["head"] for cell in more["backbones"][0]["cells"]} == {"cnn-s"}
    liked = json.loads(call("plan", *TINY, "--out", out, "--like", out, "--json")[1])["smallest difference"]
    assert (liked["source"], [one["pairs"] for one in liked["by shots"]]) == (str(out), [1, 1])
    code, _, err = call("plan", *TINY, "--out", out, "--seed", 3)
    assert code == 2
    assert str(out) in err and "seed 0, not 3" in err


def test_what_cannot_fit_is_refused(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with what is free and what would fit, exit code 2; the tables are printed all the same."""
    code, said, err = call("plan", *TINY, "--out", tmp_path / "run", "--memory", 0.001)
    last = err.splitlines()[-1]
    assert code == 2
    assert "one cell of 2 shots" in said
    assert "pixels" in last and "0.00" in last
    monkeypatch.setattr(machine, "free_disk", lambda path: 100)
    code, _, err = call("plan", *TINY, "--out", tmp_path / "run")
    assert code == 2
    assert f"partbench: {tmp_path / 'run'} would take 0.00 GiB of disk and 0.00 are free; name a place on" in err
