"""Batches on the device of a training, the next one read while a step is computed."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import torch
from torch import Tensor

from .image_stream import ImageStream

Batch: TypeAlias = "tuple[Tensor, Tensor | None]"
"""Images (batch, 3, S, S) in [0, 1], and masks (batch, S, S) if the stream has them."""


class ReadAhead:
    """The batches of a stream; those of a GPU are pinned, and copied while it computes.

    A CPU reads when it is asked to: its cores are busy with the step.
    """

    def __init__(self, stream: ImageStream, device: torch.device) -> None:
        self.stream, self.device = stream, device
        self.thread = ThreadPoolExecutor(1) if device.type == "cuda" else None
        self.next: tuple[int, Future[Batch]] | None = None

    def at(self, position: int, following: int) -> Batch:
        """The batch at `position`; the one at `following` is begun."""
        if self.thread is None:
            return self.stream.at(position)
        if self.next is None or self.next[0] != position:
            self.next = position, self.thread.submit(self._pinned, position)
        images, masks = self.next[1].result()
        self.next = following, self.thread.submit(self._pinned, following)
        return self._send(images), None if masks is None else self._send(masks)

    def close(self) -> None:
        """Wait for what is being read, so that nobody else reads the stream meanwhile."""
        if self.thread is not None:
            self.thread.shutdown(cancel_futures=True)

    def _pinned(self, position: int) -> Batch:
        images, masks = self.stream.at(position)
        return images.pin_memory(), None if masks is None else masks.pin_memory()

    def _send(self, batch: Tensor) -> Tensor:
        return batch.to(self.device, non_blocking=True)
