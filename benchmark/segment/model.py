"""A trained segmenter and its file: safetensors that say what they are, what they know, and how they were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ... import UserError, one_line
from ...datasets.dataset import CROP
from ..files import write_atomic
from ..sealed_files import DamagedError, seal
from .network import UNet
from .pairs import Pairs
from .recipe import SegmenterRecipe
from .training import Report, train_unet

KIND, UNSEALED = "partbench segmenter 2", "partbench segmenter 1"
"""What the metadata of a segmenter's file says; a file of before has no seal."""


class SegmenterError(UserError):
    """A segmenter that cannot be had, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Segmenter:
    """A U-Net that has learnt the parts of one kind of object."""

    network: UNet
    classes: tuple[str, ...]
    size: int
    """Side of the pictures that it learnt from, pixels."""
    card: Mapping[str, str] = field(default_factory=dict)
    """How it was made."""

    @property
    def fit(self) -> str:
        """How the pictures that it was made for become square."""
        return self.card.get("fit", CROP)

    @property
    def device(self) -> torch.device:
        return self.network.output.weight.device

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, K, H, W) of images (N, 3, H, W) in [0, 1] of any side."""
        with torch.no_grad():
            logits: Tensor = self.network(images.to(self.device))
        return logits.float()

    def to(self, device: torch.device) -> Segmenter:
        self.network.to(device)
        return self

    def save(self, path: Path) -> None:
        """Write its file whole or not at all."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        halves = {name for name, _ in self.network.named_parameters()}
        tensors = {name: value.half() if name in halves else value for name, value in state.items()}
        facts = {"kind": KIND, "classes": json.dumps(self.classes), "size": str(self.size)}
        facts |= {"width": str(self.network.width), "card": json.dumps(dict(self.card))}
        write_atomic(path, save(tensors, facts | {"seal": _seal(facts, tensors)}))

    @classmethod
    def load(cls, path: Path) -> Segmenter:
        """The segmenter in a file."""
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
                if facts.get("kind") not in (KIND, UNSEALED):
                    what = f"{path} holds no segmenter"
                    raise SegmenterError(f"{what}; name a file that a run of auto-shot left in its folder segmenters")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
            if facts["kind"] == KIND and facts["seal"] != _seal(facts, tensors):
                raise DamagedError("its seal does not fit")
            return cls._restore(facts, tensors)
        except FileNotFoundError:
            raise SegmenterError(f"there is no segmenter {path}; check its name") from None
        except (
            SafetensorError,
            DamagedError,
            OSError,
            KeyError,
            TypeError,
            RuntimeError,
            json.JSONDecodeError,
        ) as error:
            what = one_line(error)
            raise SegmenterError(f"{path} cannot be read as a segmenter ({what}); make it again") from None

    @classmethod
    def _restore(cls, facts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Segmenter:
        classes = tuple(json.loads(facts["classes"]))
        network = UNet(len(classes), int(facts["width"]))
        network.load_state_dict({k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()})
        network.to(memory_format=torch.channels_last).requires_grad_(False).eval()
        return cls(network, classes, int(facts["size"]), json.loads(facts["card"]))


def _seal(facts: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(seal(facts).encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def train_segmenter(
    pairs: Pairs,
    classes: tuple[str, ...],
    recipe: SegmenterRecipe,
    seed: int,
    device: torch.device | None = None,
    card: Mapping[str, str] | None = None,
    report: Report = lambda done, total: None,
    checkpoint: Path | None = None,
    tell: Callable[[str], None] = print,
) -> Segmenter:
    """A segmenter that has learnt from pairs of one size; see `train_unet`."""
    network = train_unet(pairs, len(classes), recipe, seed, device or torch.device("cpu"), report, checkpoint, tell)
    for parameter in network.parameters():  # what is scored is what its file holds
        parameter.copy_(parameter.half())
    size = pairs.read([0])[0].shape[-1]
    return Segmenter(network, classes, size, dict(card or {}))
