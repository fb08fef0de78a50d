"""Claims on the work of a run: files in its folder, so that of all who share it, wherever they are, one does a thing.

A claim is a file that only one program can make, on a shared disk too, and whose time its holder renews. A holder that
died is known at once on the same machine, by the number and the start of its process; on another by a time that nobody
has renewed. Taking over makes the next number of the same name, which again only one can: nothing is ever renamed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..files import UNREADABLE, is_full, write_atomic
from ..plugins.calls import Warn, warn
from .holder import Claim, Holder

FOLDER = "claims"
"""Of a run, with a file for everything that somebody is doing."""
WHOLE = "run"
"""The claim on what all runs into a folder write: the plan, what its guards found, what was checked."""
BEAT, LEASE = 10.0, 180.0
"""Seconds between two renewals, and until a holder elsewhere counts as dead: shared disks show it a minute late."""
MOMENT, LONG = 0.05, 5.0
"""Seconds between two tries at what others hold for a moment; and after which that is said."""


@dataclass
class Claims:
    """The claims in the folder of a run."""

    run: Path
    lease: float = LEASE
    beat: float = BEAT
    _held: list[Claim] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _renewing: threading.Thread | None = None

    @property
    def folder(self) -> Path:
        return self.run / FOLDER

    def take(self, *names: str) -> Claim | None:
        """Hold all of these names, or none: None where a living program holds one."""
        claim = Claim(names, [], Holder.here())
        for name in sorted(names):
            before, files = self._take(name, claim.holder)
            claim.before, claim.files = claim.before or before, [*files, *claim.files]
            if not files:
                self._remove(claim, withdraw=True)
                return None
        with self._lock:
            self._held.append(claim)
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, daemon=True)
                self._renewing.start()
        return claim

    def release(self, claim: Claim) -> None:
        """Let go of it."""
        with self._lock:
            self._held.remove(claim)
        self._remove(claim)

    def abandon(self, claim: Claim) -> None:
        """Leave it as if its holder had died: whatever it was doing is not to be done as if nothing had been."""
        with self._lock:
            self._held.remove(claim)
        for file in claim.files:
            if self._token(file) == claim.holder.token:
                write_atomic(file, json.dumps(vars(replace(claim.holder, dead=True))).encode())

    @contextmanager
    def held(self, name: str, tell: Warn = warn, what: str = "looks at the same images") -> Iterator[None]:
        """Hold a name for a moment; whoever comes second waits, and says for `what` where that takes longer."""
        began = time.monotonic()
        while (claim := self.take(name)) is None:
            time.sleep(MOMENT)
            if time.monotonic() - began > LONG and (holder := self.holder(name)):
                tell(f"another run ({holder}) {what}; this one waits for it")
        try:
            yield
        finally:
            self.release(claim)

    def holder(self, *names: str) -> Holder | None:
        """Who of the living holds one of these names."""
        holders = (self._holder(name) for name in names)
        return next((holder for holder, alive in filter(None, holders) if alive), None)

    def died(self, *names: str) -> bool:
        """Whether somebody who held one of these names died with it."""
        return any(found and not found[1] for found in map(self._holder, names))

    def forget(self, *names: str) -> None:
        """Forget who died with these names, of which nothing is left to do."""
        if self.died(*names) and (claim := self.take(*names)):
            self.release(claim)

    def others(self, names: str) -> bool:
        """Whether any other program holds a name that begins so."""
        own = {name for claim in self._held for name in claim.names}
        there = {file.stem for file in self.folder.glob(f"{names}*") if file.suffix[1:].isdecimal()}
        return self.holder(*(there - own)) is not None

    def now(self) -> float:
        """The time, as the disk has it: machines need not agree."""
        self.folder.mkdir(parents=True, exist_ok=True)
        clock = self.folder / f"clock.{os.getpid()}.{threading.get_ident()}"
        clock.write_bytes(b"")
        now = clock.stat().st_mtime
        clock.unlink(missing_ok=True)
        return now

    def _take(self, name: str, holder: Holder) -> tuple[Holder | None, list[Path]]:
        """Who held a name and died, and the files of the claim that is made now; no files where it is held."""
        files = self._files(name)
        found = self._read(files[-1]) if files else None
        if files and (found is None or found[1]):
            return None, []
        file = self.folder / f"{name}.{self._number(files[-1]) + 1 if files else 0}"
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x", encoding="utf-8") as new:
                new.write(json.dumps(vars(holder)))
        except FileExistsError:
            return None, []
        except OSError as error:
            if is_full(error):  # what is empty would count as held
                file.unlink(missing_ok=True)
            raise
        if found and self._token(files[-1]) != found[0].token:  # somebody took it over, and let go of it
            file.unlink(missing_ok=True)
            return None, []
        return (found[0] if found else None), [*files, file]

    def _files(self, name: str) -> list[Path]:
        """The files of a name: of all who held it and died, and of who holds it, the last."""
        there = [file for file in self.folder.glob(f"{name}.*") if file.stem == name and file.suffix[1:].isdecimal()]
        return sorted(there, key=self._number)

    def _number(self, file: Path) -> int:
        return int(file.suffix[1:])

    def _holder(self, name: str) -> tuple[Holder, bool] | None:
        files = self._files(name)
        return self._read(files[-1]) if files else None

    def _read(self, file: Path) -> tuple[Holder, bool] | None:
        """Who made a claim, and whether it holds; None where it is gone by now."""
        try:
            holder = Holder(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except UNREADABLE:  # whoever makes it has not written it yet, or died before
            holder = Holder("", 0, "", "")
        alive = holder.alive
        try:
            return holder, self.now() - file.stat().st_mtime < self.lease if alive is None else alive
        except FileNotFoundError:
            return None

    def _token(self, file: Path) -> str | None:
        try:
            return str(json.loads(file.read_text(encoding="utf-8"))["token"])
        except FileNotFoundError:
            return None
        except UNREADABLE:
            return ""

    def _remove(self, claim: Claim, withdraw: bool = False) -> None:
        """Remove its files, those of dead holders first: as long as the last is there nobody makes another.

        Who withdraws leaves them: nothing was done that they tell of.
        """
        own = {file.stem: file for file in claim.files}
        for file in sorted(claim.files, key=self._number):
            with suppress(OSError):
                if self._token(file) == claim.holder.token if file == own[file.stem] else not withdraw:
                    file.unlink()

    def _renew(self) -> None:
        """Renew the time of what is held, as long as anything is."""
        while True:
            time.sleep(self.beat)
            with self._lock:
                files = [file for claim in self._held for file in claim.files]
                if not files:
                    self._renewing = None
                    return
            for file in files:
                with suppress(OSError):
                    os.utime(file)
