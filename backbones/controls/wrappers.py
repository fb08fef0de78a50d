"""How the names of twins and of wrapped backbones are spelled.

Wrappers stand behind a name in one order, each at most once: `NAME-position+anyup+position`.
"""

from __future__ import annotations

import re

TWIN, POSITION, NO_POSITION = "random:", "+position", "-position"
"""What stands before the name of a twin, and behind one with coordinates, or with position projected out."""
ANYUP = "+anyup"
"""What stands behind a name whose maps AnyUp enlarges; `+anyup@FILE` with weights of a file."""
ORDER = (NO_POSITION, ANYUP, POSITION)
SPELLED = "-position, -position20 (so many directions), +anyup, +anyup@FILE and +position"
"""All wrappers, as they are written; there are no others."""
_EACH = r"\+position|-position\d*|\+anyup(?:@[^@]+?)?"
_WRAPPED = re.compile(rf"(?P<plain>.+?)(?P<wrappers>(?:{_EACH})*)", re.DOTALL)
_WRAPPER = re.compile(rf"(?:{_EACH})(?=[+-]position|\+anyup|$)")


def split_wrappers(name: str) -> tuple[str, tuple[str, ...]]:
    """The name of what is wrapped, and the wrappers behind it: `vae`, and `-position20` and `+position`."""
    match = _WRAPPED.fullmatch(name)
    return (match["plain"], tuple(_WRAPPER.findall(match["wrappers"]))) if match else (name, ())


def plain_name(name: str) -> str:
    """The name of what is wrapped."""
    return split_wrappers(name)[0]
