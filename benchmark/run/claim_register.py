"""What the claims of a run say: who holds which name, or died with it; and how one is made, and removed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath

from ..files import UNREADABLE
from ..object_store import StoreError
from .claim_files import ClaimFiles, claims_on, is_claim, number_of
from .holder import Claim, Holder


@dataclass(frozen=True)
class ClaimRegister:
    """Reads and writes claims where they lie."""

    files: ClaimFiles
    lease: float
    """Seconds until a holder elsewhere counts as dead."""

    def take(self, names: Sequence[str], holder: Holder) -> Claim | None:
        """Make a claim of this holder on all of these names, or on none.

        Who has made one looks whether anybody holds a name that excludes it, and if so lets go: of two who come at the
        same moment one sees the other, or both do, and try again. Who sees it before does not disturb the other.
        """
        claim = Claim(tuple(names), [], holder)
        if any(alive for _, _, alive in self._rivals(names)):
            return None
        for name in sorted(names):
            before, files = self._make(name, holder)
            claim.before, claim.files = claim.before or before, [*files, *claim.files]
            if not files:
                self.remove(claim, withdraw=True)
                return None
        for file, rival, alive in self._rivals(names):
            if alive:
                self.remove(claim, withdraw=True)
                return None
            claim.before, claim.rivals[file] = claim.before or rival, rival.token
        return claim

    def names(self) -> set[str]:
        """All names that are claimed, by the living or the dead."""
        return {PurePath(file).stem for file in self.files.names() if is_claim(file)}

    def holders(self, names: Sequence[str]) -> Iterator[tuple[Holder, bool]]:
        """Who holds these names, or such as exclude them, and whether each lives."""
        for name in names:
            if (files := claims_on(name, self.files)) and (found := self._read(files[-1])):
                yield found
        for _, holder, alive in self._rivals(names):
            yield holder, alive

    def token(self, file: str) -> str | None:
        """Whose claim a file is, now; None where it is gone, '' where nobody can say."""
        try:
            return str(json.loads(self.files.read(file, now=True))["token"])
        except FileNotFoundError:
            return None
        except UNREADABLE:
            return ""

    def remove(self, claim: Claim, withdraw: bool = False) -> None:
        """Remove its files, those of dead holders first: as long as the last is there nobody makes another.

        Who withdraws leaves them: nothing was done that they tell of.
        """
        for file, token in ({} if withdraw else claim.rivals).items():
            with suppress(OSError, StoreError):
                if self.token(file) == token:
                    self.files.remove(file)
        own = {PurePath(file).stem: file for file in claim.files}
        for file in sorted(claim.files, key=number_of):
            with suppress(OSError, StoreError):
                stem = PurePath(file).stem
                if self.token(file) == claim.holder.token if file == own[stem] else not withdraw:
                    self.files.remove(file)

    def forget(self, whose: Callable[[Holder], bool]) -> None:
        """Remove what such holders had claimed: they were ended, and did not die of what they did."""
        for file in filter(is_claim, tuple(self.files.names())):
            if (found := self._read(file, now=True)) and whose(found[0]):
                self.files.remove(file)

    def _rivals(self, names: Sequence[str]) -> Iterator[tuple[str, Holder, bool]]:
        """The claims on names that exclude these: the file of each, its holder, and whether that lives."""
        for rival in sorted(self.names()):
            if any(exclude(rival, name) for name in names):
                files = claims_on(rival, self.files)
                found = {file: read for file in files if (read := self._read(file))}
                alive = any(alive for _, alive in found.values())
                yield from ((file, holder, alive) for file, (holder, _) in found.items())

    def _make(self, name: str, holder: Holder) -> tuple[Holder | None, list[str]]:
        """Who held a name and died, and the files of the claim that is made now; no files where it is held."""
        files = claims_on(name, self.files)
        found = self._read(files[-1]) if files else None
        if files and (found is None or found[1]):
            return None, []
        file = f"{name}.{number_of(files[-1]) + 1 if files else 0}"
        if not self.files.create(file, holder.text):
            return None, []
        if found and self.token(files[-1]) != found[0].token:  # somebody took it over, and let go of it
            self.files.remove(file)
            return None, []
        return (found[0] if found else None), [*files, file]

    def _read(self, file: str, now: bool = False) -> tuple[Holder, bool] | None:
        """Who made a claim, and whether it holds; None where it is gone by now."""
        try:
            holder = Holder(**json.loads(self.files.read(file, now)))
        except FileNotFoundError:
            return None
        except UNREADABLE:  # whoever makes it has not written it yet, or died before
            holder = Holder("", 0, "", "")
        alive = holder.alive
        try:
            return holder, self.files.age(file) < self.lease if alive is None else alive
        except FileNotFoundError:
            return None


def exclude(one: str, other: str) -> bool:
    """Whether nobody may hold one name while somebody holds the other: draws of a backbone and a part of its slices.

    Parts of one cut have different slices; those of another cut do not, nor does a group of draws, which has them all.
    """
    (first, cut), (second, another) = _cut_of(one), _cut_of(other)
    return first == second and "" not in (cut, another) and cut != another


def _cut_of(name: str) -> tuple[str, str]:
    """The backbone of a claim on a group, and how it was cut: `draw`, or `of-3`; '' of any other claim."""
    backbone, _, what = name.rpartition("--")
    found = re.fullmatch(r"(draw)-\d+|part-\d+-(of-\d+)", what)
    return backbone, "".join(filter(None, found.groups())) if found else ""
