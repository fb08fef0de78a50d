"""Auto-shot (sections 3.3 and 4.3): trains a segmenter on samples that a few-shot head has labelled."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ...heads.head import likeliest
from ..auto_shot_names import AutoShotName, base_cell, parse_auto_shot
from ..machine import slices
from ..plan import Cell
from ..scores.convergence import FACT
from ..segment.pairs import PairShape, PairStore
from ..segment.recipe import RECIPES
from .features import FeatureSource
from .head_files import StoredHead
from .head_training import logits_of
from .segmenter_cells import ReportProgress, SegmenterCells
from .task import SegmentationTask


def sample_seed(seed: int, draw: int, number: int) -> int:
    """The seed of a slice of samples: the same for all heads and shots of a draw, which so label the same images."""
    return int.from_bytes(hashlib.sha256(f"{seed} samples {draw} {number}".encode()).digest()[:4], "big")


def fit_side(images: Tensor, size: int) -> Tensor:
    """Images (N, 3, S, S) at another side."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


@dataclass
class AutoShot:
    """Scores the auto-shot cells of one backbone."""

    source: FeatureSource
    task: SegmentationTask
    one_pass: SegmenterCells

    def run(self, cell: Cell, head: StoredHead, report: ReportProgress) -> None:
        """Sample, label, learn and score; a segmenter that an earlier run has trained is not trained again."""
        name = parse_auto_shot(cell.head)
        assert name
        recipe, plan = RECIPES[self.task.plan.schedule], self.task.plan
        images = name.images or recipe.images
        card = {"head": name.head, "samples": str(images), "labels": "one-hot" if name.one_hot else "logits"}
        card |= {"backbone": cell.backbone, "weights": str(self.source.weights), "scale": plan.scale}
        facts = {"weights": self.source.weights, FACT: asdict(head.fit)}
        self.one_pass.run(cell, lambda report: self.pairs(cell, head.module, name, images, report), card, facts, report)

    def pairs(self, cell: Cell, head: nn.Module, name: AutoShotName, count: int, report: ReportProgress) -> PairStore:
        """Samples and what the head makes of them; those of a run that was stopped are gone on with."""
        plan, classes = self.task.plan, len(self.task.dataset.classes)
        shape = PairShape(count, plan.size, None if name.one_hot else classes)
        store = PairStore(self.one_pass.place(cell), shape, self.one_pass.recorder.problem)
        done = 0
        for number, rows in enumerate(slices(range(count), self.source.backbone.size)):
            done += len(rows)
            if done <= store.done:
                continue
            images, maps = self.source.sample(len(rows), sample_seed(plan.seed, cell.draw, number))
            logits = logits_of(head, maps, plan.size, classes).cpu()
            store.append(fit_side(images, plan.size), likeliest(logits) if name.one_hot else logits)
            report(done / count, f"{base_cell(cell).slug} labels {done} samples")
        return store
