"""Reads a variable of a MATLAB file, unpacked up to a limit, and looked through before arrays are made for it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
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
_CELL, _STRUCT, _OBJECT, _SPARSE, _LAST = 1, 2, 3, 5, 15
"""Classes of a matrix; of the others up to the last, each element is a number or a character."""
_COMPLEX = 1 << 11
_DEEPEST = 100
"""Matrices in one another; scipy goes as deep on the machine's own stack."""


def read_matlab(path: Path, variable: str) -> Any:
    """A variable of a MATLAB file, unless what the file holds would become too large."""
    unpacking.check_unpacked(path.stat().st_size)
    data = path.read_bytes()
    if matfile_version(BytesIO(data))[0] == 1:  # older ones pack and nest nothing, and scipy refuses newer ones
        data = b"".join((data[:_HEADER], *_matrices(data, variable)))
    return loadmat(BytesIO(data), variable_names=[variable])[variable]


def _matrices(data: bytes, variable: str) -> Iterator[bytes]:
    """The elements of a file of version 5 that are this variable, not compressed any more."""
    tag = struct.Struct("<II" if data[_HEADER - 2 : _HEADER] == b"IM" else ">II")
    at, room = _HEADER, unpacking.MOST_BYTES
    while at + _TAG <= len(data):
        kind, length = tag.unpack_from(data, at)
        body = data[at + _TAG : at + _TAG + length]
        if kind == _COMPRESSED:
            whole = unpacking.inflated(body, room)
            (kind, _), body = tag.unpack_from(whole), whole[_TAG:]
        if kind != _MATRIX:  # packed twice, it would be unpacked without a limit
            raise UserError(f"it has an element of the kind {kind} where a matrix, {_MATRIX}, belongs")
        walk = _Walk(body, tag)
        if walk.header()[2] == variable.encode():
            walk.check()
            yield tag.pack(kind, len(body)) + body
        at, room = at + _TAG + length, room - len(body)


@dataclass
class _Walk:
    """A matrix with all that is nested in it, gone through in the order in which scipy reads it.

    scipy makes an array as large as a header says before it reads what is to stand there: 300 bytes become 16 GB.
    """

    data: bytes
    tag: struct.Struct
    at: int = 0

    def header(self) -> tuple[int, int, bytes]:
        """Flags, number of elements and name."""
        flags, _ = self.tag.unpack_from(self.data, self.at + _TAG)
        self.at += 2 * _TAG
        sides = self._element()
        count = math.prod(struct.unpack(f"{self.tag.format[0]}{len(sides) // 4}i", sides))
        return flags, count, self._element()

    def check(self) -> None:
        """Refuse what announces more than there is, from the beginning on."""
        self.at = 0
        self._matrix()

    def _matrix(self, depth: int = 0) -> None:
        flags, count, _ = self.header()
        kind, parts = flags & 0xFF, 0
        if kind > _LAST:
            raise UserError("it holds a function or an object of a class, which are not read")
        if kind == _CELL:
            parts = count
        elif kind in (_STRUCT, _OBJECT):
            parts = count * self._fields(kind)
        if kind != _SPARSE and max(count, _TAG * parts) > len(self.data) - self.at:
            raise UserError(f"it announces {count:,} elements where {len(self.data) - self.at:,} bytes are left")
        numbers = 0 if kind in (_CELL, _STRUCT, _OBJECT) else 1 + (kind == _SPARSE) * 2 + bool(flags & _COMPLEX)
        for _ in range(numbers):
            self._element()
        for _ in range(parts):
            self._nested(depth + 1)

    def _fields(self, kind: int) -> int:
        if kind == _OBJECT:
            self._element()
        longest = int(struct.unpack(f"{self.tag.format[0]}i", self._element())[0])
        return len(self._element()) // longest

    def _nested(self, depth: int) -> None:
        kind, length = self.tag.unpack_from(self.data, self.at)
        self.at += _TAG
        if kind != _MATRIX:
            raise UserError(f"it has an element of the kind {kind} where a matrix, {_MATRIX}, belongs")
        if depth > _DEEPEST:
            raise UserError(f"it nests matrices more than {_DEEPEST} deep")
        if length:  # else it is an empty matrix
            self._matrix(depth)

    def _element(self) -> bytes:
        """The bytes of numbers or text; short ones stand in the tag itself."""
        kind, length = self.tag.unpack_from(self.data, self.at)
        short = kind >> 16
        start, length = (self.at + 4, short) if short else (self.at + _TAG, length)
        self.at += _TAG if short else _TAG + length + -length % 8
        return self.data[start : start + length]
