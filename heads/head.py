"""What a head is: a frozen record and the hook that offers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import pluggy

from .. import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

hookspec = pluggy.HookspecMarker("partbench")

Rows: TypeAlias = tuple[int, int]
"""A strip of an image: its top row, and the row below its last."""


NEVER = -1e6
"""The logit of a class that no shot shows: finite, as logits must be."""


def likeliest(logits: Tensor, dim: int = 1) -> Tensor:
    """The class of the highest logit, of equal ones the first: `argmax`, in a quarter of its time on a CPU."""
    return logits.max(dim).indices


class HeadError(UserError):
    """A head that breaks its contract, in one sentence: the fact, the culprit, the mend."""


@runtime_checkable
class ReadsPixels(Protocol):
    """Optional capability: a head that looks at one pixel at a time can train on a few of them."""

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """Logits (N, K, P) at `pixels` (N, P), flat indices into a grid of size x size."""


@runtime_checkable
class ReadsRows(Protocol):
    """Optional capability: a head that can be asked for a strip of its logits learns and predicts large images so."""

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """Logits (N, K, bottom - top, size): the same numbers as in those rows of `forward`."""


@runtime_checkable
class Enlarges(Protocol):
    """A map (N, C, h, w) that eq. (1) enlarges in a way of its own, linear and every channel alike.

    `pixelwise.py` asks for it wherever it would enlarge bilinearly; smaller it becomes as any map.
    """

    cells: Tensor
    """The same as an ordinary tensor."""

    def enlarge(self, cells: Tensor, rows: Rows, size: int) -> Tensor:
        """Other channels (N, O, h, w) at its places, enlarged as it is: (N, O, bottom - top, size)."""

    def at(self, pixels: Tensor, size: int) -> Tensor:
        """Itself, enlarged, at `pixels` (N, P): (N, C, P)."""


@runtime_checkable
class Solves(Protocol):
    """Optional capability: a head that is computed from its shots at once, and not trained in steps."""

    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        """Learn from the maps `shot(i)`, each (1, C, h, w), and the masks (n, S, S) of all shots.

        A pixel of a mask that is not below the number of classes has no label. `shot` may be asked for an image more
        than once, and describes it again each time where memory is short. What is learnt is in parameters and buffers
        whose shapes `build` knows, so that `load_state_dict` brings it back; numbers that are drawn come from torch's
        generator. Schedules mean nothing to it.
        """


@dataclass(frozen=True)
class Head:
    """A small network that learns part labels from a few annotated images."""

    name: str
    """Name on the leaderboard and the command line."""
    build: Callable[[tuple[int, ...], int], nn.Module]
    """`build(channels, classes)` gives a module whose `forward(maps, size)` takes the maps, each
    (N, channels[i], h_i, w_i) at its native size, to logits (N, classes, size, size)."""
    summary: str = ""
    """One line for `partbench list`."""
    known_failures: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Checks that it fails, as `batch`, each with the reason: `partbench check` shows it, and minds if one passes."""


@hookspec
def partbench_heads() -> Iterable[Head]:
    """Heads that this plugin offers.

    ::

        @partbench.hookimpl
        def partbench_heads():
            yield Head("linear", build=LinearHead)
    """
    return ()
