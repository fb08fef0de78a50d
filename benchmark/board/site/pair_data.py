"""What the page that compares two reads of an entry: the score of every draw, and how each image moves it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from ...metrics.estimate import Estimate
from .entries import METRICS, SiteEntry

Packed = list[dict[str, Any]]
"""A record per head and number of shots."""
STEPS = 32767
"""Steps on either side of zero in which influences are kept: two bytes each."""


def packed(entry: SiteEntry) -> Packed:
    """The scores of an entry by the first metric, without heads that did not converge or whose error is not known."""
    scores = entry.scores[METRICS[0]]
    return [
        {"head": head, "shots": shots, **_packed(one)}
        for (head, shots), one in scores.items()
        if (head, shots) not in entry.unconverged and np.isfinite(one.scores).all() and np.isfinite(one.influence).all()
    ]


def _packed(one: Estimate) -> dict[str, Any]:
    """An estimate in JSON; influences (D, N) as little-endian int16 times `step`, in base64."""
    step = float(np.abs(one.influence).max(initial=0.0)) / STEPS
    steps = np.round(one.influence / (step or 1.0)).astype("<i2")
    return {
        "draws": list(one.draws),
        "scores": [float(score) for score in one.scores],
        "images": one.images,
        "step": step,
        "influence": b64encode(steps.tobytes()).decode(),
    }
