"""Weights files of this StyleGAN2: safetensors with the shape of the network and its model card in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..backbone import BackboneError
from .config import Config
from .networks import Discriminator, Encoder, Generator


@dataclass(frozen=True)
class Networks:
    """What a weights file holds: the averaged generator, and what projects images into it."""

    generator: Generator
    discriminator: Discriminator
    encoder: Encoder

    def parts(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}

    def frozen(self) -> Networks:
        """The same networks, in evaluation and without gradients to their weights."""
        for part in self.parts().values():
            part.requires_grad_(False).eval()
        return self


def build(config: Config) -> Networks:
    """Untrained networks of this shape."""
    return Networks(Generator(config), Discriminator(config), Encoder(config))


def save(path: Path, networks: Networks, card: Mapping[str, str]) -> None:
    """Write the networks as float16 safetensors; the features change by less than 0.1 %."""
    tensors: dict[str, Tensor] = {}
    for name, part in networks.parts().items():
        tensors |= {f"{name}.{key}": value.half().contiguous().cpu() for key, value in part.state_dict().items()}
    config = json.dumps(asdict(networks.generator.config))
    save_file(tensors, path, metadata={"family": "stylegan2", "config": config, **card})


def read_config(path: Path) -> Config:
    """The shape of the network in a weights file; no tensor is read."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("family") != "stylegan2":
            raise BackboneError(f"{path} holds no StyleGAN2 of ours; make one with: partbench pretrain stylegan2")
        return Config(**json.loads(metadata["config"]))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise BackboneError(f"{path} does not say the shape of its StyleGAN2 ({what}); write it again") from None
    except FileNotFoundError:
        raise BackboneError(f"there is no weights file {path}; check the name behind '@'") from None
    except (SafetensorError, OSError) as error:
        raise BackboneError(f"{path} cannot be read as safetensors ({error}); write it again") from None


def load(path: Path) -> Networks:
    """The frozen networks of a weights file, in float32."""
    networks = build(read_config(path))
    with safe_open(path, framework="pt") as file:
        keys = set(file.keys())
        for name, part in networks.parts().items():
            state = {k.removeprefix(f"{name}."): file.get_tensor(k).float() for k in keys if k.startswith(f"{name}.")}
            try:
                part.load_state_dict(state)
            except RuntimeError as error:
                what = " ".join(str(error).split())
                raise BackboneError(f"{path} holds another network than it says ({what}); write it again") from None
    return networks.frozen()


def untrained(config: Config, seed: int) -> Networks:
    """The same networks before any training: the control `random:stylegan2`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = build(config)
        with torch.no_grad():
            z = torch.randn(10_000, config.latent)
            networks.generator.average.copy_(networks.generator.mapping(z).mean(0))
    return networks.frozen()
