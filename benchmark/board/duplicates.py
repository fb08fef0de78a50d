"""Submissions that have the confusions of another under another name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from ..results import CellResult
from .submission import Submission

IMAGES = 16
"""Images of each cell that are looked at."""
FEWEST = 4
"""Images that must be alike before anything is said, unless the weights are the same and all images are."""
SHARE = 0.5
"""Of the images of a submission that are those of another: so many are no chance, though some were changed."""


@dataclass
class Fingerprints:
    """What the submissions of one folder predicted, image by image; each is remembered by the first that did."""

    owners: dict[int, int] = field(default_factory=dict)
    known: list[Submission] = field(default_factory=list)
    """Without their cells."""

    def twin(self, submission: Submission, bare: Submission) -> Submission | None:
        """The submission that has most of the same confusions, if others have enough; this one is kept as `bare`."""
        prints = {*_prints(submission)}
        counts = Counter(self.owners[one] for one in prints if one in self.owners)
        place = len(self.known)
        self.known.append(bare)
        for one in prints:
            self.owners.setdefault(one, place)
        if not counts:
            return None
        owner, alike = self.known[counts.most_common(1)[0][0]], counts.total()
        same = alike == len(prints) and submission.weights is not None and owner.weights == submission.weights
        return owner if same or alike >= max(FEWEST, SHARE * len(prints)) else None


def _prints(submission: Submission) -> Iterator[int]:
    """A number for each image that says something of its backbone, whatever its head is called."""
    for result in submission.cells:
        yield from _of_cell(result)


def _of_cell(result: CellResult) -> Iterator[int]:
    """Heads that predict one class everywhere are alike without being copied."""
    assert result.confusion is not None
    for number, image in enumerate(result.confusion[:IMAGES]):
        if (image.any(0)).sum() > 1:
            of = f"{result.cell.shots} {result.cell.draw} {number} ".encode()
            yield int.from_bytes(blake2b(of + image.astype("<u4").tobytes(), digest_size=8).digest(), "big")
