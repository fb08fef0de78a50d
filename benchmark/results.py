"""Results on disk: one JSON file per cell, written in one move, beside the confusion of every test image."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import UserError, one_line
from ..datasets.dataset import CROP
from .files import UNREADABLE, write_atomic
from .metrics.confusion import Confusion
from .plan import Cell, Plan, check_names

CONFUSION = "confusion"
"""Name of the array in a cell's file."""
PRESET_FILE = "preset.json"  # in the folder of a preset, whose runs lie in folders below

Key = tuple[str, str, int]
"""Backbone, head, shots: the cells that differ in their draw alone."""


class ResultError(UserError):
    """A result that cannot be used, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class CellResult:
    """The result of a cell, or the error that it failed with."""

    cell: Cell
    classes: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    error: str | None = None
    """Why the cell failed; a cell without is scored."""
    confusion: Confusion | None = None
    """(N, K, K), one per test image, see `iou`; None if the cell failed."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Versions, seeds, hashes, hardware, seconds."""

    @property
    def key(self) -> Key:
        return self.cell.backbone, self.cell.head, self.cell.shots


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
        """The plan of everything that was ever run into this folder."""
        return _plan_in(self._plan_record())

    def read_data(self) -> str | None:
        """The hash of the images that the run was made with."""
        data = self._plan_record().get("data")
        return None if data is None else str(data)

    def read_shots(self) -> tuple[tuple[str, ...], ...]:
        """The shots of every draw by name; none where they are not written down."""
        try:
            return tuple(tuple(map(str, draw)) for draw in self._plan_record().get("shots", ()))
        except TypeError:
            return ()

    def read_contents(self) -> Mapping[str, Mapping[str, Any]]:
        """The digests of images and masks, by split and name, that the run was made with; none of an older run."""
        contents = self._plan_record().get("contents")
        return contents if isinstance(contents, Mapping) else {}

    def check_same(self, plan: Plan, data: str | None = None, difference: str = "") -> None:
        """Refuse to add to a run of another protocol, or of other data than this hash is of; `difference` says how."""
        if not self.plan_file.exists():
            return
        earlier, what = self.read_plan(), ""
        if earlier.hash != plan.hash:
            what = f"another protocol ({earlier.differences(plan, ', not ')})"
        elif data is not None and self.read_data() != data:
            what = difference or f"other images of {plan.dataset}"
        if what:
            mend = ", or put back what was scored" if difference else ""
            raise ResultError(f"{self.path} holds a run with {what}; choose another --out{mend}")

    def is_done(self, cell: Cell, weights: str | None) -> bool:
        """Whether a cell has a score of these weights; raises `ResultError` where its file is damaged."""
        result = self.read(cell)
        return result is not None and result.error is None and result.provenance.get("weights") == weights

    def _plan_record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.plan_file.read_text())
            _plan_in(record)
        except FileNotFoundError:
            raise ResultError(self._no_run()) from None
        except UNREADABLE as error:
            mend = "delete it and run the same commands again, which keeps the scores"
            raise ResultError(f"{self.plan_file} is damaged ({one_line(error)}); {mend}") from None
        return dict(record)

    def _no_run(self) -> str:
        if (self.path / PRESET_FILE).exists():
            runs = ", ".join(str(file.parent) for file in sorted(self.path.glob("*/plan.json"))) or "none is begun yet"
            return f"{self.path} is the folder of a preset; name one of its runs ({runs})"
        return f"{self.path} holds no run (no plan.json); name a folder of partbench run"

    def write(self, result: CellResult) -> None:
        """Confusions first, then the JSON file whose being there says that the cell is done."""
        file = self.cell_file(result.cell)
        if result.confusion is not None:
            write_atomic(file.with_suffix(".npz"), as_npz({CONFUSION: result.confusion}))
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
        if not file.exists():
            return None
        result = read_result(file)
        if result.cell != cell:
            raise ResultError(
                f"{file} is of another cell, {result.cell.slug}; delete it and run the same command again"
            )
        return result

    def results(self, cells: Iterable[Cell] | None = None) -> tuple[list[CellResult], list[ResultError]]:
        """What there is of these cells (by default all of the plan) in their order, and which files are damaged."""
        found, damaged = [], []
        for cell in self.read_plan().cells() if cells is None else cells:
            try:
                result = self.read(cell)
            except ResultError as error:
                damaged.append(error)
                continue
            if result is not None:
                found.append(result)
        return found, damaged


def _plan_in(record: Any) -> Plan:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record["plan"].items()}
    plan = Plan(**{"fit": CROP} | fields)  # as all pictures were read before there was a choice
    check_names("name", [plan.dataset, *plan.backbones, *plan.heads])
    for _ in plan.cells():  # whatever cannot be crossed is no plan
        pass
    return plan


def as_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Confusions, and other numbers, by name as the bytes of one file."""
    buffer = BytesIO()
    small = {name: a.astype(np.int32 if a.dtype.kind in "iu" else np.float32) for name, a in arrays.items()}
    np.savez_compressed(buffer, allow_pickle=False, **small)
    return buffer.getvalue()


def read_npz(file: Path) -> dict[str, NDArray[Any]]:
    """Arrays by name, as `as_npz` wrote them."""
    with np.load(BytesIO(file.read_bytes())) as arrays:
        return {name: a.astype(np.int64 if a.dtype.kind == "i" else np.float64) for name, a in arrays.items()}


def read_result(file: Path) -> CellResult:
    """The result in a cell's JSON file and the confusions beside it."""
    try:
        record = json.loads(file.read_text())
        result = CellResult(
            cell=Cell(**record["cell"]),
            classes=tuple(record["classes"]),
            excluded=tuple(record["excluded"]),
            error=record["error"],
            confusion=None if record["error"] else read_npz(file.with_suffix(".npz"))[CONFUSION],
            provenance=dict(record["provenance"]),
        )
        _check_result(result)
    except UNREADABLE as error:
        raise ResultError(f"{file} is damaged ({one_line(error)}); delete it and run the same command again") from None
    return result


def _check_result(result: CellResult) -> None:
    """Refuse confusions of a wrong shape or with negative counts."""
    check_names("class", result.classes)
    if result.confusion is None:
        return
    classes = len(result.classes)
    if result.confusion.ndim != 3 or result.confusion.shape[1:] != (classes, classes):
        raise UserError(f"its confusions have shape {result.confusion.shape}")
    if not len(result.confusion) or result.confusion.min() < 0:
        raise UserError("its confusions are no counts of pixels")
