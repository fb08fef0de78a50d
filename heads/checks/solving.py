"""Checks of heads that solve their shots in no steps."""

from __future__ import annotations

import torch

from ..head import Head, HeadError, Solves
from ..state import give_state
from .probes import CHANNELS, CLASSES, built, logits_of, noise_maps, sign_labels, solved

UNLABELLED = 255


def check_solves(head: Head) -> None:
    """A head that `Solves` leaves its shots as they are, finds the same again, and comes back from its state."""
    module, maps = built(head), noise_maps(2)
    if not isinstance(module, Solves):
        return
    found, restored = logits_of(module, maps, 8), head.build(CHANNELS, CLASSES).eval()
    if not torch.equal(logits_of(solved(module, maps, sign_labels(maps)), noise_maps(2), 8), found):
        raise HeadError(f"{head.name} differs when it solves again; forget what was solved, and draw from torch alone")
    if not all(torch.equal(one, other) for one, other in zip(maps, noise_maps(2), strict=True)):
        raise HeadError(f"{head.name} writes into the maps that it solves; work on a copy")
    give_state(restored, head.name, module.state_dict())
    if not torch.equal(logits_of(restored, maps, 8), found):
        raise HeadError(f"{head.name} loses what it has solved; keep it in parameters or buffers")


def check_unseen(head: Head) -> None:
    """A head that `Solves` learns nothing from pixels without a label, and predicts no class that it has not seen."""
    module, maps = built(head), noise_maps(2)
    if not isinstance(module, Solves):
        return
    for absent in range(CLASSES):
        labels = (sign_labels(maps) + absent + 1) % CLASSES  # the two others
        labels[:, :2], labels[1, 5, 5] = UNLABELLED, UNLABELLED
        logits = logits_of(solved(module, maps, labels), maps, 8)
        if not logits.isfinite().all() or (logits.argmax(1) == absent).any():
            raise HeadError(f"{head.name} predicts a class that it has not seen; give it a low, finite logit")
