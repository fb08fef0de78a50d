"""What drawn images hold: the facts that a board holds the first submission of them against.

    python -m partbench.benchmark.run.drawn_facts

writes those that partbench ships; do so when a drawing changes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...datasets.dataset import IGNORE
from ..files import write_atomic
from ..metrics.confusion import confuse, truth_pixels
from ..plan import Plan
from ..plugins.catalogue import load_catalogue
from ..plugins.names import find_dataset
from .task import SegmentationTask

DATASETS = ("faces", "faces#paper3", "faces#arbitrary", "cars", "horses")
LIKE = Plan("", ("copy",), ("ridge",), shots=(1,), draws=1, size=64, pool=48, test=100, fit="crop")
"""So many images are shipped, at this size: those of the default run."""
FILE = Path(__file__).parents[1] / "board" / "drawn.json"


def drawn_facts(task: SegmentationTask) -> dict[str, Any]:
    """Of every image its digests; of one of the pool the classes that it shows, of one to test the pixels of each."""
    contents, classes = task.contents, len(task.dataset.classes)
    pool = task.splits.pool.masks(list(task.pool), task.plan.size).numpy()
    test = task.scored.masks(list(task.test), task.plan.size).numpy()
    present = [sorted({*mask.flatten().tolist()} - {IGNORE}) for mask in pool]
    pixels = truth_pixels(confuse(test, test, classes)).tolist()
    beside = {"pool": present, task.plan.split: pixels}
    return {
        "classes": task.dataset.classes,
        "excluded": sorted(task.dataset.excluded),
        "size": task.plan.size,
        "splits": {
            split: {
                name: [*digests, beside[split][row]] if split in beside else [*digests, []]
                for row, (name, digests) in enumerate(images.items())
            }
            for split, images in contents.items()
        },
    }


def write_drawn_facts(file: Path = FILE) -> None:
    """Write the facts of all images that the default run draws, a line per dataset."""
    catalogue = load_catalogue()
    lines = []
    for name in DATASETS:
        plan = Plan(**{**vars(LIKE), "dataset": name})
        facts = drawn_facts(SegmentationTask.of_offer(find_dataset(catalogue, name), plan))
        lines.append(f"{json.dumps(name)}:{json.dumps(facts, separators=(',', ':'))}")
    write_atomic(file, ("{" + ",\n".join(lines) + "}\n").encode())


if __name__ == "__main__":
    write_drawn_facts()
