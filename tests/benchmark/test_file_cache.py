"""The cache keeps files by what they hold, fetches a URL once, and takes nothing for a file that it is not."""

from __future__ import annotations

import hashlib
import json
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from partbench import UserError
from partbench.benchmark.file_cache import OUTLET, CacheError, FileCache
from partbench.benchmark.file_contents import Content, content_of, content_of_tree, files_of, pack_into
from partbench.benchmark.file_hashes import weights_hash
from partbench.benchmark.files import DAMAGED, FILES
from partbench.benchmark.remote_files import FetchError, split_pin

DATA = bytes(range(256)) * 9
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def url(web: Any) -> str:
    """The address of a file."""
    (web.folder / "x.bin").write_bytes(DATA)
    return str(web.url("x.bin"))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said."""
    sentences: list[str] = []
    monkeypatch.setattr(OUTLET, "tell", sentences.append)
    return sentences


def test_a_url_is_fetched_once(web: Any, url: str) -> None:
    """It lies under its hash, with its name, and nothing else is left."""
    cache = FileCache.here()
    content = cache.fetch(url)
    assert content == Content(SHA, len(DATA), "x.bin", origin=url) == cache.fetch(url) == cache.known(url)
    assert cache.stored(content) == cache.folder / FILES / SHA / "x.bin"
    assert web.asked == ["/x.bin"]
    assert [path for path in (cache.folder / "incoming").iterdir() if path.suffix != ".lock"] == []


def test_two_processes_fetch_one_url_once(web: Any, url: str, forks: Any) -> None:
    """The second waits for the first."""
    processes = [get_context("fork").Process(target=FileCache.here().fetch, args=(url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert web.asked == ["/x.bin"]


def test_a_pin_is_held(web: Any, url: str) -> None:
    """By its first 16 digits or all; another file is not kept, and what is known of the URL is no answer."""
    cache = FileCache.here()
    for pin in (SHA[:16], SHA):
        assert cache.fetch(f"{url}#sha256={pin}").sha256 == SHA
    (web.folder / "x.bin").write_bytes(b"other")
    assert cache.fetch(url).sha256 == SHA  # fetched once
    other = hashlib.sha256(b"other").hexdigest()
    assert cache.fetch(f"{url}#sha256={other}").sha256 == other
    with pytest.raises(CacheError, match=f"has the SHA-256 {other[:16]}... and not 0000000000000000..."):
        cache.fetch(f"{url}#sha256={'0' * 64}")
    assert {path.name for path in (cache.folder / FILES).iterdir()} == {SHA, other}
    for pin in ("", "xyz", SHA[:20], SHA.upper()):
        with pytest.raises(FetchError):
            split_pin(f"{url}#sha256={pin}")


@pytest.mark.parametrize("mark", ["#sha256:", "#SHA256=", "#sha=", "#ears#sha256=", "#"])
def test_a_pin_that_is_misspelt_is_refused(url: str, mark: str) -> None:
    """Else a name would show a hash that nobody has held the file against; in a path a '#' is part of it."""
    with pytest.raises(FetchError, match="says nothing of the file"):
        FileCache.here().fetch(f"{url}{mark}{SHA}")
    assert split_pin("a#b") == ("a#b", "")


def test_a_pin_does_not_change_what_its_url_means_without(web: Any, url: str) -> None:
    """What was fetched first is kept, and of two pins of one URL each has its file."""
    cache = FileCache.here()
    assert cache.fetch(url).sha256 == SHA
    (web.folder / "x.bin").write_bytes(b"other")
    other = hashlib.sha256(b"other").hexdigest()
    for pin, found in ((f"#sha256={other}", other), ("", SHA), (f"#sha256={SHA}", SHA), (f"#sha256={other}", other)):
        assert cache.fetch(f"{url}{pin}").sha256 == found
    assert web.asked == ["/x.bin"] * 2


def test_a_pinned_file_that_came_otherwise_is_not_fetched(web: Any, tmp_path: Path) -> None:
    """Whatever it was called there; the name of the URL is its name here."""
    cache, file = FileCache.here(), tmp_path / "mine.safetensors"
    file.write_bytes(DATA)
    cache.keep(content_of(file), lambda part: part.write_bytes(DATA))
    content = cache.fetch(f"{web.url('faces.safetensors')}#sha256={SHA[:16]}")
    assert web.asked == [] and content.name == "faces.safetensors"
    assert cache.stored(content) == cache.folder / FILES / SHA / "faces.safetensors"


def test_a_stopped_download_goes_on_if_its_hash_is_known(web: Any, url: str) -> None:
    """Else the rest might be another file's, and it begins anew."""
    cache = FileCache.here()
    for word, pin in ((url, ""), (f"{url}#sha256={SHA}", SHA)):
        part = cache.folder / "incoming" / hashlib.sha256(f"{url} {pin}".encode()).hexdigest()
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"x" * 9)
        if pin:  # this server gives no parts: the whole is written over it
            (cache.folder / FILES / SHA / "x.bin").unlink()
        assert cache.fetch(word).sha256 == SHA


def test_a_damaged_file_is_fetched_again(web: Any, url: str, told: list[str]) -> None:
    """It is set aside, with a sentence: by its size at once, by its hash where results name it."""
    cache = FileCache.here()
    file = cache.stored(cache.fetch(url))
    assert file
    file.write_bytes(DATA[:-1])
    assert cache.fetch(url).sha256 == SHA and file.read_bytes() == DATA
    assert len(told) == 1 and "is damaged (it has 2,303 bytes and not 2,304) and set aside" in told[0]
    assert weights_hash(file) == SHA[:16]
    file.write_bytes(DATA[::-1])
    with pytest.raises(UserError, match=r"is damaged .*; run the same command again"):
        weights_hash(file)
    assert cache.fetch(url).sha256 == SHA and weights_hash(file) == SHA[:16]
    assert len(web.asked) == 3
    assert [path.read_bytes() for path in (cache.folder / DAMAGED).iterdir()] == [DATA[::-1]]


def test_what_is_kept_is_what_was_meant(tmp_path: Path) -> None:
    """A copy that holds anything else is refused, and leaves nothing."""
    cache, content = FileCache(tmp_path / "there"), Content(SHA, len(DATA), "x.bin")
    with pytest.raises(CacheError):
        cache.keep(content, lambda part: part.write_bytes(b"other"))
    assert cache.stored(content) is None
    cache.keep(content, lambda part: part.write_bytes(DATA))
    cache.keep(content, lambda part: pytest.fail("it is there"))
    assert cache.stored(content)


def test_a_folder_is_unpacked_once(tmp_path: Path) -> None:
    """From the tar that stands for it; of an archive with one folder in it that folder is meant."""
    cache, source = FileCache.here(), tmp_path / "cats"
    (source / "images").mkdir(parents=True)
    (source / "images" / "a.png").write_bytes(b"a")
    for content, where in (
        (content_of_tree(files_of(source), "cats"), Path()),
        (content_of_tree(files_of(source), "cats", "images/a.png"), Path("images/a.png")),
        (content_of_tree(files_of(source), "cats", ""), Path("images")),
    ):
        cache.keep(content, lambda part: pack_into(files_of(source), part))
        assert cache.place(content) == cache.folder / "trees" / content.sha256 / where
    assert cache.place(Content("0" * 64, 1, "none.tar", tree=True)) is None


def test_what_stands_for_a_word_is_noted(tmp_path: Path) -> None:
    """A note that is damaged says nothing, as none does."""
    cache, content = FileCache(tmp_path), Content(SHA, 3, "x")
    assert cache.known("x") is None and cache.words() == []
    cache.remember("weights/x", content)
    assert cache.known("weights/x") == content and cache.words() == ["weights/x"]
    (note,) = (tmp_path / "names").iterdir()
    record = json.loads(note.read_text())
    note.write_text(json.dumps({**record, "word": "y"}))
    assert cache.known("weights/x") is None
    note.write_text("{")
    assert cache.known("weights/x") is None
    with pytest.raises(CacheError, match="has a damaged file; copy there again"):
        cache.words()


def test_without_a_network_the_address_is_named(no_network: None) -> None:
    """With what to do about it."""
    with pytest.raises(FetchError, match=r"https://host/x.bin is neither in the cache nor to be had .*partbench bring"):
        FileCache.here().fetch("https://host/x.bin")
