"""The oracle: a network that annotates in a person's place, is called so wherever its masks go, and knows its task."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from partbench.backbones.backbone import BackboneError
from partbench.benchmark.file_hashes import file_hash
from partbench.benchmark.flags import read_findings
from partbench.benchmark.metrics.confusion import confuse, per_class
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_dataset
from partbench.benchmark.run.shot_guards import guard_shots
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.segment import oracle as oracle_module
from partbench.benchmark.segment.oracle import SHIPPED, SUMS, annotate, open_oracle, unlabelled_with_masks
from partbench.benchmark.segment.oracle_training import OracleConfig, OracleTrainer
from partbench.datasets.dataset import DatasetError
from partbench.datasets.faces import CLASSES, configure
from partbench.datasets.generated.manifest import ExportManifest, read_manifest
from partbench.datasets.generated.writing import complete, new_export, write_image, write_masks

Call = Callable[..., Any]


@pytest.fixture
def call(call: Call) -> Call:
    """`partbench ARGUMENTS`: the exit code, and all that was said, as one line."""

    def say(*arguments: object) -> tuple[int, str]:
        answer = call(*arguments)
        return answer.code, " ".join((answer.out + answer.err).split())

    return say


def exported(folder: Path, classes: tuple[str, ...] = CLASSES, size: tuple[int, int] = (64, 64)) -> Path:
    """Three validation faces as if somebody had exported them."""
    images = configure("").load().validation.images([0, 1, 2], 64)  # type: ignore[union-attr]
    with new_export(folder) as part:
        for number, image in enumerate(images.numpy()):
            picture = Image.fromarray((255 * image.transpose(1, 2, 0)).round().astype(np.uint8)).resize(size)
            write_image(part, f"{number:04d}", picture)
        manifest = ExportManifest(("0000", "0001", "0002"), classes, like="faces", source="faces")
        complete(part, manifest, {}, [[0, 0, 0]] * len(classes))
    return folder


def test_teaching_goes_on_where_it_was_and_its_oracle_annotates(tmp_path: Path, call: Call) -> None:
    """From the command line: teach, go on, annotate; the manifest names the oracle and what it can do."""
    out = tmp_path / "tiny.safetensors"
    words = ("annotate", "teach", "faces", "--out", out, "--size", 16, "--width", 2, "--limit", 64, "--device", "cpu")
    code, said = call(*words, "--kimg", 0.064)
    assert code == 0 and "64 unlabelled images of faces with their truth" in said and "mean IoU" in said
    code, said = call(*words, "--kimg", 0.096, "--resume")
    assert code == 0 and "from image 64" in said and "after 96 images" in said
    assert "64 of faces at 16 pixels" in out.with_suffix(".md").read_text()
    folder = exported(tmp_path / "shots")
    code, said = call("annotate", "oracle", folder, "--weights", out)
    assert code == 0 and "annotated by an oracle, no person: tiny.safetensors" in said
    manifest = read_manifest(folder)
    assert manifest.annotations == manifest.images
    assert (
        manifest.oracle["weights"] == file_hash(out)
        and manifest.oracle["learnt from"] == "64 of faces at 16 pixels, 96 seen"
    )
    assert set(manifest.oracle["measured"]) >= {f"IoU of {name}" for name in CLASSES} | {"mean IoU"}
    with Image.open(folder / "masks" / "0000.png") as mask:
        assert mask.size == (64, 64)


def test_an_oracle_annotates_fewer_classes_than_it_knows(tmp_path: Path) -> None:
    """What an export does not ask for becomes background, as in faces#paper3."""
    few, all_ = exported(tmp_path / "few", ("background", "nose", "eyes")), exported(tmp_path / "all")
    for folder in (few, all_):
        annotate(folder, read_manifest(folder), open_oracle(SHIPPED))
    for stem in ("0000", "0001", "0002"):
        ours, theirs = (np.asarray(Image.open(folder / "masks" / f"{stem}.png")) for folder in (few, all_))
        assert np.array_equal(ours == 1, theirs == CLASSES.index("nose"))
        assert np.array_equal(ours == 2, theirs == CLASSES.index("eyes"))


def test_results_and_leaderboards_say_that_an_oracle_annotated(tmp_path: Path, call: Call) -> None:
    """In every cell's provenance, and as a flag with its IoU of each class."""
    folder = exported(tmp_path / "shots")
    annotate(folder, read_manifest(folder), open_oracle(SHIPPED))
    dataset, out = f"annotated:{folder}", tmp_path / "run"
    code, said = call("run", "--dataset", dataset, "--backbone", "copy", "--shots", "1", "--draws", "1", "--test", "2",
                      "--size", "16", "--out", out)  # fmt: skip
    assert code == 0 and "flag: annotated by an oracle: the shots have the masks of an oracle, no person" in said
    record = json.loads(next((out / "cells").glob("*.json")).read_text())["provenance"]["dataset"]
    assert record["annotator"].startswith("an oracle, no person: oracle-faces64.safetensors")
    assert record["oracle"]["weights"] == file_hash(SHIPPED)
    findings = read_findings(out)
    assert findings is not None
    (flag,) = (flag for flag in findings.flags if flag.name == "annotated by an oracle")
    assert any(line.startswith("IoU of nose ") for line in flag.evidence)


def test_a_persons_shots_have_no_such_flag() -> None:
    """Nor has any other dataset."""
    plan = Plan("faces", ("copy",), (), shots=(1,), draws=1, pool=2, test=1, size=16)
    task = SegmentationTask.open(find_dataset(load_catalogue(), "faces").record, plan)
    assert all(flag.name != "annotated by an oracle" for flag in guard_shots(task).flags)


def test_it_learns_from_neither_shots_nor_tests() -> None:
    """Only from unlabelled seeds, and only where they are drawn, so that their truth is known."""
    dataset = configure("")
    revealed, splits = unlabelled_with_masks(dataset), dataset.load()
    names = {split.name(i) for split in (splits.pool, splits.test, splits.validation) for i in range(len(split))}  # type: ignore[arg-type, union-attr]
    assert not names & {revealed.name(i) for i in range(5000)}
    assert set(revealed.masks([0, 1, 2, 3], 64).unique().tolist()) <= set(range(len(CLASSES)))
    with pytest.raises(DatasetError, match="the split 'unlabelled' of faces has no masks"):
        splits.unlabelled.masks([0], 64)  # type: ignore[union-attr]
    drawn, other = (find_dataset(load_catalogue(), name).record for name in ("cars", "scenes"))
    assert unlabelled_with_masks(drawn).masks([0], 16).shape == (1, 16, 16)
    with pytest.raises(DatasetError, match="nobody knows the truth of unlabelled images of scenes; teach an oracle on"):
        unlabelled_with_masks(other)


def test_what_no_oracle_can_do_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """Photographs to learn from, other classes, oblong or changed images, none with masks, a file that is another."""
    (tmp_path / "shots").mkdir()
    code, said = call("annotate", "teach", f"bsds:{tmp_path}", "--out", tmp_path / "o.safetensors", "--kimg", "1")
    assert code == 2 and "Traceback" not in said
    folder, oracle = exported(tmp_path / "other", ("background", "blob")), open_oracle(SHIPPED)
    with pytest.raises(
        BackboneError, match=r"oracle-faces64.safetensors knows background, eyes.* asks for background, b"
    ):
        annotate(folder, read_manifest(folder), oracle)
    person = exported(tmp_path / "person")
    write_masks(person, read_manifest(person), {"0001": np.ones((64, 64), int)}, [[0, 0, 0]])
    with pytest.raises(DatasetError, match="person has 1 images annotated by a person, whose work an oracle would re"):
        annotate(person, read_manifest(person), oracle)
    oblong = exported(tmp_path / "oblong", size=(64, 32))
    with pytest.raises(DatasetError, match="is 64x32; an oracle looks at square images alone"):
        annotate(oblong, read_manifest(oblong), oracle)
    changed = exported(tmp_path / "changed")
    Image.new("RGB", (64, 64)).save(changed / "images" / "0002.png")
    with pytest.raises(
        DatasetError, match=r"1 of 3 images \(images/0002.png\); put it back, or export the images again"
    ):
        annotate(changed, read_manifest(changed), oracle)
    with pytest.raises(BackboneError, match="an oracle learns from masks, and these images have none"):
        OracleTrainer(OracleConfig(CLASSES, 16, 2)).step(torch.zeros(2, 3, 16, 16))
    (tmp_path / "SUMS").write_text("0" * 64 + "  oracle-faces64.safetensors\n")
    monkeypatch.setattr(oracle_module, "SUMS", tmp_path / "SUMS")
    with pytest.raises(BackboneError, match=r"oracle-faces64.safetensors is not the file that we shipped"):
        open_oracle(SHIPPED)


def test_the_shipped_oracle_can_do_what_its_card_says() -> None:
    """On validation faces, which it never saw either: the mean IoU of the card, within chance."""
    assert SUMS.read_text().split() == [file_hash(SHIPPED, 64), SHIPPED.name]
    oracle, split = open_oracle(SHIPPED), configure("").load().validation
    assert split is not None
    images, truth = split.images(range(48), 64), split.masks(range(48), 64).numpy()
    guess = np.stack([oracle.mask(image) for image in images])
    found = per_class(confuse(guess, truth, len(CLASSES)).sum(0))
    assert found.mean() == pytest.approx(oracle.facts["measured"]["mean IoU"], abs=0.06)
    for name, value in zip(CLASSES, found, strict=True):
        assert value == pytest.approx(oracle.facts["measured"][f"IoU of {name}"], abs=0.12), name
    assert SHIPPED.stat().st_size < 1_000_000
