"""A plan: the dataset, backbones, heads, shots and draws of a run, and their cells."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from .. import UserError

COPY = "copy"
"""The control that reads no image: the training mask itself, or the per-pixel mode of several."""
SUPERVISED = "supervised"
"""The control that learns from labels alone: the U-Net of auto-shot on as many true masks as there are shots."""
HEADLESS = (COPY, SUPERVISED)
"""Controls that are no backbone, and take no head."""
INSID3 = "insid3:"
"""What stands before a backbone whose last map is read by example (Cuttano et al. 2026), which takes no head either."""
NO_HEAD = "-"
OPTIONS = {
    name: "features" if name == "scale" else name
    for name in ("dataset", "schedule", "scale", "size", "pool", "test", "split", "seed", "fit")
}
"""The fields that all cells of a plan share, with the options of the command line that set them."""
CROSSED = ("backbones", "heads", "draws", "shots")
"""The fields that say how much is crossed; two runs that differ in nothing else can be compared."""
NATIVE = "native"
"""As `--size`: masks are scored at their own size and shape; `native:128` says the square that heads learn at."""
PROTOCOL = 5
"""Raised whenever the same plan would score otherwise."""

FIRST = {"fit": ("", "crop"), "native": (False,)}
"""Values of later fields that mean what every plan did before there was a choice: they change no hash."""


HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Letters that no name has: they steer a terminal, break a line, or turn the direction of a text."""


def check_names(noun: str, names: Iterable[str], mend: str = "rename it") -> None:
    """Refuse names that a table or a terminal would not show as they are."""
    for name in names:
        if HIDDEN.search(name):
            raise UserError(f"the {noun} {name!r} has a letter that no terminal shows; {mend}")


def takes_head(name: str) -> bool:
    """Whether a row of this name is crossed with heads."""
    return name not in HEADLESS and not name.startswith(INSID3)


def file_name(name: str) -> str:
    """The name of a backbone or head as a part of a file name, a different one for every name.

    What a disk might not keep apart, or "--" (which stands between parts), becomes `_` and a hash.
    """
    safe = re.sub(r"[^a-z0-9._+-]+|-{2,}|^-|-$", "_", name)[:80]
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Cell:
    """One training and its score: a backbone, a head, so many shots, one draw of them."""

    backbone: str
    head: str
    shots: int
    draw: int

    @property
    def slug(self) -> str:
        """A file name of its own."""
        head = [] if self.head == NO_HEAD else [file_name(self.head)]
        return "--".join([file_name(self.backbone), *head, f"{self.shots}-shot", f"draw-{self.draw}"])

    def seed(self, seed: int) -> int:
        """The seed of this cell's head, from that of its plan; the same for every backbone."""
        text = f"{seed} {self.head} {self.shots} {self.draw}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


@dataclass(frozen=True)
class Plan:
    """Dataset x backbones x heads x shots x draws, and the protocol that all cells share."""

    dataset: str
    backbones: tuple[str, ...]
    heads: tuple[str, ...]
    shots: tuple[int, ...] = (1, 5, 10)
    draws: int = 5
    schedule: str = "quick"
    scale: str = "rms"
    """How maps are scaled; the option is `--features`, since `--scale` is that of a preset."""
    size: int = 64
    """Side of the square masks that heads learn from and, unless `native`, are scored on, pixels."""
    pool: int = 48
    """Most labelled images that shots are drawn from."""
    test: int = 100
    """Most test images."""
    split: str = "test"
    seed: int = 0
    fit: str = ""
    """How pictures become square; '' is the dataset's own way, which a run writes out."""
    native: bool = False
    """Whether masks are scored at their own size and shape."""

    def cells(self) -> Iterator[Cell]:
        for backbone in self.backbones:
            heads = self.heads if takes_head(backbone) else (NO_HEAD,)
            for head, shots, draw in product(heads, self.shots, range(self.draws)):
                yield Cell(backbone, head, shots, draw)

    def options(self) -> dict[str, object]:
        """What all cells share, by the option of the command line that sets it."""
        values = {option: getattr(self, field) for field, option in OPTIONS.items()}
        return values | ({"size": f"{NATIVE}:{self.size}"} if self.native else {})

    def union(self, other: Plan) -> Plan:
        """The smallest plan with the cells of both, which have the same protocol."""
        return replace(
            self,
            backbones=tuple(dict.fromkeys(self.backbones + other.backbones)),
            heads=tuple(dict.fromkeys(self.heads + other.heads)),
            shots=tuple(sorted({*self.shots, *other.shots})),
            draws=max(self.draws, other.draws),
        )

    @property
    def hash(self) -> str:
        """Of what must agree for scores to be compared: everything but how much is crossed."""
        shared = {name: value for name, value in self.shared.items() if value not in FIRST.get(name, ())}
        text = json.dumps(shared | {"protocol": PROTOCOL}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def shared(self) -> dict[str, Any]:
        """The fields that all cells share."""
        return {name: value for name, value in asdict(self).items() if name not in CROSSED}

    def differences(self, other: Plan, between: str = " and ") -> str:
        """The options that all cells share and two plans do not: `seed 0 and 3`."""
        theirs = other.options()
        pairs = [(option, value, theirs[option]) for option, value in self.options().items()]
        changed = [(option, one, two) for option, one, two in pairs if {one, two} - {*FIRST.get(option, ())}]
        return ", ".join(f"{option} {one}{between}{two}" for option, one, two in changed if one != two)
