"""The code of an image, as the cache keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from safetensors.torch import load, save
from torch import Tensor


@dataclass(frozen=True)
class KeptCode:
    """The code (1, ...) of one image, and how it came about."""

    tensors: dict[str, Tensor]
    seconds: float = 0.0
    """Of its inversion."""
    by: str = ""
    """The processor or GPU that inverted it; none of an image that the generator made itself."""

    def to_bytes(self) -> bytes:
        return f"{self.seconds} {self.by}\n".encode() + save(self.tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> KeptCode:
        """What `to_bytes` gave."""
        head, tensors = data.split(b"\n", 1)
        seconds, _, by = head.decode().partition(" ")
        return cls(load(tensors), float(seconds), by)
