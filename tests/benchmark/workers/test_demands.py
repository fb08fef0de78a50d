"""Groups ask for what they need of a machine, and their workers have that."""

from __future__ import annotations

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plan import COPY
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run.groups import Group
from partbench.benchmark.workers.demands import Demand, Demands, slot_for


def test_what_reads_no_image_takes_no_gpu() -> None:
    """What has no network takes a part of one; without GPUs all take cores."""
    records = [
        Backbone("net", 16, (3,), lambda: None, learnt=True),  # type: ignore[arg-type,return-value]
        Backbone("random:net", 16, (3,), lambda: None, learnt=False),  # type: ignore[arg-type,return-value]
        Backbone("formula", 16, (3,), lambda: None, learnt=False),  # type: ignore[arg-type,return-value]
    ]
    offers = {record.name: Offer(record, "toys") for record in records}
    asked = Demands(offers, cpus=4, gpu=True, memory=5)
    gpus = {name: asked(Group(name, (0,))).gpus for name in (*offers, COPY)}
    assert gpus == {"net": 1, "random:net": 1, "formula": 0.25, COPY: 0}
    assert Demands(offers)(Group("net", (0,))) == Demand(1, 0, 0)
    assert asked(Group("net", (0,))) == Demand(4, 1, 5)


def test_the_memory_that_was_forecast_is_asked_for() -> None:
    """On processors, unless the user said how much; a GPU's group says nothing of its machine's."""
    group, forecast = Group("net", (0,)), {"net": 7}
    assert Demands({}, forecast=forecast)(group).memory == 7
    assert Demands({}, memory=5, forecast=forecast)(group).memory == 5
    assert Demands({}, gpu=True, forecast=forecast)(group).memory == 0
    assert Demands({}, forecast=forecast)(Group("other", (0,))).memory == 0


def test_a_demand_fits_where_there_is_as_much_of_all() -> None:
    """Of cores, of GPUs and of memory; a machine that does not say has none."""
    there = {"CPU": 4.0, "GPU": 1.0, "memory": 100.0}
    assert Demand(4, 1.0, 100).fits_into(there) and Demand(1).fits_into(there)
    for more in (Demand(5), Demand(1, 1.5), Demand(1, 0, 101)):
        assert not more.fits_into(there)
    assert not Demand(1, 0.25).fits_into({"CPU": 4.0})


def test_a_worker_has_its_share() -> None:
    """Of a GPU with others, or of a processor's memory, and as many threads as cores."""
    gpu, part, core = slot_for(Demand(4, 1.0), 8), slot_for(Demand(2, 0.25), 8), slot_for(Demand(1), 8)
    assert [(slot.device, slot.threads, slot.share) for slot in (gpu, part, core)] == [
        ("cuda", 4, 1), ("cuda", 2, 4), ("cpu", 1, 8)
    ]  # fmt: skip
    assert core.environment["OMP_NUM_THREADS"] == "1"
