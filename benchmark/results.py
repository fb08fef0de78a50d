"""The result of a cell: a JSON file, written in one move, beside the confusion of every test image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import UserError, one_line
from .files import UNREADABLE, write_atomic
from .metrics.confusion import Confusion
from .plan import Cell, check_names
from .sealed_files import seal

SEALED = 4
"""The protocol since which every cell has a seal."""
CONFUSION = "confusion"
"""Name of the array in a cell's file."""

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

    @property
    def makers(self) -> dict[str, str]:
        """Hashes of what its score is made by, as far as it says them: `weights of jigsaw`, `code of linear`."""
        codes, names = self.provenance.get("code"), {"backbone": self.cell.backbone, "head": self.cell.head}
        found = {f"weights of {self.cell.backbone}": str(self.provenance.get("weights"))}
        codes = codes if isinstance(codes, Mapping) else {}
        return found | {f"code of {names[noun]}": str(code) for noun, code in codes.items() if noun in names}


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


def write_result(file: Path, result: CellResult) -> None:
    """Confusions first, then the JSON file whose being there says that the cell is done."""
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


def read_result(file: Path, called: str = "") -> CellResult:
    """The result in a cell's JSON file, whose name people know as `called`, and the confusions beside it."""
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
        mend = "delete it and run the same command again"
        raise ResultError(f"{called or file} is damaged ({one_line(error)}); {mend}") from None
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
