"""Of all who share a folder one holds a name; the claim of a holder that died runs out."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from partbench.benchmark.object_store import ObjectStore, StoreError
from partbench.benchmark.run.claim_files import FRESH
from partbench.benchmark.run.claims import LEASE, Claims
from partbench.benchmark.run.holder import Holder, start_of
from partbench.benchmark.stored_run import Mirror


def forge(claims: Claims, name: str, holder: Holder, age: float = 0.0) -> Path:
    """A claim as another program has left it, so many seconds ago."""
    file = claims.folder / f"{name}.0"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(vars(holder)))
    os.utime(file, (0, time.time() - age))
    return file


def elsewhere() -> Holder:
    return replace(Holder.here(), machine="another machine")


def dead() -> Holder:
    """A process of this machine that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return replace(Holder.here(), process=process.pid, started="1")


def test_a_name_has_one_holder(tmp_path: Path) -> None:
    """As long as it is held nobody else gets it, nor any claim that has it among others; then anybody does."""
    ours, theirs = Claims(tmp_path), Claims(tmp_path)
    claim = ours.take("a", "b")
    assert claim and theirs.take("b") is None
    assert theirs.take("a", "c") is None
    assert theirs.holder("c") is None, "of what could not be had as a whole nothing is held"
    assert theirs.holder("b") == claim.holder
    ours.release(claim)
    again = theirs.take("b", "c")
    assert again and again.before is None
    theirs.release(again)
    assert os.listdir(ours.folder) == []


@pytest.mark.parametrize("gone", [False, True])
def test_of_many_one_gets_it(tmp_path: Path, gone: bool) -> None:
    """Whoever asks at the same moment, be the name free or its holder dead."""
    for turn in range(20):
        claims = Claims(tmp_path / str(turn))
        claims.folder.mkdir(parents=True)
        if gone:
            forge(claims, "a", dead())
        start, got = threading.Barrier(6), []

        def ask(claims: Claims = claims, start: threading.Barrier = start, got: list[object] = got) -> None:
            start.wait()
            got.append(claims.take("a"))

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [claim is not None for claim in got].count(True) == 1


def test_a_holder_that_died_here_is_known_at_once(tmp_path: Path) -> None:
    """By the number of its process, which may be another's by now; the next one is told who it was."""
    claims, died = Claims(tmp_path), dead()
    forge(claims, "a", died)
    assert claims.died("a") and claims.holder("a") is None
    claim = claims.take("a")
    assert claim and claim.before == died
    assert not claims.died("a") and claims.holder("a") == claim.holder
    claims.release(claim)
    assert os.listdir(claims.folder) == []
    forge(claims, "b", replace(Holder.here(), started="0"))
    assert claims.died("b"), "a process of the same number that began at another time"


def test_who_cannot_have_all_changes_nothing(tmp_path: Path) -> None:
    """What died stays so for whoever gets it."""
    claims = Claims(tmp_path)
    forge(claims, "a", dead())
    assert Claims(tmp_path).take("b")
    assert claims.take("a", "b") is None
    assert claims.died("a")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody says when a process began")
def test_a_process_that_nobody_waited_for_is_dead() -> None:
    """Its number stays until then."""
    process = subprocess.Popen(["sleep", "60"])
    holder = replace(Holder.here(), process=process.pid, started=start_of(process.pid))
    assert holder.alive
    process.kill()
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert holder.alive is False
    process.wait()


def test_a_holder_elsewhere_is_dead_when_it_is_not_heard_of(tmp_path: Path) -> None:
    """Only its time tells, and that of the disk: it holds its claim for a lease."""
    claims = Claims(tmp_path)
    forge(claims, "a", elsewhere(), LEASE - 20)
    assert claims.take("a") is None and not claims.died("a")
    forge(claims, "a", elsewhere(), LEASE + 20)
    claim = claims.take("a")
    assert claim and claim.before and claim.before.machine == "another machine"


def test_what_is_held_is_renewed(tmp_path: Path) -> None:
    """For as long as its program lives, and no longer than it holds it."""
    claims = Claims(tmp_path, beat=0.01)
    claim = claims.take("a")
    assert claim
    file = claims.folder / claim.files[0]
    os.utime(file, (0, 0))
    end = time.monotonic() + 10
    while file.stat().st_mtime < 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert file.stat().st_mtime > time.time() - 60


def test_a_claim_that_nobody_has_written_yet_is_held(tmp_path: Path) -> None:
    """Between its file and what is in it; of a program that died there it runs out like any other."""
    claims = Claims(tmp_path)
    file = forge(claims, "a", dead())
    file.write_text("")
    assert claims.take("a") is None
    os.utime(file, (0, time.time() - LEASE - 20))
    assert claims.take("a")


def test_who_died_is_forgotten(tmp_path: Path) -> None:
    """Where nothing is left to do, and nobody living is at it."""
    claims = Claims(tmp_path)
    forge(claims, "a", dead())
    claims.settle([("a", "b")])
    assert os.listdir(claims.folder) == []
    held = Claims(tmp_path).take("c")
    claims.settle([("c",)])
    assert held and claims.holder("c") == held.holder


def test_what_ended_whatever_did_it_is_left_so(tmp_path: Path) -> None:
    """An abandoned claim is that of a holder that died, and says so to the next."""
    claims = Claims(tmp_path)
    claim = claims.take("a")
    assert claim
    claims.abandon(claim)
    assert claims.died("a")
    after = Claims(tmp_path).take("a")
    assert after and after.before and after.before.dead


def test_who_comes_second_waits(tmp_path: Path) -> None:
    """For what is held for a moment."""
    ours, order = Claims(tmp_path), list[str]()

    def second() -> None:
        with Claims(tmp_path).held("run"):
            order.append("second")

    with ours.held("run"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_others_are_told_from_ourselves(tmp_path: Path) -> None:
    """By what this program holds."""
    ours, theirs = Claims(tmp_path), Claims(tmp_path)
    ours.take("vae--draw-0")
    assert not ours.others("vae--draw-")
    assert theirs.others("vae--draw-") and not theirs.others("hed--draw-")


def machine(where: Path, store: ObjectStore, **options: float) -> Claims:
    """The claims of a machine with a folder of its own, which shares a store with others."""
    folder = where / "run"
    return Claims(folder, mirror=Mirror(folder, store), **options)


def cell(claims: Claims, text: str | None = None) -> str | None:
    """What a machine has of a cell, which is written first where there is a text."""
    file = claims.run / "cells" / "vae--linear--1-shot--draw-0.json"
    if text is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return file.read_text() if file.exists() else None


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(f"memory://{uuid4()}/run")


def test_what_was_done_under_a_claim_is_there_for_the_next(tmp_path: Path, store: ObjectStore) -> None:
    """On whatever machine; nobody has the claim before the work of the last is in the store."""
    ours, theirs = machine(tmp_path / "a", store), machine(tmp_path / "b", store)
    claim = ours.take("vae--draw-0")
    assert claim and theirs.take("vae--draw-0") is None
    cell(ours, "38.2")
    assert cell(theirs) is None
    ours.release(claim)
    assert theirs.take("vae--draw-1") and cell(theirs) is None, "it is none of theirs"
    time.sleep(FRESH)
    assert theirs.take("vae--draw-0") and cell(theirs) == "38.2"


def test_several_machines_do_each_group_once(tmp_path: Path, store: ObjectStore) -> None:
    """Whoever is first, in whatever order, and however often they look."""
    names, done, start = [f"vae--draw-{number}" for number in range(6)], Counter[str](), threading.Barrier(4)

    def work(number: int) -> None:
        claims, todo = machine(tmp_path / str(number), store), [*names]
        random.Random(number).shuffle(todo)
        start.wait()
        while todo:
            name = todo.pop(0)
            if (claim := claims.take(name)) is None:
                todo.append(name)
                time.sleep(0.01)
                continue
            file = claims.run / "cells" / f"vae--linear--1-shot--{name.partition('--')[2]}.json"
            if not file.exists():
                done[name] += 1
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(str(number))
            claims.release(claim)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == Counter(names)


def test_a_machine_that_is_not_heard_of_is_dead_by_the_time_of_the_store(tmp_path: Path, store: ObjectStore) -> None:
    """Whatever the clocks of the machines say."""
    claims = machine(tmp_path, store)
    for name, age in (("a", LEASE - 20), ("b", LEASE + 20)):
        store.create(f"claims/{name}.0", elsewhere().text.encode())
        path = MemoryFileSystem._strip_protocol(f"{store.url}/claims/{name}.0")
        MemoryFileSystem.store[path].modified = datetime.fromtimestamp(time.time() - age, timezone.utc)
    assert claims.take("a") is None and not claims.died("a")
    claim = claims.take("b")
    assert claim and claim.before and claim.before.machine == "another machine"
    claims.release(claim)
    assert claims.files.names() == ["a.0"]


def test_a_claim_in_a_store_is_renewed_while_it_is_held(tmp_path: Path, store: ObjectStore) -> None:
    """And never made anew by the one who renews it."""
    claims = machine(tmp_path, store, beat=0.01)
    claim = claims.take("a")
    assert claim
    before, end = store.modified("claims/a.0"), time.monotonic() + 10
    while store.modified("claims/a.0") == before and time.monotonic() < end:
        time.sleep(0.01)
    assert store.modified("claims/a.0") > before
    claims.release(claim)
    time.sleep(0.1)
    assert store.versions("claims") == {}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """While a word is in this list, cells cannot be written into any store."""
    words, write = list[str](), ObjectStore.write

    def perhaps(store: ObjectStore, objects: Mapping[str, bytes]) -> None:
        if words and any(name.startswith("cells/") for name in objects):
            words.pop()
            raise StoreError("the line is cut")
        write(store, objects)

    monkeypatch.setattr(ObjectStore, "write", perhaps)
    monkeypatch.setattr("partbench.benchmark.stored_run.WAITS", (0.01, 0.01))
    return words


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_upload_is_tried_again_and_then_left_for_the_next_run(
    tmp_path: Path, store: ObjectStore, broken: list[str], times: int
) -> None:
    """Whose machine has it still: the claim is given up, and what nobody has done meanwhile is brought."""
    ours = machine(tmp_path / "a", store)
    claim = ours.take("vae--draw-0")
    assert claim
    cell(ours, "38.2")
    broken += ["cut"] * times
    if times < 3:
        ours.release(claim)
    else:
        with pytest.raises(StoreError):
            ours.release(claim)
        assert store.versions() == {} and cell(ours) == "38.2"
        again = machine(tmp_path / "a", store)
        again.settle([("vae--draw-1",)])
        assert store.versions() == {}
        again.settle([("vae--draw-0",), ("vae--draw-1",)])
    assert list(store.read(store.versions()).values()) == [b"38.2"]


def test_who_cannot_see_what_is_there_holds_nothing(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim without what was done under it would be a licence to do it again."""
    claims = machine(tmp_path, store)

    def cut(mirror: Mirror, which: object) -> None:
        raise StoreError("the line is cut")

    monkeypatch.setattr(Mirror, "pull", cut)
    with pytest.raises(StoreError):
        claims.take("a")
    assert store.versions() == {} and claims.holder("a") is None
