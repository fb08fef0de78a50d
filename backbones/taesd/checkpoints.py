"""Published files of tiny autoencoders: an encoder and a decoder, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from ..weights import freeze
from ..weights.safe_unpickling import read_tensors
from .config import DECODER, ENCODER, TaesdConfig
from .networks import Taesd


class Pair(NamedTuple):
    """The two files."""

    encoder: Path
    decoder: Path


def pair(named: Path) -> Pair:
    """Both files, of which one is named."""
    stem = named.name
    if (ENCODER in stem) == (DECODER in stem):
        mend = "name the decoder, as taesd@taef2_decoder.pth; its encoder is found beside it"
        raise BackboneError(f"{named} does not say in its name whether it is an {ENCODER} or a {DECODER}; {mend}")
    found = Pair(*(named.with_name(stem.replace(ENCODER, part).replace(DECODER, part)) for part in (ENCODER, DECODER)))
    for file in (named, *found):  # what was named is missed first
        if not file.is_file():
            raise BackboneError(f"there is no weights file {file}; a tiny autoencoder is two files, side by side")
    return found


def read(file: Path) -> Mapping[str, Tensor]:
    """The tensors of a .pth or .safetensors file, in float32."""
    try:
        content: Any = load_file(file) if file.suffix == ".safetensors" else read_tensors(file)
    except (SafetensorError, OSError) as error:
        raise BackboneError(f"{file} cannot be read as safetensors ({one_line(error)}); download it again") from None
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise BackboneError(f"{file} holds no state dict; name a file of a tiny autoencoder")
    return {name: value.float() for name, value in content.items()}


def shape_of(files: Pair) -> TaesdConfig:
    """The shape of the autoencoder in two files, as its decoder tells it."""
    state = read(files.decoder)
    first = state.get("1.weight")  # the convolution behind the latents
    latent = first.shape[1] if first is not None and first.ndim == 4 else TaesdConfig.latent
    return TaesdConfig(latent, any(".pool." in name for name in state))


def load(files: Pair) -> Taesd:
    """The frozen autoencoder of two files."""
    network = Taesd(shape_of(files))
    for part, file in zip((network.encoder, network.decoder), files, strict=True):
        fill(part, file)
    freeze({"network": network})
    return network


def fill(part: nn.Module, file: Path) -> None:
    """Give one half the tensors of its file, all of them."""
    state = read(file)
    try:
        part.load_state_dict(state)
    except RuntimeError as error:
        what = f"{file} is not of the layout of TAESD, eight pixels to a latent ({one_line(error)[:200]})"
        raise BackboneError(f"{what}; name taesd, taesdxl, taesd3, taef1 or taef2") from None
    broken = [name for name, value in state.items() if not value.isfinite().all()]
    if broken:
        raise BackboneError(f"{broken[0]} in {file} is not finite; download it again")
