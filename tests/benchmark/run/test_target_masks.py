"""Predictions are held against squares, or against masks as they are; nothing beside a picture counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from partbench.benchmark.metrics.confusion import per_class
from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.run.target_masks import Truth
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets.dataset import CROP, FITS, IGNORE, PAD, Dataset, DatasetError
from partbench.datasets.faces import CLASSES as FACES
from partbench.datasets.faces import open_faces
from partbench.datasets.folder import open_folder

SHAPES = ((30, 48), (48, 30), (40, 40), (23, 61), (60, 44), (51, 50))
CLASSES = ["ground", "left", "right"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures (height, width) of `SHAPES`: a red left quarter, a blue right one, and an ignored row on top."""
    root = tmp_path / "flags"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for number, (height, width) in enumerate(SHAPES):
        mask = np.zeros((height, width), dtype=np.uint8)
        mask[:, : width // 4], mask[:, -(width // 4) :] = 1, 2
        colours = np.array([(90, 90, 90), (230, 20, 20), (20, 20, 230)], dtype=np.uint8)
        Image.fromarray(colours[mask]).save(root / "images" / f"{number}.png")
        mask[0] = IGNORE
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    (root / "classes.json").write_text(json.dumps({"classes": CLASSES}))
    (root / "splits.json").write_text(json.dumps({"pool": ["0", "1", "2"], "test": ["3", "4", "5"]}))
    return root


def truth_of(folder: Path, fit: str, native: bool, size: int = 32) -> Truth:
    plan = Plan(f"folder:{folder}", ("copy",), ("linear",), (1,), 1, size=size, fit=fit, native=native)
    task = SegmentationTask.open(open_folder(str(folder)), plan)
    return Truth(task, list(task.test))


def by_colour(truth: Truth) -> torch.Tensor:
    """Logits that read the colours of the square images, by which the masks were painted."""
    red, _, blue = truth.task.scored.images(truth.rows, truth.task.plan.size).unbind(1)
    return torch.stack([torch.full_like(red, 0.3), red - blue, blue - red], 1)


@pytest.mark.parametrize("fit", FITS)
def test_own_masks_count_every_labelled_pixel(folder: Path, fit: str) -> None:
    """As many as the file has, each image for itself; with a crop those of its central square."""
    truth = truth_of(folder, fit, native=True)
    pixels = truth.confuse(by_colour(truth)).sum((1, 2))
    whole = [(h - 1) * w for h, w in SHAPES[3:]]
    # The row on top is inside the central square only where nothing is cut above it.
    square = [min(h, w) ** 2 - (min(h, w) if (h - min(h, w)) // 2 == 0 else 0) for h, w in SHAPES[3:]]
    assert pixels.tolist() == (square if fit == CROP else whole)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("fit", FITS)
def test_many_heads_are_counted_as_each_is(folder: Path, fit: str, native: bool) -> None:
    """Whatever is ignored, padded or cut off, on squares and on own masks."""
    truth = truth_of(folder, fit, native)
    logits = torch.randn(4, 3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    logits[0] = by_colour(truth)
    counts = truth.count(logits)
    assert counts.shape == (4, 3, 3, 3)
    for one, some in zip(counts.numpy(), logits, strict=True):
        assert (one == truth.confuse(some)).all()


def test_squares_count_no_padding(folder: Path) -> None:
    """Padding is not labelled, and a guess beside the picture changes nothing."""
    truth = truth_of(folder, PAD, native=False)
    logits = by_colour(truth)
    before = truth.confuse(logits)
    assert (before.sum((1, 2)) < 32 * 32).all() and np.nanmin(per_class(before)) > 0.9
    beside = (truth.squares == IGNORE)[:, None].expand_as(logits)
    assert (truth.confuse(torch.where(beside, torch.rand(logits.shape), logits)) == before).all()


@pytest.mark.parametrize("fit", FITS)
def test_finer_squares_come_nearer_to_the_masks(folder: Path, fit: str) -> None:
    """What is right on the square, resized once, is right on the native mask, up to the width of a pixel at borders."""
    ious = []
    for size in (8, 32, 128):
        truth = truth_of(folder, fit, native=True, size=size)
        confusion = truth.confuse(by_colour(truth))
        ious.append(np.nanmin(per_class(confusion)))
    assert ious[0] < ious[1] <= ious[2] and ious[2] > 0.98


def test_what_is_shown_ends_where_the_picture_does(folder: Path) -> None:
    """On sheets and in reports, nothing is predicted on the padding; an ignored row of the mask is no padding."""
    truth = truth_of(folder, PAD, native=False, size=61)
    shown = truth.shown(torch.randint(3, (3, 61, 61)))
    inside = shown[0] != IGNORE
    assert (inside.any(1).sum(), inside.any(0).sum()) == (23, 61)
    stretched = truth_of(folder, "stretch", native=False)
    assert (stretched.shown(torch.randint(3, (3, 32, 32))) != IGNORE).all()


def test_masks_without_a_shape_of_their_own_are_refused() -> None:
    """Drawn faces are exact at any size, so that none is theirs."""
    plan = Plan("faces", ("copy",), ("linear",), (1,), 1, native=True)
    with pytest.raises(DatasetError, match="the test images of faces have no masks of a size and shape of their own"):
        SegmentationTask.open(Dataset("faces", FACES, open_faces), plan)


Call = Callable[..., Any]
OPTIONS = ("--backbone", "pixels", "--backbone", "copy", "--head", "linear", "--shots", "2", "--draws", "1")


def test_a_run_says_how_it_reads_and_scores(folder: Path, tmp_path: Path, call: Call) -> None:
    """The fit of a folder is `pad`; native masks have all their pixels in every score, and another fit is refused."""
    out, data = tmp_path / "run", ("--dataset", f"folder:{folder}", *OPTIONS)
    code, said, _ = call("run", *data, "--size", "native:32", "--out", out)
    assert code == 0
    assert "--fit pad, 32 x 32 pixels to learn from, masks scored at their own size and shape" in " ".join(said.split())
    run = RunFolder(out)
    assert (run.read_plan().fit, run.read_plan().native, run.read_plan().size) == (PAD, True, 32)
    for name, head in (("pixels", "linear"), ("copy", "-")):
        result = run.read(Cell(name, head, 2, 0))
        assert result is not None and result.confusion is not None
        assert result.confusion.sum((1, 2)).tolist() == [(h - 1) * w for h, w in SHAPES[3:]]
    code, _, err = call("run", *data, "--size", "32", "--fit", "crop", "--out", out)
    assert code == 2 and "another protocol (size native:32, not 32, fit pad, not crop)" in " ".join(err.split())
    assert call("run", *data, "--size", "native:4", "--out", out)[2].startswith(
        "partbench: --size takes a number of pixels from 8 on, native or native:128, and not 'native:4'"
    )
    assert "there is no fit 'squeeze'; choose pad, crop, stretch" in call("run", *data, "--fit", "squeeze")[2]
    said = call("run", "--dataset", "faces", *OPTIONS, "--fit", "pad")[2]
    assert "faces is read with --fit crop alone, not pad; leave --fit out" in said


def test_a_run_before_there_was_a_choice_is_read_as_a_crop(folder: Path, tmp_path: Path, call: Call) -> None:
    """Its folder goes on with --fit crop, and refuses the new default by name."""
    out, data = tmp_path / "run", ("--dataset", f"folder:{folder}", *OPTIONS, "--size", "16")
    assert call("run", *data, "--fit", "crop", "--out", out)[0] == 0
    file = RunFolder(out).plan_file
    record = json.loads(file.read_text())
    del record["plan"]["fit"], record["plan"]["native"]
    file.write_text(json.dumps(record))
    assert RunFolder(out).read_plan().fit == CROP
    code, _, err = call("run", *data, "--out", out)
    assert code == 2 and "another protocol (fit crop, not pad)" in " ".join(err.split())
    assert call("run", *data, "--fit", "crop", "--out", out)[0] == 0


def test_labelled_pixels_left_out_are_counted_by_class(folder: Path, tmp_path: Path, call: Call) -> None:
    """Under the leaderboard of a run that crops, the most lost class first; one that pads loses none."""
    data = ("--dataset", f"folder:{folder}", *OPTIONS, "--size", "16")
    _, said, _ = call("run", *data, "--fit", "crop", "--out", tmp_path / "crop")
    lost, total = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    for number in range(6):
        mask = np.array(Image.open(folder / "masks" / f"{number}.png"))
        side, (height, width) = min(mask.shape), mask.shape
        top, left = (height - side) // 2, (width - side) // 2
        inside = np.bincount(mask[top : top + side, left : left + side].ravel(), minlength=256)[:3]
        total += np.bincount(mask.ravel(), minlength=256)[:3]
        lost += np.bincount(mask.ravel(), minlength=256)[:3] - inside
    order = np.argsort(-lost / total, kind="stable")
    told = ", ".join(f"{CLASSES[k]} {100 * lost[k] / total[k]:.2g} %" for k in order)
    flag = f"flag: left out by --fit crop: {told} of their pixels in 3 pool and 3 test images; --fit pad takes all"
    for text in (said, call("leaderboard", tmp_path / "crop")[1]):
        assert flag in " ".join(text.split())
    (record,) = json.loads(call("leaderboard", tmp_path / "crop", "--flags", "--format", "json")[1])
    evidence = f"{CLASSES[order[0]]}: {lost[order[0]]} of {total[order[0]]} labelled pixels"
    assert any(evidence in one["evidence"] for one in record["flags"])
    assert "left out" not in call("run", *data, "--out", tmp_path / "pad")[1]


def test_an_image_that_the_size_leaves_nothing_of_is_named(folder: Path, tmp_path: Path, call: Call) -> None:
    """A picture so thin that no pixel of the square falls onto it would be scored as nothing without a word."""
    Image.new("RGB", (400, 2), "red").save(folder / "images" / "3.png")
    Image.fromarray(np.ones((2, 400), dtype=np.uint8)).save(folder / "masks" / "3.png")
    _, said, _ = call("run", "--dataset", f"folder:{folder}", *OPTIONS, "--size", "16", "--out", tmp_path / "run")
    assert "flag: image left out: --fit pad and --size 16 leave no labelled pixel of 3" in " ".join(said.split())


def test_images_without_a_label_are_named(folder: Path, tmp_path: Path, call: Call) -> None:
    """They count as shots and as test images, of which a reader has to know; nothing is learnt from them alone."""

    def blank(*numbers: int) -> None:
        for file in (folder / "masks" / f"{number}.png" for number in numbers):
            Image.fromarray(np.full_like(np.array(Image.open(file)), IGNORE)).save(file)

    blank(0, 3)
    data = ("--dataset", f"folder:{folder}", *OPTIONS, "--size", "16")
    _, said, _ = call("run", *data, "--out", tmp_path / "some")
    assert "flag: image without labels: 0, 3: no pixel has a label" in " ".join(said.split())
    blank(1, 2)
    code, said, err = call("run", *data, "--out", tmp_path / "none")
    assert code == 2 and "has no labelled pixel; label some, or choose other shots" in " ".join((said + err).split())
    cells = [json.loads(file.read_text()) for file in (tmp_path / "none" / "cells").glob("*.json")]
    assert len(cells) == 2 and all(cell["error"] for cell in cells)
