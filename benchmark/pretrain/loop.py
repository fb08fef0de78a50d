"""The training loop around a trainer: images, budget, checkpoints, pictures and resume."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from ... import one_line
from ...backbones.training.trainer import GoesOn, LearnsFromMasks, Trainer
from ..file_hashes import file_hash
from ..files import replacing
from ..sealed_files import Origin
from .budget import Budget, TrainingProgress, stop_between_steps
from .checkpoints import PretrainError, TrainingFiles, load_checkpoint, save_checkpoint, save_picture
from .image_stream import ImageStream
from .model_card import read_metadata, write_card
from .read_ahead import ReadAhead
from .training_images import learnt_from, pass_hashes_on, read_hashes, write_hashes
from .validation import Validation

READ_EVERY = {"cpu": 1}
"""Steps between two looks at the losses, by the type of the device; a look waits for all steps before it."""
SELDOM = 32
"""The same on all others."""
EVERY = 180.0
"""Seconds between two checkpoints, and between two pictures."""
FINISH_SHARE, FINISH_MOST = 0.15, 600.0
"""Share of the training time, and most seconds, for what follows the last image."""


class Pretraining:
    """One training from its first image, or its last checkpoint, to its weights file."""

    def __init__(
        self,
        trainer: Trainer,
        stream: ImageStream,
        files: TrainingFiles,
        budget: Budget,
        keep: tuple[int, ...] = (),
        validation: Validation | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.trainer, self.stream, self.files, self.budget, self.validation = trainer, stream, files, budget, validation
        self.machine = trainer.machine
        self.origin = origin or {}
        """What a checkpoint must be of to be gone on from."""
        self.keep = sorted(set(keep))
        self.images, self.seconds = 0, 0.0
        self.began: dict[str, str] = {}
        """Name, hash and images seen of the weights file that it began with, if it did; kept in checkpoints."""
        self.losses: dict[str, float] = {}
        self.unread: dict[str, float | Tensor] = {}
        """The latest of every loss since they were read."""
        self.batches = ReadAhead(stream, self.machine.device)
        self.measures: dict[str, float] = {}

    @property
    def main(self) -> bool:
        """Whether this is the one process that writes."""
        return self.machine.rank == 0

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint."""
        state = load_checkpoint(checkpoint, self.origin)
        try:
            self.trainer.load_state_dict(state["trainer"])
        except (RuntimeError, KeyError, ValueError) as error:
            mend = "resume with the backbone and --size that it was started with"
            raise PretrainError(f"{checkpoint} is of another network ({one_line(error)}); {mend}") from error
        self.images, self.seconds, self.began = state["images"], state["seconds"], state["began"]
        self.trainer.batch = self.stream.batch = state["batch"] or self.trainer.batch
        self.keep = [k for k in self.keep if k > self.images]

    def go_on_from(self, weights: Path) -> None:
        """Begin with the networks of a weights file, and count on from the images that it has seen."""
        if not isinstance(self.trainer, GoesOn):
            why = "a weights file does not hold every network that learns in it"
            raise PretrainError(f"this training cannot begin with {weights}, since {why}; leave --from out")
        metadata = read_metadata(weights)
        try:
            self.images, self.seconds = int(metadata.get("images seen", 0)), float(metadata.get("seconds", 0))
        except ValueError as error:
            raise PretrainError(f"{weights} does not count what it has seen ({error}); name another file") from None
        if not self.budget.left(TrainingProgress(self.images, self.seconds, "")):
            spent = f"{self.images} images in {self.seconds:.0f} seconds"
            raise PretrainError(f"{weights} has seen {spent}, all that there is to see; raise --kimg or --minutes")
        self.trainer.go_on_from(weights, self.images)
        self.keep = [k for k in self.keep if k > self.images]
        self.began = {"name": weights.name, "hash": file_hash(weights), "seen": metadata.get("images seen", "unknown")}
        self.began["images"] = " and ".join(dict.fromkeys(learnt_from(metadata)))
        pass_hashes_on(weights, self.files.out)

    def checkpoint(self, path: Path | None = None) -> None:
        if not self.main:
            return
        counts = {"images": self.images, "seconds": self.seconds, "began": self.began}
        counts["batch"] = self.trainer.batch
        save_checkpoint(path or self.files.checkpoint, {"trainer": self.trainer.state_dict()} | counts, self.origin)

    def run(self, report: Callable[[TrainingProgress], None], card: dict[str, str]) -> None:
        """Train until the budget is spent, then finish and write the weights.

        Ctrl-C and SIGTERM end the step in progress, leave a checkpoint and raise `KeyboardInterrupt`.
        """
        self.files.out.parent.mkdir(parents=True, exist_ok=True)
        if not self.images:
            self.files.log.unlink(missing_ok=True)
        with stop_between_steps() as stop:
            try:
                for tick in self._steps(stop):
                    report(tick)
            finally:
                self.batches.close()
            self.checkpoint()
            if not self.machine.all(not stop.is_set()):
                raise KeyboardInterrupt
        if self.main:
            self._finish(report, card)

    def _finish(self, report: Callable[[TrainingProgress], None], card: dict[str, str]) -> None:
        """Learn what remains, then write the weights, all of them or none."""
        budget = min(FINISH_SHARE * self.seconds, FINISH_MOST)
        self.trainer.finish(budget, lambda note: report(TrainingProgress(self.images, self.seconds, note)))
        self._record()
        spent = {"images seen": str(self.images), "seconds": f"{self.seconds:.0f}"}
        spent["measured"] = json.dumps(self.measures)
        with replacing(self.files.out, self.files.out.suffix) as part:
            self.trainer.save(part, card | spent)
            self._write_hashes()
        write_card(self.files.out)

    def _write_hashes(self) -> None:
        """Keep the hashes of what the weights have learnt from; none if those of earlier weights are not known."""
        seen = self.began.get("seen", "0")
        earlier = read_hashes(self.files.out) if self.began else np.empty(0, np.uint64)
        if earlier is not None:
            hashes = self.stream.hashes(int(seen) if seen.isdecimal() else 0, self.images)
            write_hashes(self.files.out, np.union1d(earlier, hashes))

    def _steps(self, stop: threading.Event) -> Iterator[TrainingProgress]:
        tick, last = TrainingProgress(self.images, self.seconds, ""), time.monotonic()
        saved, every, steps, note = last, READ_EVERY.get(self.machine.device.type, SELDOM), 0, ""
        together = self.trainer.batch * self.machine.processes
        while self.machine.all(self.budget.left(tick) and not stop.is_set()):
            self._step(together)
            steps += 1
            keeps = bool(self.keep) and self.images + together >= self.keep[0]
            if steps % every == 0 or keeps or time.monotonic() - saved > EVERY:
                note = self._read()
            now = time.monotonic()
            self.images += together
            self.seconds, last = self.seconds + now - last, now
            while self.keep and self.images >= self.keep[0]:
                self.checkpoint(self.files.kept(self.keep.pop(0)))
            if now - saved > EVERY and not self.unread:
                self.checkpoint()
                self._record()
                saved = time.monotonic()
            tick = TrainingProgress(self.images, self.seconds, note)
            yield tick
        self._read()

    def _step(self, together: int) -> None:
        position = self.images + self.machine.rank * self.trainer.batch
        images, masks = self.batches.at(position, position + together)
        if isinstance(self.trainer, LearnsFromMasks):
            assert masks is not None, "the stream is one with masks"
            self.unread |= self.trainer.step_with_masks(images, masks)
        else:
            self.unread |= self.trainer.step(images)

    def _read(self) -> str:
        """Read the losses since the last look, and put them in words; a training whose losses are no numbers ends."""
        losses = {name: float(loss) for name, loss in self.unread.items()}
        self.unread.clear()
        if not all(math.isfinite(loss) for loss in losses.values()):
            what = f"the losses are {losses} after {self.images} images"
            raise PretrainError(f"{what}; resume from {self.files.checkpoint}, or start with another --seed")
        self.losses |= losses
        return " ".join(f"{name} {loss:.3f}" for name, loss in losses.items())

    def _record(self) -> None:
        """Picture, measures, and a line with them and the latest of every loss, also of those not every step has."""
        if not self.main:
            return
        save_picture(self.files.picture, self.trainer.picture())
        self.measures = dict(self.validation.measure_trainer(self.trainer)) if self.validation else {}
        line = {"images": self.images, "seconds": round(self.seconds, 1), **self.losses}
        with self.files.log.open("a") as log:
            log.write(json.dumps(line | ({"measured": self.measures} if self.measures else {})) + "\n")
