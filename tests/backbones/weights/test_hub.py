"""Weights on the hub are read from its cache, in its own layout; without a network a sentence says what is missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from typer.testing import CliRunner

from partbench.backbones.backbone import BackboneError
from partbench.backbones.vae import VAE
from partbench.backbones.weights.hub import fetch
from partbench.benchmark.cli.main import app
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone

OLD, NEW = "a" * 40, "b" * 40
FILE = "nets/faces.safetensors"


def put(root: Path, commit: str, data: bytes, *names: str) -> None:
    """A file in a cache as huggingface_hub lays it out: a blob by its hash, a link by commit and path, names for it."""
    repo, digest = root / "models--user--repo", hashlib.sha256(data).hexdigest()
    link = repo / "snapshots" / commit / FILE
    for folder in (repo / "blobs", link.parent, repo / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "blobs" / digest).write_bytes(data)
    link.symlink_to(Path("../../..", "blobs", digest))
    for name in names:
        (repo / "refs" / name).write_text(commit)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two commits of one file, and a hub that nobody can reach."""
    put(tmp_path, OLD, VAE.shipped.read_bytes(), "v1")
    put(tmp_path, NEW, VAE.shipped.read_bytes() + b" ", "main")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "commit"),
    [(f"user/repo/{FILE}", NEW), (f"user/repo@v1/{FILE}", OLD), (f"user/repo@{OLD}/{FILE}", OLD)],
)
def test_a_name_is_a_commit_in_the_cache(cache: Path, name: str, commit: str) -> None:
    """The main branch, a tag, or the commit itself."""
    fetched = fetch(f"hf-hub:{name}")
    assert fetched.commit == commit
    assert fetched.path == cache / "models--user--repo" / "snapshots" / commit / FILE


def test_what_is_cached_is_used_without_asking(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is asked for what is not there, and only then."""
    asked: list[str] = []
    real: Callable[..., str] = huggingface_hub.hf_hub_download

    def download(repo: str, file: str, local_files_only: bool = False, **where: object) -> str:
        if not local_files_only:
            asked.append(file)
            raise OSError("no network\nand more")
        return real(repo, file, local_files_only=True, **where)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    fetch(f"hf-hub:user/repo/{FILE}")
    assert asked == []
    message = r"hf-hub:user/repo/x\.safetensors is neither in the cache nor to be had \(OSError: no network\); check"
    with pytest.raises(BackboneError, match=message):
        fetch("hf-hub:user/repo/x.safetensors")
    assert asked == ["x.safetensors"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("hf-hub:faces.safetensors", "names no file of the hub; write hf-hub:USER/REPO/FILE.safetensors"),
        ("hf-hub:user/repo", "names no file of the hub"),
        ("hf-hub:user/repo/faces.pkl", "is no .safetensors file; download it and make it ours with partbench convert"),
        ("hf-hub:user/repo@v2/faces.safetensors", "is neither in the cache nor to be had"),
        ("hf-hub:nobody/nothing/faces.safetensors", "is neither in the cache nor to be had"),
    ],
)
def test_what_cannot_be_had_is_named(cache: Path, name: str, sentence: str) -> None:
    """In one sentence, with what to do."""
    with pytest.raises(BackboneError, match=sentence) as caught:
        fetch(name)
    assert str(caught.value).startswith(name) and "\n" not in str(caught.value)


def test_a_family_reads_weights_of_the_hub(cache: Path) -> None:
    """Under the name that was asked for, with the commit; its twin has none of it."""
    name = f"vae@hf-hub:user/repo@v1/{FILE}"
    record = find_backbone(load_catalogue(), name).record
    assert record.name == name
    assert record.origin == f"hf-hub:user/repo@v1/{FILE} at commit {OLD}"
    images = torch.rand(1, 3, record.size, record.size, generator=torch.Generator().manual_seed(0))
    ours, shipped = record.load()(images), find_backbone(load_catalogue(), "vae").record.load()(images)
    assert all(torch.equal(one, other) for one, other in zip(ours, shipped, strict=True))
    twin = find_backbone(load_catalogue(), f"random:{name}").record
    assert (twin.name, twin.origin, twin.weights) == (f"random:{name}", "", None)


def test_the_commit_stands_in_every_result(cache: Path, tmp_path: Path) -> None:
    """Of a run from the command line."""
    name, out = f"vae@hf-hub:user/repo@v1/{FILE}", tmp_path / "run"
    plan = ("--shots", "1", "--draws", "1", "--test", "1", "--pool", "2", "--size", "16", "--head", "linear")
    done = CliRunner().invoke(app, ["run", "--backbone", name, *plan, "--out", str(out), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    (file,) = (out / "cells").glob("*.json")
    assert json.loads(file.read_text())["provenance"]["origin"] == f"hf-hub:user/repo@v1/{FILE} at commit {OLD}"
