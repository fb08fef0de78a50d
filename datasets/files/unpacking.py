"""Limits what packed data may become, so that a small file does not fill memory."""

from __future__ import annotations

import zipfile
import zlib

from ... import UserError

MOST_BYTES = 2**28
"""Bytes that one member of a zip, or one MATLAB file, may become: more than a picture of the most pixels needs."""


def unzipped(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of a zip, unless it would become too large."""
    check_unpacked(archive.getinfo(name).file_size)  # zipfile gives no more than this, whatever is packed
    return archive.read(name)


def inflated(packed: bytes, most: int) -> bytes:
    """What a zlib stream becomes, unless that is more than so many bytes."""
    stream = zlib.decompressobj()
    data = stream.decompress(packed, most + 1)
    if len(data) > most:
        raise UserError(f"it would become more than {MOST_BYTES >> 20} MiB, and so many are the most")
    if not stream.eof:
        raise UserError("it is cut short")
    return data


def check_unpacked(size: int) -> None:
    """Refuse a size in bytes that is above the most."""
    if size > MOST_BYTES:
        raise UserError(f"it would become {size / 2**20:,.0f} MiB, and {MOST_BYTES >> 20} are the most")
