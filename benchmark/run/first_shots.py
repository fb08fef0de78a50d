"""Pictures of the shots that each draw of a run begins with, for `partbench lottery`."""

from __future__ import annotations

from pathlib import Path

from ..gallery import ShotPictures, first_shots, keep_shots, read_shots
from .task import SegmentationTask


def keep_first_shots(task: SegmentationTask, run: Path) -> None:
    """Keep them in the folder of a run, unless it has them."""
    rows, pool = first_shots(task.manifest.draws, min(task.plan.shots)), task.splits.pool
    names, stored = tuple(pool.name(row) for row in rows), read_shots(run)
    if stored is None or stored.names != names:
        images, masks = (read(rows, task.plan.size).numpy() for read in (pool.images, pool.masks))
        keep_shots(run, ShotPictures.of(names, images, masks))
