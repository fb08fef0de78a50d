"""Claims lie in a folder or in a store, and are the same to whoever takes them."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from partbench.benchmark.object_store import ObjectStore
from partbench.benchmark.plan import Cell
from partbench.benchmark.run.claim_files import WHOLE, ClaimFiles, FolderClaims, StoreClaims, claim_on, disk_time
from partbench.benchmark.run.groups import Group


@pytest.fixture(params=["folder", "store"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> ClaimFiles:
    """None as yet."""
    if request.param == "folder":
        return FolderClaims(tmp_path / "claims")
    return StoreClaims(ObjectStore(f"memory://{uuid4()}"))


def let_be_old(files: ClaimFiles, name: str, seconds: float) -> None:
    """As if nobody had renewed a claim for so long."""
    then = time.time() - seconds
    if isinstance(files, FolderClaims):
        os.utime(files.folder / name, (then, then))
    elif isinstance(files, StoreClaims):
        path = MemoryFileSystem._strip_protocol(f"{files.store.url}/claims/{name}")
        MemoryFileSystem.store[path].modified = datetime.fromtimestamp(then, timezone.utc)


def test_a_claim_is_made_once(files: ClaimFiles) -> None:
    """And says what it said until its holder says something else, or removes it."""
    assert files.names() == []
    assert files.create("a.0", "one") and not files.create("a.0", "two")
    assert files.names() == ["a.0"] and files.read("a.0") == "one"
    files.write("a.0", "dead")
    assert files.read("a.0", now=True) == "dead"
    files.remove("a.0")
    files.remove("a.0")
    assert files.names() == []
    with pytest.raises(FileNotFoundError):
        files.read("a.0", now=True)


def test_a_claim_has_an_age(files: ClaimFiles) -> None:
    """Since it was renewed, by the clock of where it lies."""
    files.create("a.0", "one")
    let_be_old(files, "a.0", 100)
    assert 95 < files.age("a.0") < 105
    files.create("b.0", "one")
    let_be_old(files, "b.0", 100)
    files.renew("b.0", "one")
    assert files.age("b.0") < 5
    with pytest.raises(FileNotFoundError):
        files.age("c.0")


def test_what_is_gone_is_not_renewed(files: ClaimFiles) -> None:
    """Whoever was taken for dead and wakes up makes no claim of it."""
    with pytest.raises(FileNotFoundError):
        files.renew("a.0", "one")
    assert files.names() == []


def test_what_is_anothers_by_now_is_not_renewed() -> None:
    """In a store, where that would be to write over it."""
    files = StoreClaims(ObjectStore(f"memory://{uuid4()}"))
    files.create("a.0", "theirs")
    let_be_old(files, "a.0", 100)
    files.renew("a.0", "ours")
    assert files.read("a.0", now=True) == "theirs" and files.age("a.0") > 95


def test_a_store_is_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every look at what others hold; what this program does itself it knows at once."""
    files, asked = StoreClaims(ObjectStore(f"memory://{uuid4()}")), list[str]()
    files.create("a.0", "one")
    for what in ("versions", "read", "modified"):
        real = getattr(ObjectStore, what)

        def ask(store: ObjectStore, *names: object, what: str = what, real=real) -> object:  # type: ignore[no-untyped-def]
            asked.append(what)
            return real(store, *names)

        monkeypatch.setattr(ObjectStore, what, ask)
    for _ in range(50):
        assert (files.names(), files.read("a.0"), files.age("a.0") < 5) == (["a.0"], "one", True)
    assert sorted(asked) == ["modified", "modified", "read", "versions"]
    files.create("b.0", "two")
    assert sorted(files.names()) == ["a.0", "b.0"]


def test_a_new_claim_is_not_as_old_as_one_before() -> None:
    """Of the same name: whoever has seen the old one die does not take the new holder for dead."""
    ours, theirs = (StoreClaims(store) for store in [ObjectStore(f"memory://{uuid4()}")] * 2)
    theirs.create("a.0", "one")
    let_be_old(theirs, "a.0", 1000)
    assert ours.read("a.0") == "one" and ours.age("a.0") > 900
    theirs.remove("a.0")
    theirs.create("a.0", "two")
    assert ours.read("a.0") == "one", "as it was a moment ago"
    assert ours.read("a.0", now=True) == "two" and ours.age("a.0") < 5
    theirs.remove("a.0")


def test_the_disk_has_the_time(tmp_path: Path) -> None:
    """In seconds, and nothing stays of the question."""
    assert abs(disk_time(tmp_path / "claims") - time.time()) < 5
    assert os.listdir(tmp_path / "claims") == []


@pytest.mark.parametrize("backbone", ["vae", "random:vae", "a--b", "stylegan2:B@x.safetensors", "v1.5"])
def test_a_cell_is_written_under_the_claim_on_its_draw(backbone: str) -> None:
    """Whatever backbones are called; what all runs write is under that on the whole, and the rest under none."""
    cell = Cell(backbone, "mlp-1", 5, 3)
    for name in (f"cells/{cell.slug}.json", f"cells/{cell.slug}.npz"):
        assert (claim_on(name),) == Group(backbone, (3,)).claims
    assert {claim_on(name) for name in ("plan.json", "guards.json", "checks.json", "shots.npz")} == {WHOLE}
    assert claim_on("journal/machine-1.jsonl") == claim_on("pictures/vae.npz") == ""
