"""A figure of speed names its batch, its stage and its machine, and joins the scores of a run."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.cost.device_peaks import DevicePeaks, measure_peaks
from partbench.benchmark.cost.stage_timing import ALL, FEW, INVERT, MAPS, StageClock, Timing
from partbench.benchmark.cost.throughput import PRECISIONS, Options, measure
from partbench.benchmark.results import ResultError
from partbench.benchmark.scores.cost_tradeoff import BackboneCost, read_costs

CPU = Options(torch.device("cpu"), batches=(1, 4), largest=False, precisions=("float32",), seconds=0.0)


class Conv(nn.Module):
    """One convolution, 3 to 8 channels, 3x3."""

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self.layer, self.most = nn.Conv2d(3, 8, 3, padding=1, bias=False), most
        self.seen: list[int] = []

    def forward(self, images: Tensor) -> list[Tensor]:
        self.seen.append(len(images))
        if len(images) > self.most:
            raise RuntimeError("out of memory")
        return [self.layer(images)]


class Inverting(Conv):
    """The same behind an inversion."""

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        return {"image": images}

    def maps(self, codes: dict[str, Tensor]) -> list[Tensor]:
        return self(codes["image"])

    def reconstruct(self, codes: dict[str, Tensor]) -> Tensor:
        return codes["image"]


def backbone(extractor: Conv) -> Backbone:
    return Backbone("conv", 16, (8,), load=lambda: extractor)


def test_operations_and_parameters_are_counted() -> None:
    """A convolution has two operations per weight, pixel and image."""
    *_, found = measure(backbone(Conv()), "me", CPU)
    assert found.parameters == 3 * 8 * 9
    assert [(t.stage, t.batch) for t in found.timings] == [(ALL, 1), (ALL, 4)]
    for timing in found.timings:
        assert timing.flops == 2 * 3 * 8 * 9 * 16 * 16 * timing.batch
        assert len(timing.seconds) == 1, "in no time, one call"
        assert timing.images_per_second == pytest.approx(timing.batch / np.median(timing.seconds))
        assert math.isnan(timing.latency(95)), "of too few calls"


def test_an_inversion_is_a_stage_of_its_own() -> None:
    """What a score needs of a generator is told apart: projection, maps, and both together."""
    *_, found = measure(backbone(Inverting()), "me", CPU)
    assert [(t.stage, t.batch) for t in found.timings] == [(s, b) for b in (1, 4) for s in (INVERT, MAPS, ALL)]


def test_a_batch_that_does_not_fit_is_an_error_and_no_smaller_batch() -> None:
    """The figure of 4 images is never that of fewer."""
    extractor = Conv(most=2)
    *_, found = measure(backbone(extractor), "me", CPU)
    assert found.error is None
    assert [(t.batch, t.error) for t in found.timings] == [(1, None), (4, "RuntimeError: out of memory")]
    assert set(extractor.seen) == {1, 4}


def test_a_backbone_that_cannot_be_loaded_leaves_the_others_alone() -> None:
    """What it raised stands in its record."""

    def load() -> Conv:
        raise FileNotFoundError("no weights")

    *_, found = measure(Backbone("gone", 16, (8,), load=load), "me", CPU)
    assert (found.error, found.timings) == ("FileNotFoundError: no weights", ())


def test_every_batch_is_known_as_soon_as_it_is_measured() -> None:
    """Whoever stops a measurement has what came before."""
    found = measure(backbone(Inverting()), "me", CPU)
    assert {t.batch for t in next(found).timings} == {1}
    assert {t.batch for t in next(found).timings} == {1, 4}


def test_both_stages_of_a_call_make_one_from_image_to_maps() -> None:
    """Its seconds and operations are their sums, its memory the higher of theirs."""
    *_, found = measure(backbone(Inverting()), "me", replace(CPU, seconds=0.05))
    invert, maps, both = found.timings[:3]
    assert both.seconds == pytest.approx([a + b for a, b in zip(invert.seconds, maps.seconds, strict=True)])
    assert both.flops == maps.flops and invert.flops is None
    assert (both.memory or 0) == max(invert.memory or 0, maps.memory or 0)


def test_every_batch_and_format_is_measured() -> None:
    """Often enough for a median and a tail."""
    options = Options(torch.device("cpu"), (1, 4), largest=False, seconds=0.6)
    *_, found = measure(backbone(Conv()), "me", options)
    assert [(t.precision, t.batch) for t in found.timings] == [(p, b) for p in PRECISIONS for b in (1, 4)]
    assert all(len(t.seconds) >= FEW and t.latency(50) <= t.latency(95) for t in found.timings)


class Slow(Inverting):
    """A hundred steps, of a twentieth of a second each."""

    steps = 100

    def attempt(self, images: Tensor, steps: int) -> dict[str, Tensor]:
        time.sleep(0.05 * steps)
        return self.invert(images)


def test_an_inversion_that_would_not_end_in_time_is_not_begun() -> None:
    """Its first steps tell; it is said, and larger batches are left out."""
    *_, found = measure(backbone(Slow()), "me", replace(CPU, seconds=2.0))
    (late,) = found.timings
    assert late.late and late.batch == 1
    assert re.fullmatch(r"it takes up to 1\d s, and 2 are left; raise --seconds", late.error or "")


def test_the_last_batch_is_doubled_for_as_long_as_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as fast again does, a twentieth does not; a batch that does not fit ends it too."""
    rates = {4: 100.0, 8: 150.0, 16: 200.0, 32: 210.0, 64: 500.0}
    monkeypatch.setattr(Timing, "images_per_second", property(lambda timing: rates[timing.batch]))
    options = replace(CPU, batches=(4,), largest=True, seconds=30.0)
    monkeypatch.setattr(StageClock, "_passes", lambda *_: iter([[0.1]]))
    *_, found = measure(backbone(Conv()), "me", options)
    assert [t.batch for t in found.timings] == [4, 8, 16, 32] and found.largest == {"float32": 16}
    *_, found = measure(backbone(Conv(most=8)), "me", options)
    assert [t.batch for t in found.timings] == [4, 8, 16] and found.largest == {"float32": 8}
    *_, found = measure(backbone(Conv()), "me", replace(options, seconds=0.0))
    assert found.largest == {}, "there was no time to find it"


def test_a_formula_has_no_largest_batch() -> None:
    """Its maps are views of the images, as quick for a million as for one, so that there is nothing to double for."""
    formula = Backbone("view", 16, (3,), load=lambda: lambda images: [images])
    *_, found = measure(formula, "me", replace(CPU, largest=True, seconds=0.5))
    assert [t.batch for t in found.timings] == [1, 4] and found.largest == {}


@pytest.mark.parametrize("options", [{"channels_last": True}, {}])
def test_an_option_stands_in_the_record(options: dict[str, bool]) -> None:
    """A figure says how it was run."""
    *_, found = measure(backbone(Conv()), "me", replace(CPU, batches=(2,), **options))
    assert found.error is None and found.timings[0].error is None
    assert found.options == {"channels_last": False, "compile": False, "seconds": 0.0} | options


def test_peaks_are_those_of_this_machine() -> None:
    """Both are positive, and no backbone of one convolution reaches them."""
    peaks = measure_peaks(torch.device("cpu"))
    assert peaks.flops > 1e8 and peaks.bytes > 1e8
    assert Timing(ALL, 1, seconds=(1.0,), flops=50).share(DevicePeaks(100, 1)) == 0.5
    assert Timing(ALL, 1, seconds=(1.0,)).share(peaks) is None


def test_one_image_warms_up() -> None:
    """What libraries take at their first call is no memory of the first batch that is measured, whichever it is."""
    extractor = Conv()
    list(measure(backbone(extractor), "toys 1", replace(CPU, batches=(4,))))
    assert extractor.seen[0] == 1 and {*extractor.seen[1:]} == {4}


class NoHalf(Conv):
    """Knows float32 alone."""

    def forward(self, images: Tensor) -> list[Tensor]:
        if torch.is_autocast_enabled("cpu"):
            raise TypeError("no bfloat16")
        return super().forward(images)


def test_a_format_that_fails_takes_no_other_along() -> None:
    """Every batch of it is an error of its own."""
    options = replace(CPU, precisions=tuple(PRECISIONS))
    *_, last = measure(backbone(NoHalf()), "toys 1", options)
    assert last.error is None
    errors = [(t.precision, t.batch, t.error and "no bfloat16" in t.error) for t in last.timings]
    assert errors == [("float32", 1, None), ("float32", 4, None), ("bfloat16", 1, True), ("bfloat16", 4, True)]


def test_costs_are_read_from_a_file_of_throughput(tmp_path: Path) -> None:
    """The fastest batch in float32, as scores are, or the one asked for; another file is refused in one sentence."""
    stages = [
        {"stage": ALL, "precision": "float32", "batch": 1, "images per second": 5.0, "flops": 2 * 10**9, "error": None},
        {
            "stage": ALL,
            "precision": "float32",
            "batch": 8,
            "images per second": 20.0,
            "flops": 16 * 10**9,
            "error": None,
        },
        {"stage": ALL, "precision": "bfloat16", "batch": 8, "images per second": 90.0, "flops": 9, "error": None},
        {"stage": ALL, "precision": "float32", "batch": 64, "error": "out of memory"},
    ]
    file = tmp_path / "speed.json"
    file.write_text(json.dumps({"backbones": [{"backbone": "vae", "parameters": 7, "timings": stages}]}))
    assert read_costs(file) == {"vae": BackboneCost(20.0, 8, 2.0, 7)}
    assert read_costs(file, batch=1) == {"vae": BackboneCost(5.0, 1, 2.0, 7)}
    assert read_costs(file, batch=64) == {}
    file.write_text("[]")
    with pytest.raises(ResultError, match=r"is no file of partbench throughput --out .*; measure again"):
        read_costs(file)
