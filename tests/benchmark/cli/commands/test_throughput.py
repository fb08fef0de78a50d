"""`partbench throughput`: every row is printed and written when it is measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.cli.commands.throughput import parse_batches
from partbench.benchmark.cost import throughput
from partbench.benchmark.cost.throughput import Options, Throughput, measure
from partbench.benchmark.scores.cost_tradeoff import was_stopped

Call = Callable[..., Any]
FAST = ("--batch", "1,2", "--seconds", "0", "--precision", "float32")


def test_a_row_for_every_stage_and_batch(call: Call, tmp_path: Path) -> None:
    """At most 80 columns, and the file holds the same."""
    answer = call("throughput", "pixels", "position", *FAST, "--out", tmp_path / "speed.json")
    assert answer.code == 0, answer.err
    rows = [line.split()[:3] for line in answer.out.splitlines() if " all " in line]
    assert [row[:3] for row in rows] == [
        ["pixels", "all", "f32"],
        ["all", "f32", "2"],
        ["position", "all", "f32"],
        ["all", "f32", "2"],
    ]
    assert max(map(len, answer.out.splitlines()[1:])) <= 80
    record = json.loads((tmp_path / "speed.json").read_text())
    assert [len(one["timings"]) for one in record["backbones"]] == [2, 2] and record["complete"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_stopped_keeps_what_it_measured(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Printed and in the file, whatever comes after; exit code 130."""

    def stopping(backbone: Backbone, provider: str, options: Options) -> Iterator[Throughput]:
        yield next(measure(backbone, provider, options))
        raise KeyboardInterrupt

    monkeypatch.setattr(throughput, "measure", stopping)
    out = tmp_path / "speed.json"
    answer = call("throughput", "pixels", "position", *FAST, "--out", out, *(["--json"] if as_json else []))
    assert answer.code == 130
    record = json.loads(out.read_text())
    assert [(one["backbone"], len(one["timings"])) for one in record["backbones"]] == [("pixels", 1)]
    assert not record["complete"] and was_stopped(out)
    said = answer.err if as_json else answer.out
    assert "stopped; what was measured until then is above, and in" in " ".join(said.split())
    assert not as_json or json.loads(answer.out) == record


def test_the_head_says_how_long_it_takes_and_every_format_has_its_peak(call: Call, tmp_path: Path) -> None:
    """Ten seconds a backbone by default; the record keeps both formats apart."""
    answer = call("throughput", "pixels", "--batch", "1,largest", "--seconds", "0.3", "--out", tmp_path / "speed.json")
    assert answer.code == 0, answer.err
    assert "1 backbone, 0.3 s each once loaded: about 0.0 minutes" in answer.out
    record = json.loads((tmp_path / "speed.json").read_text())
    assert set(record["peaks"]) == {"float32", "bfloat16"}
    (one,) = record["backbones"]
    assert {t["precision"] for t in one["timings"]} == {"float32", "bfloat16"}


def test_nothing_that_could_be_measured_is_a_failure(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it that no batch fits; and a file that cannot be written is known before."""

    def full(batch: int, size: int, options: Options) -> Tensor:
        if batch > 1:
            raise MemoryError("no room")
        return torch.zeros(batch, 3, size, size)

    monkeypatch.setattr(throughput, "pictures", full)
    assert call("throughput", "pixels", "--batch", "2", *FAST[2:]).code == 1
    assert call("throughput", "pixels", "--batch", "2,1", *FAST[2:]).code == 0
    answer = call("throughput", "pixels", *FAST, "--out", tmp_path)
    assert answer.code == 2 and " all " not in answer.out


def test_the_largest_batch_alone_is_looked_for_from_one() -> None:
    """As behind any other that is named."""
    assert parse_batches("largest") == ((1,), True) == parse_batches("1,largest")


def test_what_is_no_batch_or_format_is_refused(call: Call) -> None:
    """In one sentence."""
    for option, text in (("--batch", ""), ("--batch", "1,x"), ("--batch", "0"), ("--precision", "int8")):
        answer = call("throughput", "pixels", option, text)
        assert answer.code == 2
        assert len(answer.err.strip().splitlines()) == 1, answer.err
