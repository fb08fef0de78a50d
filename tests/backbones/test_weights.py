"""Weights files give back what was put in, and say in one sentence what is wrong with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from partbench.backbones import weights
from partbench.backbones.backbone import BackboneError
from partbench.backbones.weights import SUMS, keep_parts, load, read_config, read_parts, save, shipped_sums


@dataclass(frozen=True)
class Shape:
    """The shape of the networks below."""

    width: int = 4


def network(width: int) -> nn.Sequential:
    """Parameters, and buffers that float16 would spoil."""
    torch.manual_seed(width)
    net = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
    net[1].running_var = torch.full((width,), 1e-6)
    return net


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Such a network on disk."""
    path = tmp_path / "w.safetensors"
    save(path, "toy", Shape(5), {"net": network(5)}, {"seed": "7"})
    return path


def test_networks_come_back_frozen(file: Path) -> None:
    """Parameters to the accuracy of float16, buffers as they were."""
    fresh, known = network(1), network(5)
    assert read_config(file, "toy", Shape) == Shape(5)
    fresh = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5))
    load(file, {"net": fresh})
    for key, value in known.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[key], value, rtol=1e-3, atol=0 if "running" in key else 1e-4)
    assert not fresh.training and not any(p.requires_grad for p in fresh.parameters())


def test_a_part_of_a_file_can_be_kept(tmp_path: Path) -> None:
    """To the bit, with the facts of the whole; a training that needs the rest is told, and a representation is not."""
    path = tmp_path / "w.safetensors"
    save(path, "toy", Shape(5), {"net": network(5), "judge": network(6)}, {"seed": "7"})
    before = {key: value for key, value in load_file(path).items() if key.startswith("net.")}
    keep_parts(path, {"net"})
    after = load_file(path)
    assert after.keys() == before.keys() and all(torch.equal(after[key], before[key]) for key in before)
    assert read_config(path, "toy", Shape) == Shape(5) and read_parts(path) == {"net"}
    load(path, {"net": network(5)})
    with pytest.raises(BackboneError, match=r"w\.safetensors holds no judge, of which only a training has need; go on"):
        weights.restore(path, "toy", Shape(5), {"net": network(5), "judge": network(6)})


def test_what_float16_cannot_hold_is_not_written(tmp_path: Path) -> None:
    """A parameter beyond 65,504 would come back as infinity."""
    net = network(2)
    with torch.no_grad():
        net[0].weight[0] = 1e5
    with pytest.raises(BackboneError, match=r"net\.0\.weight is not finite in float16; train with a smaller rate"):
        save(tmp_path / "w.safetensors", "toy", Shape(2), {"net": net}, {})
    assert not (tmp_path / "w.safetensors").exists()


def broken(tmp_path: Path, kind: str) -> Path:
    """A file that is no network of ours, in one of the ways in which files are not."""
    path = tmp_path / "w.safetensors"
    metadata = {
        "foreign": {"format": "pt"},
        "shapeless": {"family": "toy"},
        "misshapen": {"family": "toy", "config": json.dumps({"side": 3})},
        "garbled": {"family": "toy", "config": "{"},
        "other": {"family": "toy", "config": json.dumps({"width": 5})},
    }
    if kind == "text":
        path.write_text("not a tensor in it")
    elif kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind in metadata:
        save_file({"a": torch.zeros(1)}, path, metadata=metadata[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "there is no weights file .*w.safetensors; check the name behind '@'"),
        ("text", r"w.safetensors cannot be read as safetensors \(.*\); write it again"),
        ("empty", r"w.safetensors cannot be read as safetensors \(.*\); write it again"),
        ("folder", r"w.safetensors cannot be read as safetensors \(.*\); write it again"),
        ("foreign", "w.safetensors holds no toy of ours; make one with: partbench pretrain toy"),
        ("shapeless", r"w.safetensors does not say the shape of its toy \(KeyError: 'config'\); write it again"),
        ("misshapen", r"w.safetensors does not say the shape of its toy \(TypeError: .*\); write it again"),
        ("garbled", r"w.safetensors does not say the shape of its toy \(JSONDecodeError: .*\); write it again"),
        ("other", r"w.safetensors holds another network than it says \(.*\); write it again"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, kind: str, message: str) -> None:
    """One sentence says what is wrong with it and what to do."""
    path = broken(tmp_path, kind)
    with pytest.raises(BackboneError, match=message) as caught:
        load(path, {"net": network(read_config(path, "toy", Shape).width)})
    assert "\n" not in str(caught.value)


def test_a_shipped_file_is_the_one_that_was_shipped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more, and it is refused."""
    monkeypatch.setattr(weights, "shipped_sums", lambda: {file.resolve(): "0" * 64})
    with pytest.raises(BackboneError, match=r"w\.safetensors is not the file that we shipped; install partbench again"):
        load(file, {"net": network(5)})


def test_every_shipped_file_is_listed() -> None:
    """`SHA256SUMS` names all weights in the package and no others, and none of them has changed."""
    here = {path.resolve() for path in SUMS.parent.rglob("*.safetensors")}
    assert here == set(shipped_sums())
    for path in here:
        weights.check_shipped(path)


def test_the_shipped_weights_fit_into_a_repository() -> None:
    """All together they have at most 25 MB, those of the annotator too."""
    package = SUMS.parents[1]
    files = [*package.glob("backbones/*/*.safetensors"), *package.glob("benchmark/*/*.safetensors")]
    assert len(files) > 7
    assert sum(file.stat().st_size for file in files) <= 25_000_000
