"""A name's weights and a dataset's images lie where a path says, or where a URL was fetched to."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from PIL import Image

from partbench import UserError
from partbench.backbones.backbone import BackboneError
from partbench.backbones.taesd.config import TaesdConfig
from partbench.backbones.taesd.networks import Taesd
from partbench.backbones.vae import VAE
from partbench.backbones.weights import from_seed
from partbench.benchmark.file_cache import OUTLET, FileCache
from partbench.benchmark.file_contents import content_of, files_of
from partbench.benchmark.file_hashes import file_hash, weights_hash
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset
from partbench.benchmark.plugins.places import Place, place_of_weights, split_options


@pytest.fixture
def url(web: Any) -> str:
    """The address of a VAE."""
    shutil.copy(VAE.shipped, web.folder / "faces.safetensors")
    return str(web.url("faces.safetensors"))


def test_a_backbone_has_its_weights_from_a_url(web: Any, url: str) -> None:
    """Under the name that was asked for, in any wrapper; the address is its origin, and a twin has none."""
    catalogue, images = load_catalogue(), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    shipped = find_backbone(catalogue, "vae").record.load()(images)
    for name in (f"vae@{url}", f"vae@{url}#sha256={file_hash(VAE.shipped)}", f"vae@{url}+position"):
        record = find_backbone(catalogue, name).record
        assert (record.name, record.origin) == (name, url)
        assert weights_hash(record.weights) == file_hash(VAE.shipped)
        assert all(torch.equal(*pair) for pair in zip(record.load()(images), shipped, strict=False))
    twin = find_backbone(catalogue, f"random:vae@{url}").record
    assert (twin.name, twin.origin, twin.weights) == (f"random:vae@{url}", "", None)
    assert web.asked == ["/faces.safetensors"]


def test_a_family_refuses_what_it_refuses_of_a_file(web: Any) -> None:
    """A pickle of one that reads safetensors alone."""
    (web.folder / "faces.pt").write_bytes(b"\x80\x02.")
    with pytest.raises(BackboneError, match=r"faces\.pt is no weights file of ours"):
        find_backbone(load_catalogue(), f"vae@{web.url('faces.pt')}")


def test_a_file_that_cannot_be_read_names_where_it_was_fetched(web: Any, url: str) -> None:
    """And what to delete, since it is kept: what a server cut short is fetched again then."""
    whole = Path(VAE.shipped).read_bytes()
    (web.folder / "faces.safetensors").write_bytes(whole[:-9])
    path = place_of_weights(url).path
    with pytest.raises(BackboneError, match=f"It is what {url} gave; to have it fetched again, delete {path}"):
        find_backbone(load_catalogue(), f"vae@{url}")
    (web.folder / "faces.safetensors").write_bytes(whole)
    Path(path).unlink()
    assert find_backbone(load_catalogue(), f"vae@{url}").record.origin == url


def test_two_files_lie_beside_each_other(tmp_path: Path) -> None:
    """The halves of a tiny autoencoder are fetched together, and read from one folder."""
    network = from_seed(lambda: Taesd(TaesdConfig()), 0)
    for half in ("encoder", "decoder"):
        with fsspec.open(f"memory://places/taesd_{half}.pth", "wb") as file:
            torch.save(getattr(network, half).state_dict(), file)
    record = find_backbone(load_catalogue(), "taesd:64@memory://places/taesd_decoder.pth").record
    assert record.origin == "memory://places/taesd_decoder.pth"
    assert isinstance(record.weights, tuple)
    assert [file.name for file in record.weights] == ["taesd_encoder.pth", "taesd_decoder.pth"]
    assert len(record.load()(torch.rand(1, 3, 64, 64))) == 10


def test_what_was_brought_stands_for_a_path_that_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence; a file that is here comes first."""
    told: list[str] = []
    monkeypatch.setattr(OUTLET, "tell", told.append)
    cache, file = FileCache.here(), Path("x.safetensors")
    file.write_bytes(b"brought")
    content = content_of(file)
    cache.keep(content, lambda part: part.write_bytes(b"brought"))
    cache.remember(str(file), content)
    assert place_of_weights(str(file)) == Place(str(file)) and told == []
    file.unlink()
    assert place_of_weights(str(file)) == Place(str(cache.stored(content)))
    assert told == [
        f"x.safetensors is not here; what was brought for it is read in its place (SHA-256 {content.sha256[:16]})"
    ]
    assert place_of_weights(str(file), places={str(file): Place("there")}) == Place("there")


def test_the_address_stands_in_every_result(call: Callable[..., Any], url: str, tmp_path: Path) -> None:
    """With the hash of what was read; the row is the name as it was written."""
    sizes = ("--shots", 1, "--draws", 1, "--test", 1, "--pool", 2, "--size", 16, "--head", "prototype")
    answer = call("run", "--backbone", f"vae@{url}", *sizes, "--device", "cpu", "--out", "run")
    assert answer.code == 0, answer.err
    (file,) = (tmp_path / "run" / "cells").glob("*.json")
    record = json.loads(file.read_text())
    assert record["cell"]["backbone"] == f"vae@{url}"
    assert record["provenance"]["origin"] == url and record["provenance"]["weights"] == file_hash(VAE.shipped)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("cats", ("cats", "")),
        ("cats#eyes,mouth", ("cats", "#eyes,mouth")),
        ("a#b#eyes", ("a#b", "#eyes")),
        ("s3://bucket/cats.zip", ("s3://bucket/cats.zip", "")),
        ("s3://bucket/cats.zip#eyes", ("s3://bucket/cats.zip", "#eyes")),
        ("s3://bucket/cats.zip#sha256=ab#eyes", ("s3://bucket/cats.zip#sha256=ab", "#eyes")),
        ("s3://bucket/cats.zip#sha256=ab", ("s3://bucket/cats.zip#sha256=ab", "")),
    ],
)
def test_options_stand_behind_a_place(word: str, parts: tuple[str, str]) -> None:
    """And the hash that pins a URL is no option."""
    assert split_options(word) == parts


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """A folder of four pictures."""
    folder, random = tmp_path / "cats", np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(4):
        Image.fromarray(random.integers(0, 256, (16, 12, 3), np.uint8)).save(folder / "images" / f"[{number}].png")
        Image.fromarray(random.integers(0, 3, (16, 12), np.uint8)).save(folder / "masks" / f"[{number}].png")
    (folder / "classes.json").write_text('{"classes": ["background", "ear", "tail"]}')
    return folder


def put_zip(cats: Path, web: Any) -> str:
    """A zip on a web server that has the folder in it."""
    with zipfile.ZipFile(web.folder / "cats.zip", "w") as archive:
        for name, file in files_of(cats).items():
            archive.write(file, f"cats/{name}")
    return str(web.url("cats.zip"))


def put_tar(cats: Path, web: Any) -> str:
    """A packed tar in a store, of what is in the folder, pinned."""
    with tarfile.open(web.folder / "cats.tar.gz", "w:gz") as archive:
        for name, file in files_of(cats).items():
            archive.add(file, name)
    data = (web.folder / "cats.tar.gz").read_bytes()
    with fsspec.open("memory://tars/cats.tar.gz", "wb") as file:
        file.write(data)
    return f"memory://tars/cats.tar.gz#sha256={hashlib.sha256(data).hexdigest()}"


def put_objects(cats: Path, web: Any) -> str:
    """Every file as an object of a store."""
    for name, file in files_of(cats).items():
        with fsspec.open(f"memory://{cats.parent.name}/cats/{name}", "wb") as target:
            target.write(file.read_bytes())
    return f"memory://{cats.parent.name}/cats/"


@pytest.mark.parametrize("put", [put_zip, put_tar, put_objects])
def test_images_lie_behind_a_url(
    call: Callable[..., Any], cats: Path, web: Any, put: Callable[[Path, Any], str],
    cells_of: Callable[[Path], Any], tmp_path: Path,
) -> None:  # fmt: skip
    """They are fetched once, under the name that was written, and scored as those of the folder are."""
    name = f"folder:{put(cats, web)}#ear"
    offer = find_dataset(load_catalogue(), name)
    assert offer.record.name == name == offer.record.fitted("crop").name and "ear" in offer.record.classes
    asked = list(web.asked)
    sizes = ("--backbone", "pixels", "--shots", 1, "--draws", 1, "--test", 2, "--size", 16, "--head", "prototype")
    for dataset, out in ((name, "fetched"), (f"folder:{cats}#ear", "local")):
        answer = call("run", "--dataset", dataset, *sizes, "--device", "cpu", "--out", out)
        assert answer.code == 0, answer.err
    cells = [cells_of(tmp_path / out) for out in ("fetched", "local")]
    counts = [[counts for _, counts in found.values()] for found in cells]
    assert counts[0] == counts[1]
    data = [{record["provenance"]["data"] for record, _ in found.values()} for found in cells]
    assert data[0] == data[1] and web.asked == asked
    assert call("bring", "--dataset", name).code == 0


def test_a_run_refuses_what_a_url_gives_now(call: Callable[..., Any], cats: Path, web: Any, monkeypatch: Any) -> None:
    """On a machine that fetched it later: other pictures than those of the run are no part of it."""
    sizes = ("--backbone", "copy", "--shots", 1, "--draws", 1, "--test", 2, "--size", 16, "--device", "cpu")
    words = ("run", "--dataset", f"folder:{put_zip(cats, web)}", *sizes, "--out", "run")
    assert call(*words).code == 0
    for file in (cats / "masks").iterdir():
        Image.new("L", (12, 16)).save(file)
    put_zip(cats, web)
    assert call(*words).code == 0
    monkeypatch.setenv("PARTBENCH_CACHE", "later")
    answer = call(*words)
    assert answer.code == 2 and "other masks than those scored" in answer.err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("https://host/cats/", "is a folder, which no web server lists"),
        ("memory://empty/cats/", "holds nothing"),
        ("memory://empty/cats/#sha256=0123456789abcdef", "pins a folder, and a pin is of a file"),
    ],
)
def test_what_is_no_folder(word: str, message: str) -> None:
    """In one sentence."""
    with pytest.raises(UserError, match=message):
        find_dataset(load_catalogue(), f"folder:{word}")
