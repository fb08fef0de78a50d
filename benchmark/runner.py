"""The runner: carries out a plan in small units, each from files to files, so that a killed run goes on where it was.

Per backbone: take the scale of its maps, fit the head of every cell, then one pass over the test images in which all
heads read the same maps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones.backbone import Backbone
from ..heads.head import Head
from .features import Source, file_hash
from .fit import SCHEDULES, fit, predict
from .iou import Counts, count
from .pictures import Gallery
from .plan import COPY, PROTOCOL, Cell, Plan
from .plugins import Offer
from .reporter import Reporter
from .results import CellResult, RunFolder, write_atomic
from .task import Task, mode_of


@dataclass
class Runner:
    """Carries out one plan."""

    plan: Plan
    task: Task
    backbones: dict[str, Offer[Backbone]]
    heads: dict[str, Offer[Head]]
    folder: RunFolder
    device: torch.device
    cache: Path
    facts: dict[str, Any]
    """Versions and hardware, for every result."""
    reporter: Reporter = field(default_factory=Reporter)

    def run(self) -> None:
        """Compute every cell that has no score yet; a backbone or a head that fails leaves the others alone."""
        self.folder.write_plan(self.plan, self.facts | {"shots": self.task.manifest.names})
        with self.reporter.running():
            for name in self.plan.backbones:
                pending = [cell for cell in self.plan.cells() if cell.backbone == name and not self._done(cell)]
                if pending:
                    self._backbone(name, pending)

    def _done(self, cell: Cell) -> bool:
        result = self.folder.read(cell)
        return result is not None and result.error is None

    def _backbone(self, name: str, cells: list[Cell]) -> None:
        try:
            if name == COPY:
                self._copy(cells)
            else:
                self._cross(name, cells)
        except Exception as error:  # whatever a backbone raises, the rest of the grid goes on
            provider = self.backbones[name].provider if name in self.backbones else "partbench"
            sentence = f"{name} ({provider}) failed: {_say(error)}"
            self.reporter.problem(sentence)
            for cell in cells:
                self._write(cell, error=sentence)

    def _copy(self, cells: list[Cell]) -> None:
        """The control that predicts the training mask, whatever the image."""
        classes = len(self.task.dataset.classes)
        self.reporter.start(COPY, len(cells))
        truth = self.task.scored.masks(list(self.task.test), self.plan.size)
        for cell in cells:
            guess = mode_of(self.task.shot_masks(cell.draw, cell.shots), classes).expand_as(truth)
            self._write(cell, counts=count(guess.numpy(), truth.numpy(), classes))
            self.reporter.unit(COPY, cell.slug)

    def _cross(self, name: str, cells: list[Cell]) -> None:
        """One backbone with all its heads, shots and draws."""
        backbone = self.backbones[name].record
        work = self.folder.path / "units" / cells[0].slug.split("--")[0]
        slices = self.task.test_slices(backbone.size)
        draws = sorted({cell.draw for cell in cells})
        self.reporter.start(name, 1 + len(self.task.shot_slices(backbone.size)) + len(cells) + len(slices))
        source = Source.open(backbone, self.device, self.cache)
        source.measure(self.task.statistics(backbone.size), self.plan.scale)
        self.reporter.unit(name, "scale")
        shots = self._shot_maps(source)
        heads: dict[Cell, nn.Module] = {}
        for draw in draws:
            rows = self.task.manifest.draws[draw]
            maps = [torch.cat([shots[i][layer] for i in rows]) for layer in range(len(backbone.channels))]
            for cell in (c for c in cells if c.draw == draw):
                heads |= self._fit_cell(cell, backbone, maps, work)
        del shots
        counts = [self._score_slice(j, rows, source, heads, work) for j, rows in enumerate(slices)]
        for cell in heads:
            total = np.concatenate([part[cell.slug] for part in counts])
            self._write(cell, counts=total, source=source)

    def _shot_maps(self, source: Source) -> dict[int, list[Tensor]]:
        """Maps of every pool image that a draw uses, each computed once."""
        maps: dict[int, list[Tensor]] = {}
        for rows in self.task.shot_slices(source.backbone.size):
            described = source.maps(self.task.splits.pool.images(rows, source.backbone.size))
            maps |= {row: [layer[i : i + 1] for layer in described] for i, row in enumerate(rows)}
            self.reporter.unit(source.backbone.name, "shots")
        return maps

    def _fit_cell(self, cell: Cell, backbone: Backbone, maps: Sequence[Tensor], work: Path) -> dict[Cell, nn.Module]:
        """The trained head of a cell, from disk if an earlier run got that far; nothing if it fails."""
        file = work / f"{cell.slug}.pt"
        head, classes = self.heads[cell.head].record, len(self.task.dataset.classes)
        try:
            if file.exists():
                module = head.build(backbone.channels, classes).to(self.device).requires_grad_(False).eval()
                module.load_state_dict(torch.load(file, map_location=self.device, weights_only=True))
            else:
                module = self._fit(cell, head, backbone, maps)
                write_atomic(file, _as_bytes(module.state_dict()))
                self._journal("fit", cell)
        except Exception as error:  # a head that fails is recorded, and the others go on
            self.reporter.problem(f"{cell.head} ({self.heads[cell.head].provider}) on {cell.backbone}: {_say(error)}")
            self._write(cell, error=_say(error))
            return {}
        self.reporter.unit(backbone.name, cell.slug)
        return {cell: module}

    def _fit(self, cell: Cell, head: Head, backbone: Backbone, maps: Sequence[Tensor]) -> nn.Module:
        masks = self.task.shot_masks(cell.draw, cell.shots).to(self.device)
        chosen = [layer[: cell.shots] for layer in maps]
        classes = len(self.task.dataset.classes)
        schedule = SCHEDULES[self.plan.schedule]
        return fit(head, backbone.channels, classes, chosen, masks, schedule, cell.seed(self.plan.seed))

    def _score_slice(
        self, number: int, rows: list[int], source: Source, heads: dict[Cell, nn.Module], work: Path
    ) -> dict[str, Counts]:
        """Counts of every cell on one slice of the test images, read once for all of them."""
        file = work / f"slice-{number:05d}.npz"
        if file.exists():
            with np.load(file) as known:
                if all(cell.slug in known for cell in heads):
                    return {cell.slug: known[cell.slug] for cell in heads}
        images = self.task.scored.images(rows, source.backbone.size)
        truth = self.task.scored.masks(rows, self.plan.size).numpy()
        maps = source.maps(images)
        gallery = Gallery.of(self.folder.path, source.backbone.name, images.numpy(), truth)
        counts = {}
        for cell, head in heads.items():
            guess = predict(head, maps, self.plan.size).cpu().numpy()
            counts[cell.slug] = count(guess, truth, len(self.task.dataset.classes))
            gallery.keep(cell, guess)
        if number == 0:
            rebuilt = source.reconstruct(images)
            gallery.write(None if rebuilt is None else rebuilt.numpy())
        write_atomic(file, _as_npz(counts))
        self._journal("score", f"{source.backbone.name} {number}")
        self.reporter.unit(source.backbone.name, f"test slice {number + 1}")
        return counts

    def _write(
        self, cell: Cell, counts: Counts | None = None, source: Source | None = None, error: str | None = None
    ) -> None:
        provenance = self.facts | {
            "protocol": PROTOCOL,
            "plan": self.plan.hash,
            "shots": self.task.manifest.hash,
            "schedule": self.plan.schedule,
            "scale": self.plan.scale,
            "seed": cell.seed(self.plan.seed),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if source is not None:
            weights = source.backbone.weights
            provenance |= {
                "provider": self.backbones[cell.backbone].provider,
                "weights": file_hash(weights) if weights and weights.exists() else None,
                "seconds per image": round(source.seconds / max(1, source.images), 5),
                "maps": {"shift": [s.mean().item() for s in source.shift], "scale": [s.mean().item() for s in source.scale]},
            }
        dataset = self.task.dataset
        self.folder.write(
            CellResult(cell, dataset.classes, tuple(sorted(dataset.excluded)), error, counts, provenance)
        )

    def _journal(self, what: str, which: object) -> None:
        """One line per unit of work, so that anyone can see that nothing was done twice."""
        name = which.slug if isinstance(which, Cell) else which
        with (self.folder.path / "journal.jsonl").open("a") as file:
            file.write(json.dumps({"unit": what, "of": name, "at": round(time.time(), 3)}) + "\n")


def _say(error: Exception) -> str:
    """An error in one line, with its kind where the message alone says little."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"


def _as_bytes(state: dict[str, Tensor]) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _as_npz(arrays: dict[str, Counts]) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, **{name: a.astype(np.int32) for name, a in arrays.items()})
    return buffer.getvalue()
