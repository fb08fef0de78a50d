"""The files of a training, each written so that a kill leaves the old one or the new one, never half of either."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ... import UserError, one_line
from ..files import UNREADABLE, replacing
from ..sealed_files import Origin, OtherOriginError, read_sealed, write_sealed


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
    def lock(self) -> Path:
        return self.out.with_name(f".{self.out.stem}.lock")

    @property
    def picture(self) -> Path:
        return self.out.with_suffix(".png")

    @property
    def log(self) -> Path:
        return self.out.with_suffix(".jsonl")

    def kept(self, images: int) -> Path:
        return self.out.with_name(f"{self.out.stem}-{images // 1000:05d}k.ckpt")


def save_checkpoint(path: Path, state: dict[str, Any], of: Origin) -> None:
    """Write a checkpoint so that a kill leaves the old one or the new one, never half of either."""
    buffer = BytesIO()
    torch.save(state, buffer)
    write_sealed(path, buffer.getbuffer(), of)


def read_checkpoint(path: Path, of: Origin) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote of the same training, on the CPU."""
    state: dict[str, Any] = torch.load(BytesIO(read_sealed(path, of)), map_location="cpu", weights_only=True)
    return state


def load_checkpoint(path: Path, of: Origin) -> dict[str, Any]:
    """The state of a backbone's training."""
    try:
        state = read_checkpoint(path, of)
        counts = {"images": int(state["images"]), "seconds": float(state["seconds"])}
        counts["batch"] = int(state.get("batch", 0))  # 0: the trainer's own, before anybody chose one
        return {"trainer": state["trainer"], "began": dict(state.get("began", {}))} | counts
    except FileNotFoundError:
        raise PretrainError(f"there is no checkpoint {path}; start without it") from None
    except OtherOriginError as error:
        mend = "resume with the options that it was begun with, or choose another --out"
        raise PretrainError(f"{path} is of another training ({error}); {mend}") from None
    except (*UNREADABLE, pickle.UnpicklingError) as error:
        raise PretrainError(f"{path} is no checkpoint of a training ({one_line(error)}); delete it") from error


def save_picture(path: Path, images: Tensor) -> None:
    """Write images (n, 3, S, S) in [0, 1] as one grid."""
    from torchvision.utils import save_image

    with replacing(path, ".png") as part:
        save_image(images.float().cpu(), part, nrow=max(1, round(len(images) ** 0.5)), padding=1)
