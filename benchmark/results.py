"""Results on disk: one JSON file per cell, written in one move, beside the confusion of every test image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
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
from .sealed_files import seal

SEALED = 4
"""The protocol since which every cell has a seal."""
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
        return self._read_plan_file()[1]

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

    def scored(self, cell: Cell) -> CellResult | None:
        """The result of a cell that has a score; raises `ResultError` where its file is damaged, or foreign."""
        result = self.read(cell)
        if result is not None:
            self._check_origin(result, ("plan", "seed", "data"))
        return None if result is None or result.error else result

    def _plan_record(self) -> Mapping[str, Any]:
        return self._read_plan_file()[0]

    def _read_plan_file(self) -> tuple[Mapping[str, Any], Plan]:
        try:
            there = self.plan_file.stat()
            return _read_plan(self.plan_file, there.st_ino, there.st_mtime_ns)
        except FileNotFoundError:
            raise ResultError(self._no_run()) from None
        except UNREADABLE as error:
            mend = "delete it and run the same commands again, which keeps the scores"
            raise ResultError(f"{self.plan_file} is damaged ({one_line(error)}); {mend}") from None

    def _no_run(self) -> str:
        if (self.path / PRESET_FILE).exists():
            runs = ", ".join(str(file.parent) for file in sorted(self.path.glob("*/plan.json"))) or "none is begun yet"
            return f"{self.path} is the folder of a preset; name one of its runs ({runs})"
        return f"{self.path} holds no run (no plan.json); name a folder of partbench run"

    def write(self, result: CellResult) -> None:
        """Confusions first, then the JSON file whose being there says that the cell is done."""
        file = self.cell_file(result.cell)
        counts = None if result.confusion is None else as_npz({CONFUSION: result.confusion})
        if counts is not None:
            write_atomic(file.with_suffix(".npz"), counts)
        record = {
            "counts": None if counts is None else _sha256(counts),
            "cell": asdict(result.cell),
            "classes": result.classes,
            "excluded": result.excluded,
            "error": result.error,
            "provenance": result.provenance,
        }
        write_atomic(file, json.dumps({**record, "seal": seal(record)}, indent=1).encode())

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
        self._check_origin(result, ("classes", "excluded", "images"))
        return result

    def _check_origin(self, result: CellResult, facts: Iterable[str]) -> None:
        """Refuse a cell that says otherwise than the run that it lies in, as far as both say it."""
        if not self.plan_file.exists():
            return
        ours, theirs = _run_facts(*self._read_plan_file(), result.cell), _cell_facts(result)
        for fact in facts:
            if None not in (ours[fact], theirs[fact]) and ours[fact] != theirs[fact]:
                what = f"is of another run ({fact} {theirs[fact]}, not {ours[fact]})"
                raise ResultError(f"{self.cell_file(result.cell)} {what}; delete it and run the same command again")

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


@lru_cache(maxsize=8)
def _read_plan(file: Path, _number: int, _time: int) -> tuple[Mapping[str, Any], Plan]:
    """What plan.json holds, which every cell is held against: read once while it is the same file."""
    record = json.loads(file.read_text())
    return record, _plan_in(record)


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


def arrays_of(data: bytes) -> dict[str, NDArray[Any]]:
    """Arrays by name, of the bytes that `as_npz` made."""
    with np.load(BytesIO(data)) as arrays:
        return {name: a.astype(np.int64 if a.dtype.kind == "i" else np.float64) for name, a in arrays.items()}


def read_result(file: Path) -> CellResult:
    """The result in a cell's JSON file and the confusions beside it."""
    try:
        record = json.loads(file.read_text())
        sealed = _is_sealed(record)
        if sealed and record["seal"] != seal(record):
            raise UserError("its seal does not fit")
        result = CellResult(
            cell=Cell(**record["cell"]),
            classes=tuple(record["classes"]),
            excluded=tuple(record["excluded"]),
            error=record["error"],
            confusion=None
            if record["error"]
            else _counts(file.with_suffix(".npz"), record["counts"] if sealed else None),
            provenance=dict(record["provenance"]),
        )
        _check_result(result)
    except UNREADABLE as error:
        raise ResultError(f"{file} is damaged ({one_line(error)}); delete it and run the same command again") from None
    return result


def _is_sealed(record: Mapping[str, Any]) -> bool:
    """Whether a cell must have its seal: all but those that say that they are of a protocol before there was one."""
    protocol = record["provenance"].get("protocol")
    return "seal" in record or not (isinstance(protocol, int) and protocol < SEALED)


def _counts(file: Path, digest: str | None) -> Confusion:
    """The confusions of a cell, whose JSON file knows them by their digest; None of a cell that is too old."""
    data = file.read_bytes()
    if digest is not None and _sha256(data) != digest:
        raise UserError(f"{file.name} holds other counts than were written with it")
    return arrays_of(data)[CONFUSION]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _run_facts(record: Mapping[str, Any], plan: Plan, cell: Cell) -> dict[str, Any]:
    """What the plan of a run says of a cell."""
    facts = {fact: record.get(fact) for fact in ("data", "classes", "excluded", "images")}
    return {**facts, "plan": plan.hash, "seed": cell.seed(plan.seed)}


def _cell_facts(result: CellResult) -> dict[str, Any]:
    """The same as a cell says it."""
    facts = {fact: result.provenance.get(fact) for fact in ("data", "plan", "seed")}
    images = None if result.confusion is None else len(result.confusion)
    return {**facts, "classes": list(result.classes), "excluded": list(result.excluded), "images": images}


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
