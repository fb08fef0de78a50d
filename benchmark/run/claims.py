"""Claims on the work of a run: files in its folder, so that of all who share it, wherever they are, one does a thing.

A claim is a file that only one program can make, on a shared disk or in a store, and whose time its holder renews. A
holder that died is known at once on the same machine, by the number and the start of its process; on another by a time
that nobody has renewed. Taking over makes the next number of the same name, which again only one can: nothing is ever
renamed. What a claim is on is brought from a store when it is taken, and into it before it is let go of.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ..object_store import StoreError
from ..plugins.calls import Warn, warn
from ..stored_run import Mirror
from .claim_files import FOLDER, WHOLE, ClaimFiles, FolderClaims, StoreClaims, claim_on
from .claim_register import ClaimRegister
from .holder import Claim, Holder

BEAT, LEASE = 10.0, 180.0
"""Seconds between two renewals, and until a holder elsewhere counts as dead: shared disks show it a minute late."""
MOMENT, STORE_MOMENT, LONG = 0.05, 1.0, 5.0
"""Seconds between two tries at what others hold for a moment, of a store likewise; and after which that is said."""


@dataclass
class Claims:
    """The claims in the folder of a run, or in the store that it mirrors."""

    run: Path
    lease: float = LEASE
    beat: float = BEAT
    mirror: Mirror | None = None
    _held: list[Claim] = field(default_factory=list)
    _tokens: set[str] = field(default_factory=set)
    """Of all claims that this may have made, and has not let go of."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    """Of whoever Ctrl-C interrupts while it is his, it is his still."""
    _renewing: threading.Thread | None = None

    @property
    def folder(self) -> Path:
        return self.run / FOLDER

    @cached_property
    def files(self) -> ClaimFiles:
        """Where they lie."""
        return StoreClaims(self.mirror.store) if self.mirror else FolderClaims(self.folder)

    @property
    def register(self) -> ClaimRegister:
        """What they say."""
        return ClaimRegister(self.files, self.lease)

    def take(self, *names: str) -> Claim | None:
        """Hold all of these names, or none: None where a living program holds one, or one that excludes them."""
        holder = Holder.here()
        self._tokens.add(holder.token)
        claim = self.register.take(names, holder)
        if claim is None:
            self._tokens.discard(holder.token)
            return None
        with self._lock:
            self._held.append(claim)
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, daemon=True)
                self._renewing.start()
        try:
            self._pull(claim)
        except BaseException:
            self._drop(claim, withdraw=True)
            raise
        return claim

    def release(self, claim: Claim) -> None:
        """Let go of it, once what was done is where all see it."""
        try:
            self._push(claim)
        finally:
            self._drop(claim)

    def abandon(self, claim: Claim) -> None:
        """Leave it as if its holder had died: whatever it was doing is not to be done as if nothing had been."""
        self._tokens.discard(claim.holder.token)
        try:
            self._push(claim)
        finally:
            with self._lock:
                self._held.remove(claim)
        for file in claim.files:
            if self.register.token(file) == claim.holder.token:
                self.files.write(file, replace(claim.holder, dead=True).text)

    def leave(self, dangerous: Sequence[Claim] = ()) -> None:
        """Let go of all that is held, abandoning what is dangerous; Ctrl-C may have come while a claim was made."""
        for claim in [claim for claim in dangerous if claim in self._held]:
            with suppress(OSError, StoreError):  # what is not marked as dead is so when this program is
                self.abandon(claim)
        with self._lock:
            self._held.clear()
        if self._tokens:
            with suppress(OSError, StoreError):
                self.register.forget(lambda holder: holder.token in self._tokens)
        self._tokens.clear()

    @contextmanager
    def held(self, name: str, tell: Warn = warn, what: str = "looks at the same images") -> Iterator[None]:
        """Hold a name for a moment; whoever comes second waits, and says for `what` where that takes longer."""
        began = time.monotonic()
        while (claim := self.take(name)) is None:
            time.sleep(STORE_MOMENT if self.mirror else MOMENT)
            if time.monotonic() - began > LONG and (holder := self.holder(name)):
                tell(f"another run ({holder}) {what}; this one waits for it")
        try:
            yield
        finally:
            self.release(claim)

    def holder(self, *names: str) -> Holder | None:
        """Who of the living holds one of these names, or one that excludes them."""
        return next((holder for holder, alive in self.register.holders(names) if alive), None)

    def died(self, *names: str) -> bool:
        """Whether somebody who held one of these names, or one that excludes them, died with it."""
        return any(not alive for _, alive in self.register.holders(names))

    def settle(self, done: Iterable[Sequence[str]]) -> None:
        """Forget who died with names of which nothing is left to do; what of them is here alone is brought to all."""
        unsent = {claim_on(file) for file in self.mirror.unsent()} if self.mirror else set()
        for names in done:
            if (unsent & {*names} or self.died(*names)) and (claim := self.take(*names)):
                self.release(claim)

    def names(self, begin: str) -> set[str]:
        """All that are claimed, by the living or the dead, and begin so."""
        return {name for name in self.register.names() if name.startswith(begin)}

    def others(self, begin: str) -> bool:
        """Whether any other program holds a name that begins so."""
        own = {name for claim in self._held for name in claim.names}
        return self.holder(*(self.names(begin) - own)) is not None

    def _pull(self, claim: Claim) -> None:
        """Take what it is on from the store; with the claim on the whole run, all there is."""
        if self.mirror:
            self.mirror.pull(lambda file: WHOLE in claim.names or claim_on(file) in claim.names)

    def _push(self, claim: Claim) -> None:
        """Bring what it is on into the store, and what no two programs write; nobody else does it meanwhile."""
        if self.mirror:
            self.mirror.push(lambda file: claim_on(file) in (*claim.names, ""))

    def _drop(self, claim: Claim, withdraw: bool = False) -> None:
        with self._lock:
            self._held.remove(claim)
        self.register.remove(claim, withdraw)
        self._tokens.discard(claim.holder.token)

    def _renew(self) -> None:
        """Renew the time of what is held, as long as anything is."""
        while True:
            time.sleep(self.beat)
            with self._lock:
                held = [(claim, file) for claim in self._held for file in claim.files]
                if not held:
                    self._renewing = None
                    return
            for claim, file in held:
                with self._lock, suppress(OSError, StoreError):
                    if claim in self._held:  # a store would make it anew
                        self.files.renew(file, claim.holder.text)
