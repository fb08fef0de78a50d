"""Objects are written whole, of many who make one a single one does, and a store where that is not so is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from partbench.benchmark.object_store import ObjectStore, StoreError


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty one."""
    return ObjectStore(f"memory://{uuid4()}/run" if request.param == "memory" else f"file://{tmp_path}/bucket/run")


def served_by(monkeypatch: pytest.MonkeyPatch, pipe_file: Callable[..., None]) -> ObjectStore:
    """A store of S3 whose server does this with what is written into it."""
    system = MemoryFileSystem(global_store=False, skip_instance_cache=True)
    monkeypatch.setattr(system, "pipe_file", lambda *given, **named: pipe_file(system, *given, **named))
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url, **options: (system, "/bucket/run"))
    return ObjectStore("s3://bucket/run")


def test_objects_are_read_as_they_were_written(store: ObjectStore) -> None:
    """By their names below the URL; those that are gone are none, and an empty store has none."""
    assert store.versions() == {} and store.read(["a"]) == {}
    store.write({"a": b"1", "b/c": b"2", "b/d": b""})
    assert store.read(["b/c", "a", "e"]) == {"b/c": b"2", "a": b"1"}
    assert set(store.versions()) == {"a", "b/c", "b/d"} and set(store.versions("b")) == {"b/c", "b/d"}
    store.remove("b/c")
    store.remove("b/c")
    assert set(store.versions("b")) == {"b/d"}


def test_what_is_written_again_is_another_version(store: ObjectStore) -> None:
    """Even of the same bytes; all others stay what they were."""
    store.write({"a": b"1", "b": b"1"})
    before = store.versions()
    time.sleep(0.01)
    store.write({"a": b"1"})
    after = store.versions()
    assert after["a"] != before["a"] and after["b"] == before["b"]


def test_of_many_one_makes_an_object(store: ObjectStore) -> None:
    """Whoever asks at the same moment; what it holds is that one's."""
    for turn in range(10):
        start, made = threading.Barrier(6), dict[int, bool]()

        def make(number: int, name: str = f"a{turn}", start: threading.Barrier = start, made: Any = made) -> None:
            start.wait()
            made[number] = store.create(name, str(number).encode())

        threads = [threading.Thread(target=make, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = [number for number, won in made.items() if won]
        assert store.read([f"a{turn}"]) == {f"a{turn}": str(winner).encode()}


def test_an_answer_that_was_lost_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is asked again says that the object is there; it is whose bytes it holds."""

    def lossy(system: Any, path: str, data: bytes, mode: str = "overwrite") -> None:
        MemoryFileSystem.pipe_file(system, path, data, mode)
        raise FileExistsError(path)

    store = served_by(monkeypatch, lossy)
    assert store.create("a", b"ours")
    assert not store.create("a", b"theirs")


def test_times_are_the_stores(store: ObjectStore) -> None:
    """Of an object, and of now; what is gone has none, and the clock leaves nothing behind."""
    store.write({"a": b""})
    assert abs(store.now() - store.modified("a")) < 5
    with pytest.raises(FileNotFoundError):
        store.modified("b")
    assert set(store.versions()) == {"a"}


def test_a_store_of_whole_objects_is_taken(store: ObjectStore) -> None:
    """And nothing of the test stays in it."""
    store.check_exclusive()
    assert store.versions() == {}


def test_a_server_without_conditional_writes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those that speak S3 and take no notice of If-None-Match."""

    def heedless(system: Any, path: str, data: bytes, mode: str = "overwrite") -> None:
        MemoryFileSystem.pipe_file(system, path, data)

    store = served_by(monkeypatch, heedless)
    with pytest.raises(StoreError, match="If-None-Match"):
        store.check_exclusive()
    assert store.versions() == {}


@pytest.mark.parametrize("url", ["sftp://host/run", "ftp://host/run", "nonsense://run"])
def test_a_kind_of_store_that_cannot_is_refused(url: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(StoreError, match=url):
        ObjectStore(url).check_exclusive()


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="what is missing here is installed")
def test_what_a_store_needs_is_named() -> None:
    """It is the user's choice."""
    with pytest.raises(StoreError, match="pip install s3fs"):
        ObjectStore("s3://bucket/run").versions()


def test_whatever_a_library_raises_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the URL, and without what another object of the same call would have been."""

    def refusing(system: Any, path: str, data: bytes, mode: str = "overwrite") -> None:
        raise PermissionError("not yours")

    store = served_by(monkeypatch, refusing)
    for attempt in (lambda: store.write({"a": b""}), lambda: store.create("a", b"")):
        with pytest.raises(StoreError, match=r"s3://bucket/run .*not yours") as found:
            attempt()
        assert "\n" not in str(found.value)
