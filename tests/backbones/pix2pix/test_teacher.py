"""Another HED as the teacher: its edges, seen at a side of its own, become the targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from partbench.backbones.backbone import BackboneError
from partbench.backbones.hed.config import HEDConfig
from partbench.backbones.hed.networks import HED
from partbench.backbones.pix2pix.config import EMBEDDED
from partbench.backbones.pix2pix.teacher import open_teacher
from partbench.backbones.pix2pix.training import Pix2PixTrainer
from partbench.backbones.weights import from_seed, save

SHAPE = HEDConfig(size=48, width=1 / 16)
CPU = torch.device("cpu")


def drawing() -> HED:
    """A network whose side outputs, which begin at zero, say something."""
    network = HED(SHAPE)
    for side in network.sides:
        torch.nn.init.normal_(side.weight)
    return network


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """Weights for 48 pixels."""
    path = tmp_path / "hed.safetensors"
    save(path, "hed", SHAPE, {"network": from_seed(drawing, 0)}, {})
    return path


@pytest.mark.parametrize(("word", "side"), [("", 48), (",64", 64), (",24", 24)])
def test_smaller_images_are_enlarged(teacher: Path, word: str, side: int) -> None:
    """To its own size, or to the side that is named; the edges have the size of the images."""
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    detector, what = open_teacher(f"{teacher}{word}", CPU)
    network, _ = open_teacher(f"{teacher},16", CPU)  # sees every image of 16 pixels and more as it is
    seen = images if side < 32 else F.interpolate(images, (side, side), mode="bilinear")
    edges = network(seen)
    expected = edges if side < 32 else F.interpolate(edges, (32, 32), mode="area")
    assert torch.equal(detector(images), expected) and expected.std() > 0.01
    assert what.endswith(f"at {side} pixels")


def test_its_edges_are_the_targets(teacher: Path) -> None:
    """A trainer that has a teacher draws the teacher's edges, in [-1, 1]."""
    training = Pix2PixTrainer(replace(EMBEDDED["hed"], size=32))
    images = torch.rand(2, 3, 32, 32)
    before = training.task.targets(images)
    training.learn_from(str(teacher))
    assert torch.equal(training.task.targets(images), open_teacher(str(teacher), CPU)[0](images) * 2 - 1)
    assert not torch.equal(training.task.targets(images), before)


def test_a_teacher_that_is_missing() -> None:
    """As behind the at sign."""
    with pytest.raises(BackboneError, match=r"there is no weights file no.safetensors"):
        open_teacher("no.safetensors", CPU)


def test_a_side_that_is_none_is_refused(teacher: Path) -> None:
    """It was taken to be the smallest."""
    with pytest.raises(BackboneError, match=r"hed.safetensors reads no images of 7 pixels; write a size from 16"):
        open_teacher(f"{teacher},7", CPU)
