"""The licence of weights: of what partbench ships it is known, of others the submitter says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ...backbones.controls.wrappers import ANYUP, plain_name
from ..plan import HEADLESS
from ..report.run_data import is_control
from .layout import BoardError

SHIPPED = "MIT, shipped with partbench"
WITHOUT = "no weights"
_UNTRAINED = re.compile(r"[:,]untrained(,|$)")
"""The word of a family that an untrained network has in its name."""


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
    known = _known_licence(backbone, weights)
    if known:
        if backbone in told:
            raise BoardError(f"the licence of {backbone} is known ({known}); leave --licence '{backbone}=...' out")
        return known
    if backbone in told:
        return told[backbone]
    if "" not in told:
        mend = f"say it, as --licence '{backbone}=Apache-2.0'"
        raise BoardError(f"the licence of the weights of {backbone} is not known; {mend}")
    return told[""]


def _known_licence(backbone: str, weights: str | None) -> str:
    """What needs nobody's word; '' where that is nothing."""
    if weights is None and (_is_bare(backbone) or _UNTRAINED.search(backbone)):
        return WITHOUT
    return SHIPPED if any(weights in digests for digests in shipped_weights().values()) else ""


def _is_bare(backbone: str) -> bool:
    """Whether this is the name of a control, whose maps no weights make."""
    plain = plain_name(backbone)
    return plain in HEADLESS or is_control(plain)


def _own_weights(backbone: str, weights: str | None) -> str | None:
    """Without those of what enlarges its maps, whose hash stands behind a plus."""
    return weights.partition("+")[0] if weights and ANYUP in backbone else weights


def is_impostor(backbone: str, weights: str | None) -> bool:
    """Whether a backbone has the name of one that we ship and other weights, or of a control and any."""
    if _is_bare(backbone):
        return weights is not None and ANYUP not in backbone  # whose own weights are hashed with them
    ours = shipped_weights().get(plain_name(backbone))
    return ours is not None and _own_weights(backbone, weights) not in ours


def impostor(backbone: str) -> str:
    """What is wrong with such a name."""
    what = "a control without weights" if _is_bare(backbone) else "what partbench ships"
    return f"its weights are not those of {backbone}, which is {what}"


def is_shipped(backbone: str, weights: str | None) -> bool:
    """Whether these are weights of ours under their own name."""
    return _own_weights(backbone, weights) in shipped_weights().get(plain_name(backbone), ())
