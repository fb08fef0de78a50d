"""Every backbone that is installed, others' included, one of each family: an image to its maps, one at a time.

Save a run with --benchmark-save=NAME and hold the next one against it with --benchmark-compare. Ratios within one run
are what is asserted: seconds are another machine's business.
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.cost.throughput import Options, pictures, prepare
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone
from partbench.benchmark.run.features import count_parameters

CATALOGUE = load_catalogue()
RECORDS = {name: offer.record for name, offer in CATALOGUE.backbones.items()}
MISSING = {row["name"] for record in RECORDS.values() if record.members for row in record.members() if not row["here"]}
"""What needs a package or weights that are not on this machine."""
NAMES = [name for name, record in RECORDS.items() if record.channels and name not in MISSING]
NAMES += [f"{name}:{record.examples[0]}" for name, record in RECORDS.items() if record.examples and not record.channels]
CPU = Options(torch.device("cpu"), (1,))


@pytest.mark.parametrize("name", NAMES)
def test_an_image_becomes_maps(benchmark: BenchmarkFixture, name: str) -> None:
    """Its maps are those that it declares."""
    record = find_backbone(CATALOGUE, name).record
    extractor = prepare(record.load(), CPU)
    image = pictures(1, record.size, CPU)
    with torch.no_grad():
        maps = benchmark.pedantic(extractor, args=(image,), rounds=3, warmup_rounds=1)
    benchmark.extra_info["parameters"] = count_parameters(extractor)
    assert tuple(m.shape[1] for m in maps) == record.channels
