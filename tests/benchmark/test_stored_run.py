"""A folder that mirrors a URL has what the store has, and what it has alone is neither lost nor overlooked."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.benchmark.files import cache_folder
from partbench.benchmark.object_store import ObjectStore, StoreError
from partbench.benchmark.stored_run import Mirror, folder_of, here, is_url, mirror_of, shown, url_of


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a line to be mended."""
    monkeypatch.setattr("partbench.benchmark.stored_run.WAITS", ())


def mirrors(where: Path, count: int = 2) -> list[Mirror]:
    """So many machines with folders of their own, and one store."""
    store = ObjectStore(f"memory://{uuid4()}/run")
    return [Mirror(where / str(number) / "run", store) for number in range(count)]


def put(mirror: Mirror, name: str, text: str) -> None:
    file = mirror.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def held(mirror: Mirror) -> dict[str, str]:
    """What lies in the folder."""
    files = [file for file in mirror.folder.rglob("*") if file.is_file()]
    return {file.relative_to(mirror.folder).as_posix(): file.read_text() for file in files}


def stored(mirror: Mirror) -> dict[str, str]:
    return {name: data.decode() for name, data in mirror.store.read(mirror.store.versions()).items()}


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        ("s3://bucket/runs/faces", "s3://bucket/runs/faces", "faces"),
        ("s3://bucket/runs/faces/", "s3://bucket/runs/faces", "faces"),
        ("S3://bucket/Faces", "s3://bucket/Faces", "Faces"),
        ("memory://run", "memory://run", "run"),
        ("file:///shared/run", "file:///shared/run", "run"),
    ],
)
def test_a_url_has_a_folder(text: str, url: str, name: str) -> None:
    """Which knows it, although a path loses a slash of it; two URLs have two."""
    folder = folder_of(Path(text))
    assert is_url(Path(text)) and folder.name == name and folder.is_relative_to(cache_folder("runs"))
    assert url_of(folder) == shown(folder) == url
    assert folder_of(Path(f"{text}2")).parent != folder.parent


@pytest.mark.parametrize("path", ["runs/faces", "/shared/runs/faces", "C:/runs", "a:b"])
def test_a_path_is_its_own_folder(path: str) -> None:
    """Whatever lies beside it."""
    assert here(Path(path)) == Path(path) and not is_url(Path(path))
    assert mirror_of(Path(path)) is None and shown(Path(path)) == str(Path(path))
    Path("url").write_text("s3://bucket/run")
    assert url_of(Path.cwd() / "run") == ""


def test_what_one_brings_another_takes(tmp_path: Path) -> None:
    """All that is a run's; what is one machine's own, or half written, stays there."""
    ours, theirs = mirrors(tmp_path)
    run = {"plan.json": "p", "cells/a.json": "1", "cells/a.npz": "2", "journal/m.jsonl": "j", "pictures/a.npz": "i"}
    for name, text in (run | {"units/a/b.pt": "w", "claims/a.0": "c", "cells/a.json.123.part": "1"}).items():
        put(ours, name, text)
    ours.push()
    assert stored(ours) == run and ours.unsent() == []
    theirs.pull()
    assert held(theirs) == run and theirs.unsent() == []


def test_only_what_is_meant_travels(tmp_path: Path) -> None:
    """In both directions."""
    ours, theirs = mirrors(tmp_path)
    put(ours, "cells/a.json", "1")
    put(ours, "cells/b.json", "2")
    ours.push(lambda name: "a" in name.partition("/")[2])
    assert stored(ours) == {"cells/a.json": "1"} and ours.unsent() == ["cells/b.json"]
    ours.push()
    theirs.pull(lambda name: "b" in name)
    assert held(theirs) == {"cells/b.json": "2"}


def test_the_same_is_not_moved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what was brought nor what was taken, by whatever program of a machine."""
    ours, theirs = mirrors(tmp_path)
    put(ours, "cells/a.json", "1")
    ours.push()
    theirs.pull()
    moved = list[object]()
    monkeypatch.setattr(ObjectStore, "read", lambda store, names: moved.append(names) or {})
    monkeypatch.setattr(ObjectStore, "write", lambda store, objects: moved.append(objects))
    for mirror in (ours, Mirror(theirs.folder, theirs.store)):
        mirror.pull()
        mirror.push()
    assert moved == []


def test_what_is_gone_from_the_store_is_gone_here(tmp_path: Path) -> None:
    """Unless it is other here than it was there."""
    ours, theirs = mirrors(tmp_path)
    for name in ("plan.json", "cells/a.json", "cells/b.json"):
        put(ours, name, "1")
    ours.push()
    theirs.pull()
    put(theirs, "cells/b.json", "new")
    for name in ("cells/a.json", "cells/b.json"):
        ours.store.remove(name)
    theirs.pull()
    assert held(theirs) == {"plan.json": "1", "cells/b.json": "new"} and theirs.unsent() == ["cells/b.json"]


def test_what_is_missing_here_is_taken_again(tmp_path: Path) -> None:
    """A file that somebody removed, or a list of what was the same that is damaged."""
    (ours,) = mirrors(tmp_path, 1)
    put(ours, "cells/a.json", "1")
    ours.push()
    (ours.folder / "cells" / "a.json").unlink()
    ours.pull()
    assert held(ours) == {"cells/a.json": "1"}
    (ours.folder.parent / "index.json").write_text("[")
    ours.pull()
    assert held(ours) == {"cells/a.json": "1"} and ours.unsent() == []


@pytest.mark.parametrize("most", [0, 1, 2])
def test_an_upload_that_fails_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """However much went before: it is here, is known to be, and the next try brings it; no cell is there by half."""
    ours, theirs = mirrors(tmp_path)
    cell = {"cells/a.json": "1", "cells/a.npz": "2"}
    for name, text in cell.items():
        put(ours, name, text)
    write, written = ObjectStore.write, list[str]()

    def failing(store: ObjectStore, objects: dict[str, bytes]) -> None:
        for name, data in objects.items():
            if len(written) == most:
                raise StoreError("the line is cut")
            written.append(name)
            write(store, {name: data})

    with monkeypatch.context() as context:
        context.setattr(ObjectStore, "write", failing)
        if most < len(cell):
            with pytest.raises(StoreError):
                ours.push()
        else:
            ours.push()
    assert held(ours) == cell and (ours.unsent() == []) == (most == len(cell))
    assert "cells/a.json" not in stored(ours) or stored(ours) == cell
    ours.pull()
    ours.push()
    theirs.pull()
    assert held(theirs) == cell == held(ours) and ours.unsent() == []


Step = tuple[str, int, str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "push", "pull", "fail"]),
        st.integers(0, 2),
        st.sampled_from(["cells/a.json", "cells/a.npz", "plan.json"]),
        st.text("xyz", max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=30)  # each goes through files and locks
@given(STEPS)
def test_whoever_comes_last_has_what_was_brought_last(steps: list[Step]) -> None:
    """Where each takes before it writes and brings after, as claims see to, nothing that was brought is ever lost."""
    with TemporaryDirectory() as where, pytest.MonkeyPatch.context() as patch:
        machines, latest = mirrors(Path(where), 3), dict[str, str]()
        for what, number, name, text in steps:
            mirror = machines[number]
            mirror.pull()
            if what == "write":
                put(mirror, name, text)
                mirror.push()
                latest[name] = text
            elif what == "fail":
                put(mirror, name, text)
                with patch.context() as broken:
                    broken.setattr(ObjectStore, "write", _refuse)
                    with pytest.raises(StoreError):
                        mirror.push()
                assert name in mirror.unsent()
                mirror.push()
                latest[name] = text
            elif what == "push":
                mirror.push()
            assert stored(mirror) == latest == held(mirror)
        for mirror in machines:
            mirror.pull()
            assert held(mirror) == latest and mirror.unsent() == []


def _refuse(store: ObjectStore, objects: dict[str, bytes]) -> None:
    raise StoreError("the line is cut")


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "file://",
        "s3://bucket/a::b/run",
        "file:///store/br[a]/run",
        "file:///store/q?x/run",
        "memory://x/*",
        "file:///store/..",
        "s3://bucket/x/../run",
    ],
)
def test_a_url_that_stores_read_otherwise_is_refused(text: str) -> None:
    """A chain of stores, a pattern, another folder, or nothing at all, which would be a folder of this one."""
    with pytest.raises(StoreError, match="which a store may take for another; write it with"):
        folder_of(Path(text))


@pytest.mark.parametrize("name", ["cells/../../../evil.txt", "cells//evil.json", "cells/./evil.json"])
def test_nothing_is_written_outside_the_folder(tmp_path: Path, name: str) -> None:
    """An object whose name leads elsewhere is refused by its name before anything is taken."""
    (mirror,) = mirrors(tmp_path, 1)
    system = mirror.store.system
    system.store[f"{mirror.store._root}/plan.json"] = system.open(f"/{uuid4()}", "wb")
    system.store[f"{mirror.store._root}/{name}"] = system.open(f"/{uuid4()}", "wb")
    with pytest.raises(StoreError, match="as no run writes one; remove it there"):
        mirror.pull()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.parent != mirror.folder.parent]


def test_a_store_that_is_gone_takes_nothing_with_it(tmp_path: Path) -> None:
    """What this machine has of a run stays, and whoever reads hears of it."""
    (mirror,) = mirrors(tmp_path, 1)
    put(mirror, "plan.json", "plan")
    put(mirror, "cells/a.json", "a")
    mirror.push()
    mirror.store.system.rm(mirror.store._root, recursive=True)
    with pytest.raises(StoreError, match=r"holds no run any more, of which .* has 2 files; bring the store back, or"):
        mirror.pull()
    assert held(mirror) == {"plan.json": "plan", "cells/a.json": "a"}
