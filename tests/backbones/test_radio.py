"""C-RADIO comes by torch.hub's own loading, with the user's word alone, from one commit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from partbench.backbones import radio
from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.trust import TRUST

VERSION = "c-radio_v3-b"
HUBCONF = """
dependencies = ["torch"]
import os
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 16, 16)

    def get_nearest_supported_resolution(self, height, width):
        return tuple(max(16, round(side / 16) * 16) for side in (height, width))

    def forward(self, x, feature_fmt="NLC"):
        assert x.shape[-1] % 16 == 0
        y = self.patches(x)
        return y.mean((2, 3)), y if feature_fmt == "NCHW" else y.flatten(2).transpose(1, 2)

def radio_model(version="", progress=True):
    print("building", version)
    torch.manual_seed(0)
    net = Net()
    net.load_state_dict(torch.load(os.path.join(torch.hub.get_dir(), "checkpoints", "c-radio_v3-b_half.pth.tar")))
    return net
"""
"""A repository with a small network that is called, and answers, as NVlabs/RADIO's."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of torch.hub, a network that nobody reaches, and no word of the user."""

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network\nand more")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv(TRUST, "")
    yield tmp_path / "hub"
    sys.modules.pop("hubconf", None)


@pytest.fixture
def repository(hub: Path) -> Path:
    """The code at our commit and the weights, as torch.hub keeps them."""
    code = hub / f"NVlabs_RADIO_{radio.REVISION}"
    code.mkdir(parents=True)
    (code / "hubconf.py").write_text(HUBCONF)
    weights = hub / "checkpoints" / "c-radio_v3-b_half.pth.tar"
    weights.parent.mkdir()
    torch.manual_seed(5)
    layer = torch.nn.Conv2d(3, 768, 16, 16)
    torch.save({f"patches.{key}": value for key, value in layer.state_dict().items()}, weights)
    return weights


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(repository: Path, monkeypatch: pytest.MonkeyPatch, check: Any) -> None:
    """A network of a repository in the cache is a sound backbone."""
    monkeypatch.setenv(TRUST, "1")
    check(radio.configure(f"{VERSION},128", ""))


def test_without_the_word_no_code_is_run(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even where it is in the cache already."""
    with pytest.raises(BackboneError, match=r"runs code of github.com/NVlabs/RADIO \(commit c0f3701\) .* --trust"):
        radio.configure(VERSION, "").load()
    assert "building" not in "".join(capsys.readouterr()) and "hubconf" not in sys.modules


@pytest.mark.parametrize(("size", "cells"), [(64, 4), (70, 4), (73, 5), (33, 2)])
def test_a_size_becomes_one_that_it_takes(
    repository: Path, monkeypatch: pytest.MonkeyPatch, size: int, cells: int
) -> None:
    """The nearest multiple of 16, to which the image is resized; the map is (channels, cells, cells)."""
    monkeypatch.setenv(TRUST, "1")
    record = radio.configure(f"{VERSION},{size}", "")
    (layer,) = record.load()(torch.rand(2, 3, size, size))
    assert layer.shape == (2, *record.channels, cells, cells)


@pytest.mark.parametrize("kept", ["code", "nothing"])
def test_what_is_missing_is_named(hub: Path, monkeypatch: pytest.MonkeyPatch, kept: str, request: Any) -> None:
    """Code or weights, and where they would be, in one sentence."""
    monkeypatch.setenv(TRUST, "1")
    if kept == "code":
        request.getfixturevalue("repository").unlink()
    with pytest.raises(BackboneError, match=r"^torch.hub cannot open radio:c-radio_v3-b \(.*\); go online once") as no:
        radio.configure(VERSION, "").load()
    said = str(no.value)
    assert "\n" not in said and f"its weights in {hub / 'checkpoints' / 'c-radio_v3-b_half.pth.tar'}" in said
    assert ("its code in" in said) == (kept == "nothing")


def test_commit_and_licence_stand_in_the_result(
    repository: Path, tmp_path: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the hash of the weights; --trust is the word, and what the code prints is no part of our output."""
    plan = ("--shots", "1", "--draws", "1", "--test", "1", "--pool", "2", "--size", "16", "--head", "ridge")
    names = ("--backbone", f"radio:{VERSION},32", "--out", str(tmp_path / "run"), "--device", "cpu")
    assert call("run", *names, *plan).code == 2
    answer = call("run", *names, *plan, "--trust", "--json")
    assert answer.code == 0, answer.err
    json.loads(answer.out)
    (file,) = (tmp_path / "run" / "cells").glob("*.json")
    facts = json.loads(file.read_text())["provenance"]
    assert facts["origin"] == f"github.com/NVlabs/RADIO at commit {radio.REVISION}"
    assert facts["licence"] == "nvidia-open-model-license" and facts["weights"]


def test_the_list_needs_no_word(hub: Path) -> None:
    """Every version has its channels, licence and needs."""
    rows = list(radio.members())
    assert [row["name"] for row in rows] == [f"radio:{version}" for version in radio.VERSIONS]
    assert not any(row["here"] for row in rows)
    records = [radio.configure(version, "") for version in radio.VERSIONS]
    assert [(r.size, r.channels) for r in records] == [(512, (1280,)), (512, (1152,)), (512, (1024,)), (512, (768,))]


@pytest.mark.parametrize(
    ("variant", "weights", "message"),
    [
        ("c-radio_v9", "", "radio has no version 'c-radio_v9'; choose c-radio_v4-h, c-radio_v4-so400m, "),
        (f"{VERSION},big", "", "radio has no variant 'big'; write a size in pixels, as radio:c-radio_v3-b,256"),
        (VERSION, "w.pth", "reads the weights that torch.hub fetches; leave @w.pth out"),
    ],
)
def test_a_name_that_stands_for_nothing(variant: str, weights: str, message: str) -> None:
    """It is told before anything is opened."""
    with pytest.raises(BackboneError, match=message):
        radio.configure(variant, weights)


def test_the_family_by_itself() -> None:
    """It stands in the list without channels."""
    (family,) = radio.partbench_backbones()
    assert isinstance(replace(family), Backbone) and (family.channels, family.by_default) == ((), False)
    with pytest.raises(BackboneError, match="radio is a family of networks; name one, as radio:c-radio_v4-h"):
        family.load()
