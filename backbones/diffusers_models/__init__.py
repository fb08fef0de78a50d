"""`diffusers:READING@SOURCE`: the decoders of networks of diffusers, as those who read parts of objects from them do.

SOURCE is a folder that `save_pretrained` of a pipeline or of a model wrote, or `hf-hub:USER/REPO[@REVISION]`::

    diffusers:vae@stable-diffusion-2-1       the decoder of the autoencoder, at 256 pixels
    diffusers:ddpm@ddpm-celebahq-256         Baranchuk et al. (2022): blocks 5, 6, 7, 8, 12 at steps 50, 150, 250
    diffusers:dift@stable-diffusion-2-1      DIFT, Tang et al. (2023): the second up block at step 261, of 8 noises
    diffusers:cleandift@cleandift            CleanDIFT, Stracke et al. (2025): the same without noise
    diffusers:ddpm,b5,t50@FOLDER             another block and step
    diffusers:dift,n4,512@FOLDER             of 4 noises, at 512 pixels
    diffusers:vae,untrained                  a small network before any training

Without a word the class of the network decides. Needs `partbench[diffusers]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from . import curated
from .reading import DDPM, FAMILY, PARTS, UNTRAINED, VAE, VAE_SIZE, Reading, complete, layers, parse
from .sizes import size_of
from .small import SMALL, SMALL_VAE
from .sources import TEXT_WEIGHTS, Source, open_source

SUMMARY = "decoders of diffusers' networks: diffusers:vae, ddpm, dift or cleandift @FOLDER"
MEND = "name a folder or hf-hub:USER/REPO, as diffusers:vae@FOLDER, or do without by diffusers:vae,untrained"
EXAMPLES = tuple(
    f"{kind},{UNTRAINED}" for kind in ("vae,128", "ddpm", "ddpm,b0,b9,b17,t0", "dift,64,n2", "cleandift,64")
)


def open_nameless() -> Extractor:
    """The family by itself, which cannot be opened."""
    raise BackboneError(f"diffusers is a family of networks; {MEND}")


def open_trained(source: Source, reading: Reading, place: str, size: int) -> Extractor:
    """The networks of a source."""
    from .opening import open_trained

    return open_trained(source, reading, place, size)


def open_untrained(
    reading: Reading, config: Mapping[str, Any], vae: Mapping[str, Any], size: int, seed: int
) -> Extractor:
    """Networks of these shapes before any training."""
    from .opening import open_untrained

    return open_untrained(reading, config, vae, size, seed)


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `diffusers:VARIANT@WEIGHTS`; of a source only its settings are read, and the hub is asked for it."""
    said = parse(variant)
    if said.untrained and weights:
        raise BackboneError(f"diffusers:{variant} is untrained and has no use for {weights}; leave one of the two out")
    if not weights and not said.untrained:
        raise BackboneError(f"diffusers has no weights of its own; {MEND}")
    name = FAMILY + (f":{variant}" if variant else "") + (f"@{weights}" if weights else "")
    return _of_source(name, said, open_source(weights)) if weights else _small(name, said)


def _small(name: str, said: Reading) -> Backbone:
    config = SMALL[said.kind or DDPM]
    reading = complete(said, config, name)
    return _record(name, reading, config, SMALL_VAE)


def _of_source(name: str, said: Reading, source: Source) -> Backbone:
    place = source.part(PARTS.get(said.kind, "unet"))
    config = source.config(place)
    reading = complete(said, config, f"{source.name}/{place}".rstrip("/"))
    vae, files = config, source.weights(place)
    if reading.kind not in (VAE, DDPM):
        vae = source.config("vae/")
        complete(Reading(VAE), vae, f"{source.name}/vae")
        files += source.weights("vae/") + source.weights("text_encoder/", TEXT_WEIGHTS)
    record = _record(name, reading, config, vae)
    load = partial(open_trained, source, reading, place, record.size)
    return replace(record, load=load, weights=files, origin=source.origin, learnt=True)


def _record(name: str, reading: Reading, config: Mapping[str, Any], vae: Mapping[str, Any]) -> Backbone:
    """The record of networks of these shapes, untrained."""
    size = size_of(reading, config, vae)
    twin = partial(open_untrained, reading, config, vae, size)
    return Backbone(
        name=name,
        size=size,
        channels=tuple(layer.channels for layer in layers(reading, config)) * max(1, len(reading.steps)),
        load=partial(twin, 0),
        summary=SUMMARY,
        untrained=twin,
        configure=configure,
        learnt=False,
        repositories=True,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield Backbone(
        FAMILY,
        size=VAE_SIZE,
        channels=(),
        load=open_nameless,
        summary=SUMMARY,
        configure=configure,
        examples=EXAMPLES,
        members=curated.members,
        by_default=False,  # it names no network
        repositories=True,
    )
