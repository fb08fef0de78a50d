"""What images and masks hold, as digests: they tell scores of other data from one's own, where a name says nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence

Digests = tuple[str, str]
"""Of an image, and of its mask as it is read at the size that is scored."""
Contents = Mapping[str, Mapping[str, Digests]]
"""By split and by name of the image."""
SHOWN = 3
"""Names in a sentence."""


def contents_hash(classes: Sequence[str], excluded: Collection[str], contents: Contents) -> str:
    """Tells images, masks and classes from every other."""
    return hashlib.sha256(json.dumps([list(classes), sorted(excluded), contents]).encode()).hexdigest()[:16]


def differences(earlier: Contents, now: Contents) -> str:
    """What is not as it was: `other masks than those scored: 5 of 8 (q0, q1, q2 ...)`."""
    for number, what in enumerate(("images", "masks")):
        pairs = [(name, one, now[split].get(name)) for split in now for name, one in earlier.get(split, {}).items()]
        other = [name for name, one, two in pairs if two and tuple(one)[number] != two[number]]
        if other:
            names = ", ".join(other[:SHOWN]) + " ..." * (len(other) > SHOWN)
            return f"other {what} than those scored: {len(other)} of {len(pairs)} ({names})"
    there = [(split, name) for split in now for name in earlier.get(split, {})]
    gone = [name for split, name in there if name not in now[split]]
    names = f": {len(gone)} of {len(there)} are gone ({', '.join(gone[:SHOWN])})" if gone else ""
    return f"other images or classes than those scored{names}"
