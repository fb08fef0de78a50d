"""A claim, and its holder: a program, told from every other, and whether it is still there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..files import machine_name


@dataclass(frozen=True)
class Holder:
    """A program that holds a claim, or held it when it died."""

    machine: str
    process: int
    started: str
    """When, in a count of its machine's; '' where nobody says."""
    token: str
    """Of this claim and no other."""
    dead: bool = False
    """Whether what it was doing ended its process, by the word of whoever started that."""

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine.partition(' ')[0]}"

    @property
    def text(self) -> str:
        """What its claim says."""
        return json.dumps(vars(self))

    @classmethod
    def here(cls) -> Holder:
        return cls(machine_name(), os.getpid(), start_of(os.getpid()), secrets.token_hex(8))

    def among(self, processes: Collection[int | None]) -> bool:
        """Whether it is one of these processes of this machine."""
        return self.machine == machine_name() and self.process in processes

    @property
    def alive(self) -> bool | None:
        """Whether its process is there; None of one on another machine."""
        if self.dead or self.machine != machine_name():
            return False if self.dead else None
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return start_of(self.process) == self.started


def start_of(process: int) -> str:
    """When a process of this machine began, on Linux in ticks since the machine did; '' where nobody says."""
    with suppress(OSError, IndexError):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return "" if state[0] in "ZX" else state[19]  # of a zombie nothing is left but its number
    return ""


@dataclass
class Claim:
    """Some names that this program holds until it lets go of them."""

    names: tuple[str, ...]
    files: list[str]
    holder: Holder
    before: Holder | None = None
    """Who held one of them, or one that excludes them, and died."""
    rivals: dict[str, str] = field(default_factory=dict)
    """Files of the dead whose names exclude these, with their tokens: what they were doing is done now."""
