"""Weights files of ours: safetensors whose metadata holds the family, the shape of the network and its model card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from safetensors import SafetensorError, safe_open

from ... import one_line
from ..backbone import BackboneError

if TYPE_CHECKING:  # names are resolved, and listed, without torch
    from torch import Tensor, nn

SUMS = Path(__file__).parents[1] / "SHA256SUMS"
"""SHA-256 of every weights file that we ship, as `sha256sum -c` reads it."""

Shape = TypeVar("Shape")
Network = TypeVar("Network", bound="nn.Module")


def save(path: Path, family: str, config: Any, parts: Mapping[str, nn.Module], card: Mapping[str, str]) -> None:
    """Write networks: parameters as float16 (features change by less than 0.1 %), buffers as they are."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        halves = {key for key, _ in part.named_parameters()}
        for key, value in part.state_dict().items():
            kept = value.detach().cpu()
            tensors[f"{name}.{key}"] = (kept.half() if key in halves else kept).contiguous()
    broken = [key for key, value in tensors.items() if not value.isfinite().all()]
    if broken:
        raise BackboneError(f"{broken[0]} is not finite in float16; train with a smaller rate")
    save_file(tensors, path, metadata={"family": family, "config": json.dumps(asdict(config)), **card})


def read_config(path: Path, family: str, shape: type[Shape]) -> Shape:
    """The shape of the network in a weights file of this family; no tensor is read."""
    if path.is_file() and path.suffix != ".safetensors":
        mend = f"if it is a published one, make it ours with: partbench convert {path} --to {path.stem}.safetensors"
        raise BackboneError(f"{path} is no weights file of ours, which end in .safetensors; {mend}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("family") != family:
            raise BackboneError(f"{path} holds no {family} of ours; make one with: partbench pretrain {family}")
        return shape(**json.loads(metadata["config"]))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        what = one_line(error)
        raise BackboneError(f"{path} does not say the shape of its {family} ({what}); write it again") from None
    except FileNotFoundError:
        raise BackboneError(f"there is no weights file {path}; check the name behind '@'") from None
    except (SafetensorError, OSError) as error:
        raise BackboneError(f"{path} cannot be read as safetensors ({error}); write it again") from None


def keep_parts(path: Path, names: Collection[str]) -> None:
    """Write a weights file again with these of its networks alone; their numbers and its facts stay as they are."""
    from safetensors.torch import save_file

    with safe_open(path, framework="pt") as file:
        metadata, keys = file.metadata(), file.keys()
        tensors = {key: file.get_tensor(key) for key in keys if key.partition(".")[0] in names}
    save_file(tensors, path, metadata=metadata)


def read_parts(path: Path) -> frozenset[str]:
    """The names of the networks in a weights file; no tensor is read."""
    with safe_open(path, framework="pt") as file:
        return frozenset(key.partition(".")[0] for key in file.keys())  # noqa: SIM118  safe_open iterates over nothing


def load(path: Path, parts: Mapping[str, nn.Module]) -> None:
    """Fill networks from a weights file, in float32, and freeze them."""
    fill(path, parts)
    freeze(parts)


def restore(path: Path, family: str, config: Any, parts: Mapping[str, nn.Module]) -> None:
    """Fill networks of this shape from a weights file that has the same; they stay as ready to learn as they are."""
    theirs, ours = asdict(read_config(path, family, type(config))), asdict(config)
    other = [f"{name} {theirs[name]} instead of {value}" for name, value in ours.items() if theirs[name] != value]
    if other:
        what = f"{path} holds a {family} of another shape ({', '.join(other)})"
        raise BackboneError(f"{what}; go on from one of this shape, or train at its --size")
    if absent := parts.keys() - read_parts(path):
        what = f"{path} holds no {' and no '.join(sorted(absent))}, of which only a training has need"
        raise BackboneError(f"{what}; go on from a file that partbench pretrain {family} wrote")
    fill(path, parts)


def fill(path: Path, parts: Mapping[str, nn.Module]) -> None:
    """Give networks the numbers of a weights file, in float32."""
    check_shipped(path)
    with safe_open(path, framework="pt") as file:
        keys = set(file.keys())
        for name, part in parts.items():
            prefix = f"{name}."
            state = {k.removeprefix(prefix): _single(file.get_tensor(k)) for k in keys if k.startswith(prefix)}
            try:
                part.load_state_dict(state)
            except RuntimeError as error:
                what = one_line(error)
                raise BackboneError(f"{path} holds another network than it says ({what}); write it again") from None


def from_seed(build: Callable[[], Network], seed: int) -> Network:
    """A network before any training, frozen: the same for the same seed, and nobody else's random numbers move."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
    freeze({"network": network})
    return network


def freeze(parts: Mapping[str, nn.Module]) -> None:
    """Put networks into evaluation, without gradients to their weights."""
    for part in parts.values():
        part.requires_grad_(False).eval()


def check_shipped(path: Path) -> None:
    """Refuse a shipped file that is not, byte for byte, the one that we shipped."""
    expected = shipped_sums().get(path.resolve())
    if expected and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise BackboneError(f"{path} is not the file that we shipped; install partbench again, or name yours with '@'")


def shipped_sums() -> dict[Path, str]:
    """SHA-256 of every weights file that we ship."""
    lines = (line.split(maxsplit=1) for line in SUMS.read_text().splitlines())
    return {(SUMS.parent / name).resolve(): digest for digest, name in lines}


def _single(value: Tensor) -> Tensor:
    import torch

    return value.float() if value.dtype == torch.float16 else value
