"""The permutations among which a network must tell: far from each other, and the same for ever."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

CELLS = 9
"""Cells of the 3 x 3 grid, counted row by row."""


@lru_cache(maxsize=4)
def permutations(count: int) -> NDArray[np.uint8]:
    """`count` permutations (count, 9), the identity first; `permutations(k)` begins every longer set.

    Each next one is, of all 9!, the farthest from those before it: greatest least Hamming distance, then greatest mean
    one, then the first in lexicographic order. (The paper's Algorithm 1 looks at the mean alone and starts anywhere.)
    Two puzzles that differ in two tiles only would ask for more than an image tells.
    """
    candidates = orders(CELLS)
    # agree[i, v] says which candidates have v in place i, so that a distance to all of them is nine additions.
    agree = np.stack([candidates[:, i] == v for i in range(CELLS) for v in range(CELLS)]).view(np.uint8)
    agree = agree.reshape(CELLS, CELLS, len(candidates))
    most, total = np.zeros(len(candidates), np.int32), np.zeros(len(candidates), np.int32)
    chosen = [0]
    while len(chosen) < count:
        same = agree[np.arange(CELLS), candidates[chosen[-1]]].sum(0, dtype=np.uint8)
        np.maximum(most, same, out=most)
        total += same
        chosen.append(int((most * (CELLS * count) + total).argmin()))
    found: NDArray[np.uint8] = candidates[chosen]
    found.setflags(write=False)
    return found


def orders(count: int) -> NDArray[np.uint8]:
    """All permutations (count!, count) in lexicographic order."""
    if count == 1:
        return np.zeros((1, 1), np.uint8)
    tails = np.tile(orders(count - 1), (count, 1))
    heads = np.repeat(np.arange(count, dtype=np.uint8), len(tails) // count)[:, None]
    return np.hstack([heads, tails + (tails >= heads)])
