"""Results on disk: one JSON file per cell, written in one move, beside its per-image counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .iou import Counts
from .plan import Cell, Plan


class ResultError(ValueError):
    """A result that cannot be used, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class CellResult:
    """What is known of a cell once it is done, or why it could not be."""

    cell: Cell
    classes: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    error: str | None = None
    """Why the cell failed; a cell without is scored."""
    counts: Counts | None = None
    """(N, K, 3), see `iou`; None if the cell failed."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Versions, seeds, hashes, hardware, seconds."""

    @property
    def scored(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which classes are averaged over, (K,)."""
        return np.array([name not in self.excluded for name in self.classes])


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    os.replace(part, path)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.json"

    def cell_file(self, cell: Cell) -> Path:
        return self.path / "cells" / f"{cell.slug}.json"

    def write_plan(self, plan: Plan, facts: Mapping[str, Any]) -> None:
        write_atomic(self.plan_file, json.dumps({"plan": asdict(plan), **facts}, indent=1).encode())

    def read_plan(self) -> Plan:
        try:
            known = json.loads(self.plan_file.read_text())["plan"]
        except FileNotFoundError:
            raise ResultError(f"{self.path} holds no run (no plan.json); name a folder that partbench run wrote") from None
        except (json.JSONDecodeError, KeyError) as error:
            raise ResultError(f"{self.plan_file} is damaged ({error}); delete the folder and run again") from None
        return Plan(**{k: tuple(v) if isinstance(v, list) else v for k, v in known.items()})

    def write(self, result: CellResult) -> None:
        """Counts first, then the JSON file whose being there says that the cell is done."""
        file = self.cell_file(result.cell)
        if result.counts is not None:
            write_atomic(file.with_suffix(".npy"), _as_npy(result.counts))
        record = {
            "cell": asdict(result.cell),
            "classes": result.classes,
            "excluded": result.excluded,
            "error": result.error,
            "provenance": result.provenance,
        }
        write_atomic(file, json.dumps(record, indent=1).encode())

    def read(self, cell: Cell) -> CellResult | None:
        """The result of a cell, None if it has not been computed."""
        file = self.cell_file(cell)
        return read_result(file) if file.exists() else None

    def results(self) -> Iterator[CellResult]:
        """All results of the run, in the order of its plan."""
        for cell in self.read_plan().cells():
            result = self.read(cell)
            if result is not None:
                yield result


def _as_npy(counts: Counts) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, counts.astype(np.int32))
    return buffer.getvalue()


def read_result(file: Path) -> CellResult:
    """The result in a cell's JSON file and the counts beside it."""
    try:
        record = json.loads(file.read_text())
        counts = None if record["error"] else np.load(file.with_suffix(".npy")).astype(np.int64)
        return CellResult(
            cell=Cell(**record["cell"]),
            classes=tuple(record["classes"]),
            excluded=tuple(record["excluded"]),
            error=record["error"],
            counts=counts,
            provenance=record["provenance"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{file} is damaged ({error}); delete it and run the same command again") from None
