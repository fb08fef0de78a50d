"""Of all who share a folder one holds a name; the claim of a holder that died runs out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from partbench.benchmark.run.claims import LEASE, Claims
from partbench.benchmark.run.holder import Holder, start_of


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
    (file,) = claim.files
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
    claims.forget("a", "b")
    assert os.listdir(claims.folder) == []
    held = Claims(tmp_path).take("c")
    claims.forget("c")
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
