"""A machine elsewhere reads the files that the run reads: its own, those in its cache, those it is sent, or none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from partbench.backbones.taesd import other_half
from partbench.backbones.vae import VAE
from partbench.benchmark.file_cache import CacheError, FileCache
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.named_files import named_file
from partbench.benchmark.plugins.names import find_backbone
from partbench.benchmark.plugins.places import Companions, Place, no_companions
from partbench.benchmark.workers import needs as needs_module
from partbench.benchmark.workers.needs import Need, NeedError, needs_of, pieces_of, places_here


@pytest.fixture
def need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Need:
    """That of a run of a VAE in a file, in pieces of a megabyte; `elsewhere` is another machine."""
    monkeypatch.setattr(needs_module, "PIECE", 2**20)
    shutil.copy(VAE.shipped, "mine.safetensors")
    name = "vae@mine.safetensors"
    (need,) = needs_of({name: find_backbone(load_catalogue(), name)})[name]
    return need


def test_names_say_what_is_needed(need: Need, tmp_path: Path) -> None:
    """Of wrapped ones and twins, too; neither what is shipped nor what a package brings."""
    names = ("vae@mine.safetensors", "random:vae@mine.safetensors+position", "insid3:vae@mine.safetensors", "vae")
    found = needs_of({name: find_backbone(load_catalogue(), name) for name in names})
    assert found == {name: (need,) if "@" in name else () for name in names} and need.word == "mine.safetensors"
    assert need.content.size == VAE.shipped.stat().st_size and need.content.name == "mine.safetensors"


def test_a_file_at_its_path_is_read_there(need: Need) -> None:
    """If it holds the same."""
    assert places_here([need]) == {"mine.safetensors": Place("mine.safetensors")}


@pytest.mark.parametrize("there", [None, b"other"])
def test_a_machine_without_the_file_is_named(need: Need, there: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the file, its size, its hash, and what to do; and so is one that has another file there."""
    monkeypatch.setattr(needs_module.platform, "node", lambda: "node-7")
    Path(need.word).unlink() if there is None else Path(need.word).write_bytes(there)
    with pytest.raises(NeedError) as caught:
        places_here([need])
    said = str(caught.value)
    assert said.startswith("node-7 has no mine" if there is None else "node-7 has another mine")
    assert f"{need.content.size:,} bytes, SHA-256 {need.content.sha256[:16]}" in said and "partbench bring" in said


def test_the_cache_has_it_under_any_name(need: Need) -> None:
    """By what it holds; also where another file lies at the path."""
    cache = FileCache.here()
    cache.keep(replace(need.content, name="other.safetensors"), lambda part: shutil.copy(need.word, part))
    Path(need.word).write_bytes(b"other")
    (place,) = places_here([need]).values()
    assert place == Place(str(cache.stored(need.content))) and place.path.endswith("/mine.safetensors")


def test_whoever_lacks_it_is_sent_it_once(need: Need) -> None:
    """In pieces, into the cache; whoever has it asks for none."""
    pieces, asked = [*pieces_of(need)], list[Need]()
    assert len(pieces) == -(-need.content.size // 2**20) > 1

    def send(one: Need) -> list[bytes]:
        asked.append(one)
        return pieces

    places_here([need], send)
    assert asked == []
    Path(need.word).unlink()
    for _ in range(2):
        (place,) = places_here([need], send).values()
        assert Path(place.path).read_bytes() == VAE.shipped.read_bytes()
    assert asked == [need]
    with pytest.raises(CacheError):  # what was sent is not what was meant
        places_here([replace(need, content=replace(need.content, sha256="0" * 64))], send)


@pytest.mark.parametrize(("word", "companions"), [("x_decoder.pth", other_half), ("folder", no_companions)])
def test_two_files_and_folders_travel_as_one(word: str, companions: Companions) -> None:
    """And lie beside each other again."""
    for half in ("encoder", "decoder"):
        Path(f"x_{half}.pth").write_text(half)
    Path("folder/unet").mkdir(parents=True)
    Path("folder/unet/config.json").write_text("{}")
    file = named_file(word, companions)
    assert file
    need = Need(word, file.content, tuple(file.companions))
    pieces = [*pieces_of(need)]
    assert need.place() == Place(word)
    names = {name: path.read_bytes() for name, path in file.files.items()}
    for path in file.files.values():
        path.unlink()
    shutil.rmtree("folder")
    place = Path(need.place(lambda need: pieces).path)
    folder = place if word == "folder" else place.parent
    assert {name: (folder / name).read_bytes() for name in names} == names


def test_a_url_must_give_what_it_gave(web: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is fetched there; where it gives another file now, or nobody answers, the machine is named."""
    shutil.copy(VAE.shipped, web.folder / "x.safetensors")
    name = f"vae@{web.url('x.safetensors')}"
    needs = needs_of({name: find_backbone(load_catalogue(), name)})[name]
    (here,) = places_here(needs).values()
    assert here.origin == web.url("x.safetensors") and len(web.asked) == 1
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "elsewhere"))
    (there,) = places_here(needs).values()
    assert there.origin == here.origin and there.path.startswith(str(tmp_path / "elsewhere")) and len(web.asked) == 2
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "third"))
    (web.folder / "x.safetensors").write_bytes(b"other")
    with pytest.raises(NeedError, match=r"as this run reads it .* has the SHA-256"):
        places_here(needs)
