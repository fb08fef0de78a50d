"""The cells of a submission as one compressed file: what is said of each, and all confusions as one array.

The same cells are the same bytes. Counts lie image by image, so that what compresses well, the same image under other
draws and heads, lies together, in the narrowest integers that hold them.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import UserError
from ..metrics.confusion import Confusion
from ..plan import Cell
from ..results import CellResult

SAID, COUNTED = "cells.json", "confusions.npy"
MEMBERS = (SAID, COUNTED)
UNPACKED = 2**29
"""Bytes that both may have, unpacked."""
EARLY = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the earliest that a zip knows."""
CELL = "cell"
"""Beside the provenance of a cell: its head, shots and draw."""


def pack(cells: Sequence[CellResult]) -> bytes:
    """The bytes of the file; the cells are of one backbone, and scored."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in zip(MEMBERS, (_said(cells), _as_npy(_narrow(cells))), strict=True):
            info = zipfile.ZipInfo(name, EARLY)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_LZMA, 3, 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def digest(cells: Sequence[CellResult]) -> str:
    """SHA-256 of what the file holds; its bytes may be others where another library packed them."""
    counts = np.stack([_counts(result) for result in cells]).astype("<u4")
    return hashlib.sha256(_said(cells) + counts.tobytes()).hexdigest()


def unpack(
    data: bytes, backbone: str, classes: tuple[str, ...], excluded: tuple[str, ...], shared: Mapping[str, Any]
) -> tuple[CellResult, ...]:
    """The cells in the bytes of a file, with the provenance that they share; raises one of `UNREADABLE`."""
    said, counts = _members(data)
    record = json.loads(said)
    if len(record["cells"]) != counts.shape[-1]:
        raise UserError(f"it tells of {len(record['cells'])} cells and counts those of {counts.shape[-1]}")
    found = []
    for place, own in enumerate(record["cells"]):
        head, shots, draw = own.pop(CELL)
        cell, provenance = Cell(backbone, str(head), int(shots), int(draw)), {**shared, **record["common"], **own}
        confusion = counts[..., place].astype(np.int64)
        found.append(CellResult(cell, classes, excluded, None, confusion, provenance))
    return tuple(found)


def _members(data: bytes) -> tuple[str, NDArray[np.unsignedinteger[Any]]]:
    """Both members; nothing is unpacked that is not what it should be."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if tuple(info.filename for info in archive.infolist()) != MEMBERS:
            raise UserError(f"it holds other files than {' and '.join(MEMBERS)}")
        if sum(info.file_size for info in archive.infolist()) > UNPACKED:
            raise UserError(f"it unpacks to more than {UNPACKED >> 20} MiB")
        said, counted = (archive.read(name) for name in MEMBERS)
    try:
        counts = np.lib.format.read_array(BytesIO(counted), allow_pickle=False)
    except MemoryError:  # of a header that announces more than there is
        raise UserError("its confusions have a shape without end") from None
    if counts.dtype.kind != "u" or counts.ndim != 4 or counts.shape[1] != counts.shape[2] or not counts.size:
        raise UserError(f"its confusions are {counts.dtype} of shape {counts.shape}, and no counts")
    return said.decode(), counts


def _said(cells: Sequence[CellResult]) -> bytes:
    """What is said of the cells: once what is common to all."""
    first, *others = [dict(result.provenance) for result in cells]
    common = {k: v for k, v in first.items() if all(k in one and one[k] == v for one in others)}
    own = [
        {CELL: [r.cell.head, r.cell.shots, r.cell.draw]} | {k: v for k, v in r.provenance.items() if k not in common}
        for r in cells
    ]
    return json.dumps({"common": common, "cells": own}, separators=(",", ":")).encode()


def _narrow(cells: Sequence[CellResult]) -> NDArray[Any]:
    """Confusions (N, K, K, C) of C cells."""
    counts = np.stack([_counts(result) for result in cells], axis=-1)
    return counts.astype(np.min_scalar_type(int(counts.max())))


def _as_npy(array: NDArray[Any]) -> bytes:
    buffer = BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _counts(result: CellResult) -> Confusion:
    assert result.confusion is not None
    return result.confusion


def without(result: CellResult, shared: Mapping[str, Any]) -> CellResult:
    """A cell without the provenance that its submission says for all."""
    own = {name: value for name, value in result.provenance.items() if name not in shared}
    return replace(result, provenance=own)
