"""What a backbone is: a frozen record, what a loaded one can do, and the hook that offers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import pluggy

from .. import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from .training.trainer import Trainer

Maps: TypeAlias = "Sequence[Tensor]"
Codes: TypeAlias = "Mapping[str, Tensor]"

hookspec = pluggy.HookspecMarker("partbench")


class BackboneError(UserError):
    """A backbone that cannot be had, in one sentence: the fact, the culprit, the mend."""


class Extractor(Protocol):
    """A loaded backbone."""

    def __call__(self, images: Tensor, /) -> Maps:
        """Map images (N, 3, S, S) in [0, 1] to maps (N, channels[i], h_i, w_i), each at its native size.

        A map that heads are to enlarge in another way than bilinearly has `cells`, `enlarge` and `at`, as the
        `Enlarges` of heads/head.py says.
        """


@runtime_checkable
class Inverts(Protocol):
    """Optional capability: images enter by latent optimisation, slow enough to keep its result.

    Codes are kept under a hash of the image, of the backbone's weights, and of the text `settings` of the extractor,
    which says what else they depend on: variants that differ in neither share them. Without weights or without
    settings, the name of the backbone stands for both.
    """

    def invert(self, images: Tensor, /) -> Codes:
        """Codes of images (N, 3, S, S) in [0, 1]: named float tensors, image first."""

    def maps(self, codes: Codes, /) -> Maps:
        """The maps that these codes give, as `__call__` would of their images."""

    def reconstruct(self, codes: Codes, /) -> Tensor:
        """The images (N, 3, S, S) in [0, 1] that these codes stand for."""


@runtime_checkable
class Stepwise(Inverts, Protocol):
    """Optional capability: an inversion in equal steps, so that a few of them tell how long all take."""

    @property
    def steps(self) -> int:
        """Of a whole inversion."""

    def attempt(self, images: Tensor, steps: int, /) -> Codes:
        """Codes as they stand after so many steps; nobody keeps them."""


@runtime_checkable
class Frugal(Protocol):
    """Optional capability: can do with less memory, in more time and to the same result."""

    room: int | None
    """Bytes that it may take at work, set before it is used; None: as many as it likes."""


@runtime_checkable
class Generates(Protocol):
    """Optional capability: makes images of its own together with their maps."""

    def sample(self, count: int, seed: int) -> tuple[Tensor, Maps]:
        """`count` images (N, 3, S, S) in [0, 1] and their maps."""


@runtime_checkable
class Draws(Protocol):
    """Optional capability of one that inverts and generates: the codes of what it samples, so that they can be kept.

    `sample(count, seed)` is then `reconstruct` and `maps` of `draw(count, seed)`. Codes mean the same to every variant
    of a family that reads the same weights.
    """

    def draw(self, count: int, seed: int) -> Codes:
        """Codes of `count` images, as `invert` gives them."""


@dataclass(frozen=True)
class Backbone:
    """A frozen representation, as a plugin offers it."""

    name: str
    """Name on the leaderboard and the command line."""
    size: int
    """Side S of its square images, pixels."""
    channels: tuple[int, ...]
    """Channels of each map, in order; the checks hold it against reality."""
    load: Callable[[], Extractor]
    """Reads the weights; never at import."""
    summary: str = ""
    """One line for `partbench list`."""
    untrained: Callable[[int], Extractor] | None = None
    """The same network before any training, from a seed: the control `random:NAME`."""
    configure: Callable[[str, str], Backbone] | None = None
    """For a family (`NAME:VARIANT@WEIGHTS`): the backbone of this variant and this weights file, each may be ''."""
    trainer: Callable[[int, str, int], Trainer] | None = None
    """`trainer(size, device, seed)` starts the training that `partbench pretrain NAME` runs."""
    weights: Path | tuple[Path, ...] | None = None
    """The file that `load` reads, or files; their hash stands in every result."""
    upsampler: Path | None = None
    """The weights of what enlarges its maps, which are hashed too; codes of images do not depend on them."""
    repositories: bool = False
    """For a family: whether it takes a whole repository behind an '@', `hf-hub:USER/REPO`, and fetches of it itself."""
    companions: Callable[[str], tuple[str, ...]] | None = None
    """For a family: the names of the files that lie beside a weights file of this name, and are read with it."""
    examples: tuple[str, ...] = ()
    """Variants that stand for a family where a check asks for all of it, as `NAME:*`."""
    members: Callable[[], Iterable[Mapping[str, object]]] | None = None
    """Those worth a run: the `name` of each, whether all that it needs is `here`, on this machine, and other facts.

    `partbench list --family NAME` shows them, and `--preset today` runs those that are here.
    """
    local: bool = True
    """Whether a change in the image stays in its place in the maps; not behind a code without places, as a VAE's."""
    by_default: bool = True
    """Whether a run that names no backbone has it."""
    learnt: bool = True
    """Whether images made it what it is; not so of a formula, or of a network before any training."""
    origin: str = ""
    """Where the weights were fetched from, and which version of them; in every result.

    What `load` gives may say it in an attribute `origin`, where it is known only then.
    """
    licence: str = ""
    """Of weights that are not ours, as whoever published them calls it; in every result."""
    known_failures: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Checks that it fails, as `aligned`, each with the reason: `partbench check` shows it, and minds if one passes."""


@hookspec
def partbench_backbones() -> Iterable[Backbone]:
    """Backbones that this plugin offers.

    ::

        @partbench.hookimpl
        def partbench_backbones():
            yield Backbone("resnet18", size=224, channels=(64, 128), load=open_resnet18)
    """
    return ()
