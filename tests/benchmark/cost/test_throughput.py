"""A figure of speed names its batch, its stage and its machine, and joins the scores of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.cost.device_peaks import DevicePeaks, measure_peaks
from partbench.benchmark.cost.throughput import ALL, FEWEST, INVERT, MAPS, Options, Timing, measure
from partbench.benchmark.results import ResultError
from partbench.benchmark.scores.cost_tradeoff import BackboneCost, read_costs

CPU = Options(torch.device("cpu"), batches=(1, 4), seconds=0.0)


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
        assert len(timing.seconds) == FEWEST
        assert timing.images_per_second == pytest.approx(timing.batch / np.median(timing.seconds))
        assert timing.latency(50) <= timing.latency(95)


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


def test_every_stage_is_known_as_soon_as_it_is_measured() -> None:
    """Whoever stops a measurement has what came before."""
    found = measure(backbone(Inverting()), "me", CPU)
    assert [(t.stage, t.batch) for t in next(found).timings] == [(INVERT, 1)]
    assert [(t.stage, t.batch) for t in next(found).timings] == [(INVERT, 1), (MAPS, 1)]


@pytest.mark.parametrize("options", [{"channels_last": True}, {"bf16": True}])
def test_an_option_stands_in_the_record(options: dict[str, bool]) -> None:
    """A figure says how it was run."""
    *_, found = measure(backbone(Conv()), "me", Options(torch.device("cpu"), (2,), 0.0, **options))
    assert found.error is None and found.timings[0].error is None
    assert found.options == {"channels_last": False, "bf16": False, "compile": False} | options


def test_peaks_are_those_of_this_machine() -> None:
    """Both are positive, and no backbone of one convolution reaches them."""
    peaks = measure_peaks(torch.device("cpu"))
    assert peaks.flops > 1e8 and peaks.bytes > 1e8
    assert Timing(ALL, 1, (1.0,), flops=50).share(DevicePeaks(100, 1)) == 0.5
    assert Timing(ALL, 1, (1.0,)).share(peaks) is None


def test_costs_are_read_from_a_file_of_throughput(tmp_path: Path) -> None:
    """The fastest batch, or the one that is asked for; another file is refused in one sentence."""
    stages = [
        {"stage": ALL, "batch": 1, "images per second": 5.0, "flops": 2 * 10**9, "error": None},
        {"stage": ALL, "batch": 8, "images per second": 20.0, "flops": 16 * 10**9, "error": None},
        {"stage": ALL, "batch": 64, "error": "out of memory"},
    ]
    file = tmp_path / "speed.json"
    file.write_text(json.dumps({"backbones": [{"backbone": "vae", "parameters": 7, "timings": stages}]}))
    assert read_costs(file) == {"vae": BackboneCost(20.0, 2.0, 7)}
    assert read_costs(file, batch=1) == {"vae": BackboneCost(5.0, 2.0, 7)}
    assert read_costs(file, batch=64) == {}
    file.write_text("[]")
    with pytest.raises(ResultError, match=r"is no file of partbench throughput --out .*; measure again"):
        read_costs(file)
