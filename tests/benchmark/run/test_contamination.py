"""The guards see a test image again wherever it is shown, a class that no shot has, and say what they looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from partbench.backbones import weights
from partbench.backbones.backbone import Backbone
from partbench.benchmark.cli.commands.pretrain import run as run_pretrain
from partbench.benchmark.cli.commands.pretrain_options import PretrainOptions
from partbench.benchmark.flags import IMAGES, SHOTS, GuardFlag, file_in, lines, read_findings, write_findings
from partbench.benchmark.plan import Plan
from partbench.benchmark.pretrain.budget import Budget
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.benchmark.pretrain.model_card import read_metadata
from partbench.benchmark.pretrain.perceptual_hash import BITS, NEAR, distances, perceptual_hash
from partbench.benchmark.pretrain.training_images import (
    hashes_file,
    learnt_from,
    pretraining_of,
    read_hashes,
    write_hashes,
)
from partbench.benchmark.results import ResultError
from partbench.benchmark.run import contamination
from partbench.benchmark.run.contamination import run_guards
from partbench.benchmark.run.near_duplicates import HashedImages, look_alikes
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.dataset import IGNORE, Dataset, Splits
from partbench.datasets.faces import open_faces
from partbench.datasets.files.images import ImageFolder
from partbench.datasets.folder import open_folder


def pictures(seeds: Sequence[int], size: int = 32) -> Tensor:
    """Random pictures, a little blurred; each seed its own, and a negative one the mirror image of another's."""
    coarse = [torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(abs(int(seed)))) for seed in seeds]
    turned = [image.flip(-1) if seed < 0 else image for image, seed in zip(coarse, seeds, strict=True)]
    return torch.nn.functional.interpolate(torch.cat(turned), (size, size), mode="bilinear")


def by_hand(image: np.ndarray) -> int:
    """The hash of a 32 x 32 image as Zauner writes it: cosines, a median, 64 bits."""
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    k, n = np.arange(1, 9)[:, None], np.arange(32)[None]
    cosines = np.cos(np.pi * (2 * n + 1) * k / 64)
    low = (cosines @ grey @ cosines.T).ravel()
    return int("".join("1" if value > np.median(low) else "0" for value in low), 2)


@given(st.integers(0, 2**32))
def test_the_hash_is_that_of_its_source(seed: int) -> None:
    """The bits are the signs of 64 cosine sums about their median, and half of them are set."""
    image = pictures([seed])
    found = perceptual_hash(image.numpy())
    assert found.dtype == np.uint64
    assert int(found[0]) == by_hand(image[0].double().numpy())
    assert int(found[0]).bit_count() == BITS // 2


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), st.integers(0, 2**64 - 1))
def test_a_distance_is_the_number_of_bits_that_differ(many: list[int], one: int) -> None:
    """As Python counts them; zero to itself, the same both ways."""
    found = distances(np.uint64(one), np.array(many, dtype=np.uint64))
    assert found.tolist() == [(one ^ other).bit_count() for other in many]


def test_faces_are_told_apart_and_their_copies_are_not() -> None:
    """Copies with noise, of half the size, or darker stay near; of 120 different faces no two are."""
    faces = open_faces().pool.images(range(120), 32)
    hashes = perceptual_hash(faces.numpy())
    random = np.random.default_rng(0)
    halved = torch.nn.functional.avg_pool2d(faces, 2).numpy()
    for copy in (faces.numpy() + random.normal(0, 0.02, faces.shape), halved, 0.7 * faces.numpy() + 0.1):
        found = [int(distances(a, b[None])[0]) for a, b in zip(hashes, perceptual_hash(copy), strict=True)]
        assert np.mean(np.array(found) <= NEAR) > 0.98
    names, mirrored = tuple(map(str, range(120))), perceptual_hash(faces.flip(-1).numpy())
    same = HashedImages(names, hashes, mirrored)
    for copies in (hashes, mirrored):
        others = HashedImages(tuple(f"other {n}" for n in names), np.roll(copies, 1))
        found_pairs = look_alikes(same, others)
        assert [int(pair.other.split()[1]) for pair in found_pairs] == [(int(p.test) + 1) % 120 for p in found_pairs]
        assert len(found_pairs) == 120 and {pair.mirrored for pair in found_pairs} == {copies is mirrored}
    assert not look_alikes(same, HashedImages(names, hashes))
    assert not look_alikes(same, same)


@dataclass
class Album:
    """Pictures by seed, under names; each shows the classes that it is told to."""

    seeds: tuple[int, ...]
    names: tuple[str, ...]
    shown: tuple[int, ...] = (0, 1, 2)
    read: int = 0

    def __len__(self) -> int:
        return len(self.seeds)

    def name(self, index: int) -> str:
        return self.names[index]

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        self.read += len(indices)
        return pictures([self.seeds[i] for i in indices], size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        mask = torch.tensor([*self.shown, IGNORE])[torch.arange(size * size) % (len(self.shown) + 1)]
        return mask.view(1, size, size).expand(len(indices), -1, -1)


def album(first: int, count: int = 4, **more: Any) -> Album:
    return Album(tuple(range(first, first + count)), tuple(f"{n}" for n in range(first, first + count)), **more)


def task_of(pool: Album, test: Album, unlabelled: Album | None = None, **changes: Any) -> SegmentationTask:
    dataset = Dataset("album", ("ground", "head", "tail"), lambda: Splits(pool, test, unlabelled=unlabelled))
    plan = Plan("album", (), (), shots=(1, 2), draws=2, size=8)
    return SegmentationTask.open(replace(dataset, **changes), plan)


def found(task: SegmentationTask, run: Path, **backbones: Backbone) -> dict[str, Any]:
    """What the guards say, by flag."""
    return {flag.name: flag for flag in run_guards(run, task, backbones).flags}


def test_nothing_is_said_of_images_that_are_apart(tmp_path: Path) -> None:
    """One line says what was looked at."""
    findings = run_guards(tmp_path, task_of(album(0), album(10), album(20)), {})
    assert lines(findings) == [
        "guards: no flag (4 test against 4 pool and 4 of 4 unlabelled images by name and look; "
        "classes in 2 draws of 1, 2 shots)"
    ]


def test_a_test_image_is_seen_wherever_it_is(tmp_path: Path) -> None:
    """Among the shots, among the unlabelled ones, and twice in the test split; by its name or by its look."""
    test = Album((10, 11, 2, 21, 10, 14), ("10", "11", "a", "b", "c", "3"))
    flags = found(task_of(album(0), test, album(20)), tmp_path)
    assert set(flags) == {"shots in test", "shots near test", "duplicates in test", "pretraining near test"}
    assert flags["shots in test"].evidence == ("3",)
    assert flags["shots near test"].evidence == ("a and 2 (0 of 64 bits differ)",)
    assert flags["duplicates in test"].evidence == ("10 and c (0 of 64 bits differ)",)
    assert flags["pretraining near test"].text == (
        "1 of 6 test images look like unlabelled ones: b and 21 (0 of 64 bits differ)"
    )
    named = found(task_of(album(0), album(10), Album((20, 21), ("20", "11"))), tmp_path / "other")
    assert named["pretraining in test"].evidence == ("11",)


def test_a_mirror_image_is_seen_wherever_it_is(tmp_path: Path) -> None:
    """Among the shots, the unlabelled ones, the other test images, and what a backbone learnt from; that is said."""
    file = write_weights(tmp_path / "mine.safetensors")
    write_hashes(file, perceptual_hash(pictures([-13, 50]).numpy()))
    test = Album((10, -2, 21, -10, 13), ("10", "a", "b", "c", "d"))
    task = task_of(album(0), test, Album((20, -21), ("20", "21")))
    findings = run_guards(tmp_path / "run", task, {"mine": backbone("mine", file)})
    assert {(flag.of, flag.name): flag.evidence for flag in findings.flags} == {
        (IMAGES, "shots near test"): ("a and 2, mirrored (0 of 64 bits differ)",),
        (IMAGES, "duplicates in test"): ("10 and c, mirrored (0 of 64 bits differ)",),
        (IMAGES, "pretraining near test"): ("b and 21, mirrored (0 of 64 bits differ)",),
        ("mine", "pretraining near test"): ("d and image 0, mirrored (0 of 64 bits differ)",),
    }


def test_findings_that_knew_no_mirror_images_are_made_anew(tmp_path: Path) -> None:
    """And can be read until then."""
    task = task_of(album(0), Album((10, -2), ("10", "a")))
    run_guards(tmp_path, task, {})
    record = json.loads(file_in(tmp_path).read_text())
    record |= {"flags": [], "hashes": {name: digits[:16] for name, digits in record["hashes"].items()}}
    file_in(tmp_path).write_text(json.dumps(record))
    assert read_findings(tmp_path) is not None
    assert [flag.name for flag in run_guards(tmp_path, task, {}).flags] == ["shots near test"]


def test_a_class_that_nobody_shows_is_named(tmp_path: Path) -> None:
    """By draw and number of shots, and in the test split; a class that no score counts is not missed."""
    task = task_of(album(0, shown=(0, 1)), album(10, shown=(0, 2)))
    flags = found(task, tmp_path)
    assert flags["class missing from test"].evidence == ("head",)
    shots = flags["class missing from shots"]
    assert shots.of == SHOTS
    assert shots.evidence == tuple(f"{n} shot{'s' * (n > 1)}, draw {d}: tail" for n in (1, 2) for d in (0, 1))
    assert "2 of 2 draws with 1, 2 of 2 draws with 2: 1 shot, draw 0: tail and 3 more" in shots.text
    unscored = task_of(album(0, shown=(0, 1)), album(10), excluded=frozenset({"tail"}))
    assert not found(unscored, tmp_path / "other")


def test_images_are_looked_at_once(tmp_path: Path) -> None:
    """A run that adds draws keeps what is known of the images, and looks again at others or if its file is damaged."""
    test = album(10)
    task = task_of(album(0), test)
    first = run_guards(tmp_path, task, {})
    assert (test.read, read_findings(tmp_path)) == (4 + 4, first)  # once more to know them by what they hold
    more = run_guards(tmp_path, task.of(replace(task.plan, draws=3)), {})
    assert (test.read, more.hashes, more.checked[SHOTS]) == (8, first.hashes, "classes in 3 draws of 1, 2 shots")
    file_in(tmp_path).write_text("{")
    with pytest.raises(ResultError, match=r"guards.json is damaged \(.*\); delete it and run the same command again"):
        read_findings(tmp_path)
    run_guards(tmp_path, task, {})
    assert test.read == 12
    assert run_guards(tmp_path, task_of(album(0), album(30)), {}).hashes.keys() == {"30", "31", "32", "33"}


def test_a_large_split_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many unlabelled images are read on every machine, however slow it is, and their number is said."""
    monkeypatch.setattr(contamination, "LOOKED_AT", 30)
    many = album(100, 200)
    assert "30 of 200 unlabelled" in run_guards(tmp_path, task_of(album(0), album(10), many), {}).checked[IMAGES]
    assert many.read == 30 + 16  # the scale of features is taken from 16


def backbone(name: str, file: Path | None = None, **more: Any) -> Backbone:
    return Backbone(name, 8, (3,), load=lambda: lambda images: [images], weights=file, **more)


@dataclass(frozen=True)
class Shape:
    """Of a network."""

    size: int = 8


def write_weights(file: Path, **card: str) -> Path:
    weights.save(file, "toy", Shape(), {"net": torch.nn.Linear(1, 1)}, card)
    return file


@pytest.mark.parametrize(
    ("card", "known"),
    [
        ({"images": "20 of album at 8 pixels"}, True),
        ({"images": "20 of album at 8 pixels, mirrored too"}, True),
        ({"images": "20 of album at 8 pixels", "began with": "a (0); it learnt from 9 of album at 8 pixels"}, True),
        ({"images": "20 of album at 8 pixels", "began with": "a (0); it learnt from 9 of cats at 8 pixels"}, False),
        ({"images": "20 of album at 8 pixels", "began with": "a (0), after 2 images"}, False),
        ({"images": "20 of albums at 8 pixels"}, False),
        ({"converted from": "ffhq.pkl"}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_a_card_speaks_for_the_dataset_of_the_run(tmp_path: Path, card: dict[str, str], known: bool) -> None:
    """All that a backbone learnt from must be the unlabelled images of this dataset, else nobody knows."""
    found = pretraining_of(backbone("mine", write_weights(tmp_path / "mine.safetensors", **card)), "album")
    assert (not found.unknown) == known
    assert found.text == ("mine learnt from the unlabelled images of album" if known else "")


def test_pretraining_images_that_nobody_knows_are_flagged(tmp_path: Path) -> None:
    """Backbones with the same reason share a line; what learnt from nothing needs none."""
    learnt = {name: backbone(name) for name in ("timm:a", "timm:b")}
    findings = run_guards(tmp_path, task_of(album(0), album(10)), learnt | {"pixels": backbone("p", learnt=False)})
    assert lines(findings) == [
        "flag: pretraining images unknown (timm:a, timm:b): it was trained elsewhere, and names no weights file"
    ]
    assert len(findings.about(["timm:a"]).flags) == 1
    assert findings.about([]).flags == ()
    broken = tmp_path / "broken.safetensors"
    broken.write_text("no weights")
    assert "no card that can be read" in pretraining_of(backbone("b", broken), "album").unknown


def test_hashes_beside_the_weights_settle_it(tmp_path: Path) -> None:
    """Each pretraining image is compared with each test image; a damaged file settles nothing."""
    file = write_weights(tmp_path / "mine.safetensors")
    write_hashes(file, perceptual_hash(pictures([50, 11, 51]).numpy()))
    task = task_of(album(0), album(10))
    flag = found(task, tmp_path / "a", mine=backbone("mine", file))["pretraining near test"]
    assert (flag.of, flag.evidence) == ("mine", ("11 and image 1 (0 of 64 bits differ)",))
    assert flag.text == "mine: 1 of 4 test images look like images that it learnt from: 11"
    write_hashes(file, perceptual_hash(pictures([50, 51]).numpy()))
    assert not found(task, tmp_path / "b", mine=backbone("mine", file))
    hashes_file(file).write_bytes(b"\x93NUMPY and no more")
    unknown = found(task, tmp_path / "c", mine=backbone("mine", file))["pretraining images unknown"]
    assert unknown.text.startswith("mine: mine.phash is damaged (")


@pytest.mark.parametrize("learnt", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_pretraining_images_are_known_whatever_their_fit_was(tmp_path: Path, learnt: str, fit: str) -> None:
    """A backbone may have seen a test image cropped that the run pads; its look is compared as any fit shows it."""
    folder = tmp_path / "cats"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for seed in range(4):
        picture = (pictures([seed], 48)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)[:, :26]
        Image.fromarray(picture).save(folder / "images" / f"{seed}.png")
        Image.fromarray((picture[:, :, 0] > 128).astype(np.uint8)).save(folder / "masks" / f"{seed}.png")
    (folder / "classes.json").write_text(json.dumps({"classes": ["ground", "cat"]}))
    (folder / "splits.json").write_text(json.dumps({"pool": ["0"], "test": ["1", "2", "3"]}))
    file = write_weights(tmp_path / "mine.safetensors")
    write_hashes(file, perceptual_hash(ImageFolder(folder / "images", learnt).images([2], 64).numpy()))
    plan = Plan(f"folder:{folder}", ("mine",), ("linear",), (1,), 1, size=16, fit=fit)
    task = SegmentationTask.open(open_folder(str(folder)), plan)
    flag = found(task, tmp_path / "run", mine=backbone("mine", file))["pretraining near test"]
    assert flag.text == "mine: 1 of 3 test images look like images that it learnt from: 2"


@given(first=st.integers(0, 20), count=st.integers(0, 20), seed=st.integers(0, 3))
def test_a_stream_knows_what_it_has_shown(first: int, count: int, seed: int) -> None:
    """The hashes between two positions are those of the images that stand there, read before or not."""
    split = album(0, 9)
    every, stream = perceptual_hash(split.images(range(9), 16).numpy()), ImageStream(split, 16, 2, seed)
    shown = [perceptual_hash(stream.at(p)[0][:1].numpy())[0] for p in range(first, first + count)]
    nearest = {int(every[distances(one, every).argmin()]) for one in shown}  # a stream shows bytes
    for one in (stream, ImageStream(split, 16, 2, seed)):
        assert {*one.hashes(first, first + count).tolist()} == nearest


def write_pictures(folder: Path, seeds: Iterable[int], names: Iterable[str] | None = None) -> Path:
    folder.mkdir(parents=True)
    chosen = list(seeds)
    for name, image in zip(names or map(str, chosen), pictures(chosen, 24), strict=True):
        Image.fromarray((image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def train(images: Path, out: Path, begin: Path | None = None, most: int = 16) -> None:
    budget = Budget(images=most)
    run_pretrain(PretrainOptions("stylegan2", str(images), out, 8, budget, device="cpu", workers=0, begin=begin))


def test_a_training_leaves_the_hashes_of_its_images(tmp_path: Path) -> None:
    """One for each, those of the weights that it began with included; without theirs, none."""
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    train(write_pictures(tmp_path / "cats", (1, 2, 3)), one)
    cats = read_hashes(one)
    assert cats is not None
    assert len(cats) == 3
    dogs = write_pictures(tmp_path / "dogs", (4, 5))
    train(dogs, two, begin=one, most=32)
    both = read_hashes(two)
    assert both is not None
    assert len(both) == 5
    assert {*cats.tolist()} < {*both.tolist()}
    assert learnt_from(read_metadata(two)) == ["2 of dogs at 8 pixels", "3 of cats at 8 pixels"]
    hashes_file(one).unlink()
    (tmp_path / "two.ckpt").unlink()
    train(dogs, two, begin=one, most=32)
    assert read_hashes(two) is None


Call = Callable[..., Any]


def test_flags_stand_under_the_leaderboard(tmp_path: Path, call: Call) -> None:
    """A copy of a shot in the test split is told by `run`, by `leaderboard`, and with all evidence by --flags."""
    folder, seeds = tmp_path / "cats", {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5, "[9]": 2}
    write_pictures(folder / "images", seeds.values(), seeds)
    (folder / "masks").mkdir()
    for name in seeds:
        quarters = np.kron([[0, 1], [1, 0]], np.ones((12, 12))).astype(np.uint8)
        Image.fromarray(quarters).save(folder / "masks" / f"{name}.png")
    (folder / "classes.json").write_text(json.dumps({"classes": ["ground", "cat"]}))
    (folder / "splits.json").write_text(json.dumps({"pool": ["1", "2", "3"], "test": ["4", "5", "[9]"]}))
    out = tmp_path / "run"
    options = ("--backbone", "pixels", "--head", "linear", "--shots", 1, "--draws", 1, "--size", 8)
    code, said, err = call("run", "--dataset", f"folder:{folder}", *options, "--out", out)
    assert (code, err) == (0, "")
    flag = "flag: shots near test: 1 of 3 test images look like pool images: [9] and 2 (0 of 64 bits differ)"
    for text in (said, call("leaderboard", out)[1]):
        assert flag in " ".join(text.split())
        assert all(len(line) <= 80 for line in text.splitlines() if line.startswith("flag"))
    shown = call("leaderboard", out, "--flags")[1]
    assert "1 flag; looked at:\n  3 test against 3 pool images by name and look" in shown
    (record,) = json.loads(call("leaderboard", out, "--flags", "--format", "json")[1])
    assert record["flags"][0]["evidence"] == ["[9] and 2 (0 of 64 bits differ)"]
    assert call("leaderboard", out, "--flags", "--format", "csv")[1].startswith("run,of,name,text,evidence\n")
    file_in(out).write_text("{")
    assert "guards.jsonisdamaged" in "".join(call("leaderboard", out)[1].split())  # a long path is folded anywhere
    assert call("leaderboard", out, "--flags")[0] == 2
    file_in(out).unlink()
    assert "guards: nobody has looked at the images" in call("leaderboard", out)[1]


def test_what_was_never_opened_has_no_flag(tmp_path: Path, call: Call, drawn_run: Callable[..., Path]) -> None:
    """Of a backbone without a score nothing is said, whether its weights could not be had or its turn has not come."""
    run = drawn_run(tmp_path / "run", {"jigsaw": 0.7, "timm:a": 0.5, "timm:b": 0.5})
    for file in (run / "cells").glob("timm_b*"):
        file.unlink()
    flags = [GuardFlag(name, "pretraining images unknown", f"{name}: nobody knows") for name in ("timm:a", "timm:b")]
    found = read_findings(run)
    assert found is not None
    write_findings(run, replace(found, flags=tuple(flags)))
    assert "flag: pretraining images unknown (timm:a): nobody knows" in call("leaderboard", run).out
    (record,) = json.loads(call("leaderboard", run, "--flags", "--format", "json").out)
    assert [flag["of"] for flag in record["flags"]] == ["timm:a"]
