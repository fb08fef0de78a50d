"""Reads MATLAB files, unpacked up to a limit."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from scipy.io import loadmat
from scipy.io.matlab import matfile_version

from ... import UserError
from . import unpacking

_HEADER, _TAG = 128, 8
"""Bytes before the first element of a file of version 5, and those that say kind and length of an element."""
_MATRIX, _COMPRESSED = 14, 15
"""Kinds of an element."""


def read_matlab(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file, unless they would become too large together."""
    unpacking.check_unpacked(path.stat().st_size)
    data = path.read_bytes()
    if matfile_version(BytesIO(data))[0] == 1:  # older ones pack nothing, and scipy refuses newer ones
        data = b"".join((data[:_HEADER], *_elements(data)))
    variables: dict[str, Any] = loadmat(BytesIO(data))
    return variables


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements of a file of version 5, none of them compressed any more."""
    tag = struct.Struct("<II" if data[_HEADER - 2 : _HEADER] == b"IM" else ">II")
    at, room = _HEADER, unpacking.MOST_BYTES
    while at + _TAG <= len(data):
        kind, length = tag.unpack_from(data, at)
        body = data[at + _TAG : at + _TAG + length]
        if kind == _COMPRESSED:
            whole = unpacking.inflated(body, room)
            (kind, _), body = tag.unpack_from(whole), whole[_TAG:]
            if kind != _MATRIX:  # packed twice, it would be unpacked without a limit
                raise UserError(f"it has a packed element of the kind {kind} where a matrix, {_MATRIX}, belongs")
        yield tag.pack(kind, len(body)) + body
        at, room = at + _TAG + length, room - len(body)
