"""A model of timm as an extractor, and where its weights come from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from .features import TimmInput, build, classifier_of, config_of, describe
from .hub import origin

CLASSIFIERS = ("fc", "head", "classifier")
"""What classifiers are called in files that did not pass through timm."""


class TimmExtractor(nn.Module):
    """The maps of a frozen model of timm, from images that it normalises and resizes itself."""

    mean: Tensor
    deviation: Tensor
    origin = ""
    """Where its weights were fetched from, and which commit of them."""

    def __init__(self, network: nn.Module, reading: TimmInput) -> None:
        super().__init__()
        config = config_of(reading.model)
        self.network, self.reading = network, reading
        prune = getattr(network, "prune_intermediate_layers", None)
        if prune is not None:  # what lies behind the last map only costs memory: 400 MB in VGG
            prune(list(reading.indices), prune_norm=False, prune_head=True)
        self.register_buffer("mean", torch.tensor(config.mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(config.std)[:, None, None])
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (N, 3, S, S) in [0, 1] to maps (N, channels[i], h_i, w_i)."""
        normal = (fit(images, self.reading.side) - self.mean) / self.deviation
        # Contiguous, since the tokens of a transformer are otherwise only seen as a map.
        return [layer.float().contiguous() for layer in describe(self.network, self.reading, normal)]


def fit(images: Tensor, side: int) -> Tensor:
    """The images (N, 3, S, S) with the side that the network reads; their edges stay where they are."""
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)


def open_untrained(reading: TimmInput, seed: int) -> TimmExtractor:
    """The model before any training, decided by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TimmExtractor(build(reading.model, reading.built_for), reading)


def open_hub(reading: TimmInput) -> TimmExtractor:
    """The model with the weights that timm fetches, or has in its cache."""
    model, config = reading.model, config_of(reading.model)
    source = config.hf_hub_id or config.url
    otherwise = f"name a file of them with timm:{model}@FILE, or do without by timm:{model},untrained"
    if not source:
        raise BackboneError(f"timm has no weights of {model}; {otherwise}")
    try:
        with torch.random.fork_rng(devices=[]):
            extractor = TimmExtractor(build(model, reading.built_for, hub=True), reading)
    except Exception as error:  # an HTTP client without a network raises errors of its own
        where = f"{source}, {config.hf_hub_filename or 'model.safetensors'}" if config.hf_hub_id else source
        what = f"the weights of {model} are neither in the cache nor to be had ({where}: {one_line(error)})"
        raise BackboneError(f"{what}; go online once, {otherwise}") from error
    # Which commit it is, is known only now that it is there.
    extractor.origin = origin(config.hf_hub_id or "", config.hf_hub_filename or "") or source
    return extractor


def open_file(reading: TimmInput, path: Path) -> TimmExtractor:
    """The model with the weights of a file, all of them; a classifier in it is left out."""
    return open_state(reading, read_state(path, reading.model), path)


def open_state(reading: TimmInput, state: Mapping[str, Tensor], path: Path) -> TimmExtractor:
    """The model with these weights of a file, which have to be all that it has but for its classifier."""
    wrong, networks = f"{path} holds other weights than those of {reading.model}", []
    for seed in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            try:
                networks.append(build(reading.model, reading.built_for, state=state))
            except (RuntimeError, LookupError, AttributeError) as error:
                raise BackboneError(f"{wrong} ({one_line(error)}); name the model that they were saved from") from error
    network, other = networks
    # Some models of timm ignore what is missing: then what they drew at random still stands there.
    pairs = zip(network.named_parameters(), other.parameters(), strict=True)
    missing = [name for (name, one), two in pairs if not torch.equal(one, two)]
    if missing:
        raise BackboneError(f"{wrong} ({missing[0]} is missing); name the model that they were saved from")
    return TimmExtractor(network, reading)


def read_state(path: Path, model: str) -> Mapping[str, Tensor]:
    """The tensors of a weights file without those of the classifier; of an average of weights where it has one."""
    try:
        state = load_state_dict(str(path))
    except FileNotFoundError:
        raise BackboneError(f"there is no weights file {path}; check the name behind '@'") from None
    except (SafetensorError, RuntimeError, EOFError, OSError, AttributeError) as error:
        raise BackboneError(f"{path} cannot be read as weights ({one_line(error)}); save a state_dict") from None
    dropped = {*classifier_of(model), *(f"{name}.{end}" for name in CLASSIFIERS for end in ("weight", "bias"))}
    kept = {key: value for key, value in state.items() if key not in dropped}
    if not kept or not all(isinstance(value, Tensor) for value in kept.values()):
        raise BackboneError(f"{path} holds no weights; save a state_dict")
    return kept
