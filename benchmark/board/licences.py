"""The licence of weights: of what partbench ships it is known, of others the submitter says it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ..plan import HEADLESS
from .layout import BoardError

SHIPPED = "MIT, shipped with partbench"
WITHOUT = "no weights"
BARE = ("position", "pixels", *HEADLESS)
"""Controls that have none."""
TWIN, POSITION = "random:", "+position"
"""What the name of an untrained twin begins with, and of a backbone ends with that has coordinates appended."""


@cache
def shipped_weights() -> Mapping[str, frozenset[str]]:
    """Hashes of the weights that we ship or shipped, by the name of their backbone, which begins that of its file.

    Former ones stay known: a board keeps what was scored with them.
    """
    found: dict[str, frozenset[str]] = {}
    sums = (files("partbench.backbones") / "SHA256SUMS", files(__package__) / "FORMER_SHA256SUMS")
    for line in (line for file in sums for line in file.read_text().splitlines()):
        digest, path = line.split()
        name = path.rpartition("/")[2].rpartition("-")[0]
        found[name] = found.get(name, frozenset()) | {digest[:16]}
    return found


def licence_of(backbone: str, weights: str | None, told: Mapping[str, str]) -> str:
    """The licence of a backbone's weights, as far as it is known or told."""
    if backbone in told:
        return told[backbone]
    if weights is None and (backbone.startswith(TWIN) or backbone.removesuffix(POSITION) in BARE):
        return WITHOUT
    if any(weights in digests for digests in shipped_weights().values()):
        return SHIPPED
    if "" not in told:
        mend = f"say it, as --licence '{backbone}=Apache-2.0'"
        raise BoardError(f"the licence of the weights of {backbone} is not known; {mend}")
    return told[""]


def is_impostor(backbone: str, weights: str | None) -> bool:
    """Whether a backbone has the name of one that we ship, and other weights."""
    ours = shipped_weights().get(backbone.removesuffix(POSITION))
    return ours is not None and weights not in ours
