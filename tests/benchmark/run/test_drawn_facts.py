"""The shipped facts of drawn images are those of the drawings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from partbench.benchmark.board import drawn
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_dataset
from partbench.benchmark.run.drawn_facts import DATASETS, LIKE, drawn_facts
from partbench.benchmark.run.task import SegmentationTask


@pytest.mark.parametrize("name", DATASETS)
def test_shipped_facts_are_of_what_is_drawn(name: str) -> None:
    """Of the first images; whoever changes a drawing writes the facts anew."""
    plan = replace(LIKE, dataset=name, pool=3, test=3)
    ours = drawn_facts(SegmentationTask.of_offer(find_dataset(load_catalogue(), name), plan))
    shipped = drawn.drawn_facts()[name]
    assert (list(ours["classes"]), ours["excluded"]) == (shipped["classes"], shipped["excluded"])
    for split, images in ours["splits"].items():
        assert list(images.items()) == list(shipped["splits"][split].items())[: len(images)]


def test_as_many_are_shipped_as_the_default_run_reads() -> None:
    """48 of the pool and 100 to test."""
    for facts in drawn.drawn_facts().values():
        assert [len(facts["splits"][split]) for split in ("pool", "test")] == [LIKE.pool, LIKE.test]
