"""Networks of diffusers, opened from a source or made without weights."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from ..weights import freeze, from_seed
from .sources import TEXT_WEIGHTS, Source

SCHEDULE = "scheduler/"
SAFELY: Mapping[str, Any] = {"use_safetensors": True, "local_files_only": True, "output_loading_info": True}
"""How a folder is read: no pickle, no network, and what was not found is told."""
PROMPT = 77
"""Tokens of a prompt for which no text encoder is there to ask."""


def library() -> Any:
    """diffusers, if it is installed."""
    try:
        import diffusers
    except ImportError:
        raise BackboneError("diffusers is not installed; install partbench[diffusers]") from None
    return diffusers


def open_network(source: Source, place: str) -> nn.Module:
    """The network at a place of a source, frozen; only tensors are read."""
    kind, files = getattr(library(), source.config(place)["_class_name"]), source.weights(place)
    try:
        network, info = kind.from_pretrained(str(files[0].parent), low_cpu_mem_usage=False, **SAFELY)
    except Exception as error:  # a checkpoint may be wrong in as many ways as there are classes
        raise BackboneError(f"{files[0]} cannot be read ({one_line(error)}); save it again") from error
    return _whole(network, info, files[0])


def _whole(network: nn.Module, info: Mapping[str, Any], file: Path) -> nn.Module:
    """The network in float32, frozen; refused if some of its numbers are none of the file's."""
    if missing := sorted(info["missing_keys"]):
        raise BackboneError(f"{file} lacks {missing[0]}, which would be drawn at random; save it again")
    freeze({"network": network})
    return network.float()


def build(config: Mapping[str, Any], seed: int) -> nn.Module:
    """A network of this shape before any training."""
    kind = getattr(library(), config["_class_name"])
    network: nn.Module = from_seed(lambda: kind.from_config(dict(config)), seed)
    return network


def signal_shares(settings: Mapping[str, Any]) -> Tensor:
    """ᾱ of every step, the share of the signal's variance that is left, as a scheduler of these settings has it."""
    scheduler = library().DDPMScheduler
    known = inspect.signature(scheduler.__init__).parameters
    shares: Tensor = scheduler(**{name: value for name, value in settings.items() if name in known}).alphas_cumprod
    return shares


def schedule_of(source: Source) -> Tensor:
    """That of the scheduler in a source, or of DDPM where there is none, as beside a U-Net that was saved alone."""
    there = source.file(SCHEDULE + "scheduler_config.json")
    return signal_shares(source.config(SCHEDULE, "scheduler_config.json") if there else {})


def empty_prompt(source: Source) -> Tensor:
    """What the text encoder of a pipeline says of no text, (1, tokens, C)."""
    try:
        from transformers import CLIPTextModel, CLIPTokenizer
    except ImportError:
        raise BackboneError("transformers is not installed; install partbench[diffusers]") from None
    (weights, *_) = source.weights("text_encoder/", TEXT_WEIGHTS)
    files = [source.file(f"tokenizer/{name}") for name in ("tokenizer_config.json", "merges.txt", "vocab.json")]
    source.file("tokenizer/special_tokens_map.json"), source.config("text_encoder/")
    if not files[0]:
        raise BackboneError(f"{source.name} has no tokenizer/; {source.mend}")
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(files[0].parent), local_files_only=True)
        encoder, info = CLIPTextModel.from_pretrained(str(weights.parent), **SAFELY)
    except Exception as error:  # as in `open_network`
        raise BackboneError(f"the text encoder of {source.name} cannot be read ({one_line(error)})") from error
    tokens = tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt").input_ids
    with torch.no_grad():
        said: Tensor = _whole(encoder, info, weights)(tokens)[0]
    return said


def trim(network: Any, layers: list[str]) -> nn.Module:
    """A U-Net without what lies behind the last of its layers that is read."""
    last = max(int(name.split(".")[1]) for name in layers)
    network.up_blocks = network.up_blocks[: last + 1]
    network.conv_norm_out, network.conv_out = nn.Identity(), nn.Identity()
    found: nn.Module = network
    return found


def encoder_of(vae: Any) -> nn.Module:
    """An autoencoder without its decoder."""
    vae.decoder = nn.Identity()
    found: nn.Module = vae
    return found


def latents(vae: Any, images: Tensor) -> Tensor:
    """The mean of the latents of images (N, 3, S, S) in [0, 1]; nothing is drawn."""
    encoded = vae.encode(2 * images - 1)
    found: Tensor = encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else encoded.latents
    return found


def by_latents(vae: Any, images: Tensor) -> Tensor:
    """Images (N, 3, S, S) in [0, 1] given back by way of their latents, in [-1, 1]."""
    given_back: Tensor = vae.decode(latents(vae, images)).sample
    return given_back
