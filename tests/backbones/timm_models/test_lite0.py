"""`lite0` has the tensors of its package, in timm's order under other names, and says where they are from."""

from __future__ import annotations

import hashlib
import io
import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor
from typer.testing import CliRunner

from partbench.backbones.backbone import BackboneError
from partbench.backbones.timm_models import lite0
from partbench.backbones.timm_models.extractor import TimmExtractor
from partbench.benchmark.cli.main import app
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone

Install = Callable[[str, str, dict[str, bytes]], Path]


def trained() -> dict[str, Tensor]:
    """All tensors of timm's network, drawn at random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        state: dict[str, Tensor] = timm.create_model(lite0.MODEL).state_dict()
    return state


def pickled(state: dict[str, Tensor]) -> bytes:
    """A state dict under names that are not timm's, as the package has it."""
    file = io.BytesIO()
    torch.save(OrderedDict((f"layer{i}.{name.split('.')[-1]}", t) for i, (name, t) in enumerate(state.items())), file)
    return file.getvalue()


@pytest.fixture
def package(install: Install) -> bytes:
    """The package with weights at random; its file."""
    data = pickled(trained())
    install(lite0.PACKAGE.project, "0.1.0", {lite0.PACKAGE.file: data})
    return data


def test_tensors_come_in_the_order_of_timms(package: bytes) -> None:
    """Every parameter and running mean of timm's network but its classifier's is that of the package."""
    extractor = lite0.configure("64").load()
    assert isinstance(extractor, TimmExtractor)
    state, network = trained(), extractor.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.items())
    assert len(network) > 200 and not any(name.startswith("classifier") for name in network)
    assert extractor.mean.flatten().tolist() == extractor.deviation.flatten().tolist() == [0.5] * 3


@pytest.mark.parametrize(("variant", "size", "side"), [("", 224, 56), ("96", 96, 24), ("100", 100, 24)])
def test_its_maps_are_as_declared(package: bytes, variant: str, size: int, side: int) -> None:
    """At its own size, or at one that is named, which becomes the nearest multiple of 32."""
    record = lite0.configure(variant)
    maps = record.load()(torch.rand(1, 3, size, size))
    assert (record.size, record.by_default) == (size, False)
    assert tuple(layer.shape[1] for layer in maps) == record.channels == lite0.CHANNELS
    assert maps[1].shape[-1] == side


def test_what_it_is_stands_in_every_result(package: bytes, tmp_path: Path) -> None:
    """Package, version, licence and the hash of the weights; its twin, of no weights, has none of it."""
    out = tmp_path / "run"
    plan = ("--shots", "1", "--draws", "1", "--test", "1", "--pool", "2", "--size", "16", "--head", "ridge")
    names = ("--backbone", "lite0:32", "--backbone", "random:lite0:32")
    done = CliRunner().invoke(app, ["run", *names, *plan, "--out", str(out), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    facts = {
        "random" in file.name: json.loads(file.read_text())["provenance"] for file in (out / "cells").glob("*.json")
    }
    digest = hashlib.sha256(package).hexdigest()
    assert (facts[False]["origin"], facts[False]["licence"]) == (f"{lite0.PACKAGE.project} 0.1.0", "Apache-2.0")
    assert digest.startswith(facts[False]["weights"])
    assert (facts[True]["origin"], facts[True]["licence"], facts[True]["weights"]) == (None, None, None)


def test_without_the_package() -> None:
    """It is listed all the same; opening it says what to install, and its untrained twin needs nothing."""
    if lite0.PACKAGE.installed:
        pytest.skip("the package is installed")
    record = find_backbone(load_catalogue(), "lite0:64").record
    assert (record.weights, record.origin) == (None, "")
    with pytest.raises(BackboneError, match=r"^lite0:64 reads the weights in .*'partbench\[real\]'$"):
        record.load()
    find_backbone(load_catalogue(), "random:lite0:64").record.load()


@pytest.mark.parametrize("kind", ["short", "swapped", "list"])
def test_a_package_of_other_tensors(install: Install, kind: str) -> None:
    """Tensors that are not, one by one, of timm's kind and shape are refused."""
    state = trained()
    names = list(state)
    if kind == "short":
        del state[names[-1]]
    if kind == "swapped":
        state = {name: state[name] for name in (names[1], names[0], *names[2:])}
    data = pickled(state)
    if kind == "list":
        torch.save([1], file := io.BytesIO())
        data = file.getvalue()
    install(lite0.PACKAGE.project, "0.2", {lite0.PACKAGE.file: data})
    with pytest.raises(
        BackboneError, match=r"tensors that are not, one by one, the 296 of .*; install another version"
    ):
        lite0.configure("64").load()


@pytest.mark.parametrize(
    ("variant", "weights", "message"),
    [
        ("big", "", "lite0 has no variant 'big'; write a size in pixels, as lite0:256"),
        ("0", "", "lite0:0 reads no images of 0 pixels; write a size from 32 to 4096"),
        ("", "w.pth", "no use for w.pth; name a file of yours as timm:tf_efficientnet_lite0.in1k@w.pth"),
    ],
)
def test_a_name_that_stands_for_nothing(variant: str, weights: str, message: str) -> None:
    """It is told at once."""
    with pytest.raises(BackboneError, match=message):
        lite0.configure(variant, weights)
