"""`taesd`: the decoder of a tiny autoencoder, which stands for the VAE of a latent diffusion model.

Behind an '@' stands one of its two published files, with the other beside it; before it, a size in pixels::

    taesd@taef2_decoder.pth         that of FLUX.2, at 256 pixels
    taesd:512@taesd_decoder.pth     that of Stable Diffusion 1 and 2, at 512 pixels
    taesd:untrained                 the same network before any training

An image enters through the encoder, and the maps are the outputs of the decoder's ten residual blocks, 64 channels
each: what the paper's VAE row reads (supplement, Table G), of an autoencoder that people use today.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import CHANNELS, DECODER, ENCODER, FAMILY, SIZE, UNTRAINED, TaesdConfig, parse

if TYPE_CHECKING:
    from .networks import Taesd

SUMMARY = "decoder of a tiny autoencoder (TAESD), as taesd@taef2_decoder.pth"
MEND = "name a published one, as taesd@taef2_decoder.pth, or do without by taesd:untrained"


def open_nameless() -> Extractor:
    """The family by itself, which has no weights."""
    raise BackboneError(f"taesd has no weights of its own; {MEND}")


def open_files(named: Path) -> Extractor:
    """The autoencoder of a file and the one beside it."""
    from .checkpoints import load, pair

    return _watch(load(pair(named)))


def open_untrained(config: TaesdConfig, seed: int) -> Extractor:
    """An autoencoder before any training."""
    from ..weights import from_seed
    from .networks import Taesd

    return _watch(from_seed(lambda: Taesd(config), seed))


def open_twin(named: Path, seed: int) -> Extractor:
    """The shape of a file's autoencoder, before any training."""
    from .checkpoints import pair, shape_of

    return open_untrained(shape_of(pair(named)), seed)


def _watch(network: Taesd) -> Extractor:
    from ..hooks import Activations

    return Activations(network, network.blocks())


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `taesd:VARIANT@WEIGHTS`."""
    size, untrained = parse(variant)
    if bool(weights) == untrained:
        what = f"taesd:{variant} is untrained and has no use for {weights}; leave one of the two out"
        raise BackboneError(what if untrained else f"taesd has no weights of its own; {MEND}")
    twin = partial(open_untrained, TaesdConfig()) if untrained else partial(open_twin, Path(weights))
    return Backbone(
        name=FAMILY + (f":{variant}" if variant else "") + (f"@{weights}" if weights else ""),
        size=size,
        channels=CHANNELS,
        load=partial(twin, 0) if untrained else partial(open_files, Path(weights)),
        summary=SUMMARY,
        untrained=twin,
        configure=configure,
        weights=files_of(weights) if weights else None,
        companions=other_half,
        learnt=not untrained,
    )


def other_half(name: str) -> tuple[str, ...]:
    """The file that lies beside one of this name; none where the name does not say which half it is."""
    other = {ENCODER: DECODER, DECODER: ENCODER}
    halves = [half for half in other if half in name]
    return (name.replace(halves[0], other[halves[0]]),) if len(halves) == 1 else ()


def files_of(weights: str) -> tuple[Path, ...]:
    """The two files, whose hash stands in every result."""
    from .checkpoints import pair

    return pair(Path(weights))


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield Backbone(
        FAMILY,
        size=SIZE,
        channels=(),
        load=open_nameless,
        summary=SUMMARY,
        configure=configure,
        companions=other_half,
        examples=(f"64,{UNTRAINED}",),
        by_default=False,  # it names no file
    )
