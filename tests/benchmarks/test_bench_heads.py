"""What a second head costs: the same maps are read again, and no image is described twice.

A ratio within one run, in CPU time of one thread.
"""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset, find_head
from partbench.benchmark.run.features import FeatureSource
from partbench.benchmark.run.head_training import fit, predict
from partbench.benchmark.run.schedules import SCHEDULES

IMAGES, CHEAPER = 2, 3


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.benchmark(timer=process_time)
def test_a_second_head_costs_a_fraction_of_the_first(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Describing two images and fitting a linear head takes several times as long as fitting one more."""
    catalogue = load_catalogue()
    backbone = find_backbone(catalogue, "random:stylegan2").record
    head = find_head(catalogue, "linear").record
    splits = find_dataset(catalogue, "faces").record.load()
    images, masks = splits.pool.images([0, 1], 64), splits.pool.masks([0, 1], 64)
    source = FeatureSource.open(backbone, torch.device("cpu"), tmp_path)

    def one_head(maps: list[torch.Tensor]) -> None:
        predict(fit(head, backbone.channels, 10, maps, masks, SCHEDULES["quick"], 0), maps, 64, 10)

    start = process_time()
    source.measure([images], "rms")
    maps = source.maps(images)
    one_head(maps)
    first = process_time() - start
    benchmark.pedantic(one_head, args=(maps,), rounds=3)
    assert benchmark.stats is not None
    ratio = first / benchmark.stats.stats.median
    benchmark.extra_info["first head over second"] = round(ratio, 1)
    assert ratio >= CHEAPER
