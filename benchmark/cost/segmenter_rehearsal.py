"""The rehearsal of segmenters: times a training step and a slice of test images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from ..auto_shot_names import AutoShotName
from ..machine import PeakMemory, slices, synchronise
from ..metrics.confusion import confuse
from ..plan import NO_HEAD
from ..run.features import FeatureSource
from ..run.task import SegmentationTask
from ..segment.network import UNet
from ..segment.pairs import PairShape, TensorPairs
from ..segment.recipe import RECIPES
from ..segment.training import Training
from .measured_cost import BackboneFigures, HeadFigures, SegmenterFigures

TRIED = 2**15
"""Pixels of the images of a step that is timed; a whole batch is taken to need as much per image."""


def segmenter_figures(task: SegmentationTask, device: torch.device) -> SegmenterFigures:
    """Those of a training on masks."""
    size, classes, recipe = task.plan.size, len(task.dataset.classes), RECIPES[task.plan.schedule]
    count = max(2, min(recipe.batch, TRIED // size**2))
    pairs = TensorPairs(torch.rand(count, 3, size, size), torch.randint(classes, (count, size, size)))
    few = replace(recipe, batch=count, steps=2)
    peak = PeakMemory(device)
    peak.start()
    training = iter(Training(UNet(classes, recipe.width), pairs, few, 0, device))
    next(training)  # warms up
    step = _seconds(lambda: next(training), device)
    images, truth = pairs.read(range(count))
    network = UNet(classes, recipe.width).to(device).eval()
    with torch.no_grad():
        score = _seconds(
            lambda: confuse(network(images.to(device)).argmax(1).cpu().numpy(), truth.numpy(), classes), device
        )
    parameters = sum(p.nelement() * p.element_size() for p in network.parameters())
    share = recipe.batch / count
    work = int(max(0, (peak.read() or 0) - 5 * parameters) * share) + 4 * parameters
    return SegmenterFigures(recipe, step * share, score / count, parameters, work)


def auto_shot_figures(
    head: HeadFigures, name: AutoShotName, source: FeatureSource, task: SegmentationTask, taught: SegmenterFigures
) -> HeadFigures:
    """The figures of auto-shot, from those of the head that labels and of the segmenter that learns."""
    classes, size = None if name.one_hot else len(task.dataset.classes), task.plan.size
    count = len(slices(range(1000), source.backbone.size)[0])
    source.sample(1, 0)  # warms up
    sample = _seconds(lambda: source.sample(count, 0), source.device) / count
    samples = name.images or taught.recipe.images
    pair = PairShape(1, size, classes).bytes
    return replace(head, segmenter=replace(taught, samples=samples, label=sample + head.image, pair=pair))


def supervised_figures(taught: SegmenterFigures) -> BackboneFigures:
    """The figures of the control `supervised`, which is nothing but a segmenter."""
    return BackboneFigures(heads={NO_HEAD: HeadFigures(segmenter=taught)})


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - start
