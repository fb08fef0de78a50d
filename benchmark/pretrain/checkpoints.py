"""The files of a training, each written so that a kill leaves the old one or the new one, never half of either."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import UserError, one_line
from ..files import replacing


class PretrainError(UserError):
    """A training that cannot go on, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class TrainingFiles:
    """The files of one training, beside its weights OUT.safetensors."""

    out: Path

    @property
    def checkpoint(self) -> Path:
        return self.out.with_suffix(".ckpt")

    @property
    def picture(self) -> Path:
        return self.out.with_suffix(".png")

    @property
    def log(self) -> Path:
        return self.out.with_suffix(".jsonl")

    def kept(self, images: int) -> Path:
        return self.out.with_name(f"{self.out.stem}-{images // 1000:05d}k.ckpt")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill leaves the old one or the new one, never half of either."""
    with replacing(path) as part, part.open("wb") as file:  # through a path, torch would not say why it failed
        torch.save(state, file)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        counts = {"images": int(state["images"]), "seconds": float(state["seconds"])}
        return {"trainer": state["trainer"], "began": dict(state.get("began", {}))} | counts
    except FileNotFoundError:
        raise PretrainError(f"there is no checkpoint {path}; start without it") from None
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise PretrainError(f"{path} is no checkpoint of a training ({one_line(error)}); delete it") from error


def save_picture(path: Path, images: Tensor) -> None:
    """Write images (n, 3, S, S) in [0, 1] as one grid."""
    from torchvision.utils import save_image

    with replacing(path, ".png") as part:
        save_image(images.float().cpu(), part, nrow=max(1, round(len(images) ** 0.5)), padding=1)
