"""The control `supervised` (Figure 6): the segmenter of auto-shot on as many true masks as there are shots."""

from __future__ import annotations

from dataclasses import dataclass

from .one_pass import ReportProgress, SegmenterCells
from .plan import Cell
from .segmenter.pairs import Pairs, TensorPairs
from .task import SegmentationTask


@dataclass
class SupervisedCells:
    """Scores the cells of the control `supervised`."""

    task: SegmentationTask
    one_pass: SegmenterCells

    def run(self, cell: Cell, report: ReportProgress) -> None:
        """Learn from the masks of a draw, and score."""
        self.one_pass.run(cell, lambda report: self.pairs(cell), {"backbone": cell.backbone}, None, report)

    def pairs(self, cell: Cell) -> Pairs:
        """The labelled images of a draw, images and masks as bytes."""
        rows, size = self.task.manifest.shots(cell.draw, cell.shots), self.task.plan.size
        images = (self.task.splits.pool.images(rows, size) * 255).round().byte()
        return TensorPairs(images, self.task.shot_masks(cell.draw, cell.shots).byte())
