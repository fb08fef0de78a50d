"""Files that know what they hold: whoever reads one is told when it is not what was written, or of something else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import UserError, one_line
from .files import replacing

SEAL = b"partbench seal "
"""What a file begins with that `write_sealed` wrote: SHA-256 of the rest, a line with its origin, what it holds."""
Origin = Mapping[str, str]
"""What a file is made from, in words that follow `it is of other`: data, code of jigsaw."""


class DamagedError(UserError):
    """A file that does not hold what was written into it, in one sentence: the fact, the culprit, the mend."""


class OtherOriginError(DamagedError):
    """A file that is as it was written, and made from something else."""


def write_sealed(path: Path, data: bytes | memoryview, of: Origin) -> None:
    """Write what a later command goes on from, so that `read_sealed` notices whatever becomes of it."""
    head = json.dumps(of, sort_keys=True).encode() + b"\n"
    with replacing(path) as part, part.open("wb") as file:
        file.writelines((SEAL, _digest(head, data), head, data))


def read_sealed(path: Path, of: Origin) -> bytes:
    """What `write_sealed` wrote of the same; raises `DamagedError` where the file holds anything else."""
    content = path.read_bytes()
    start = len(SEAL) + 65
    end = content.find(b"\n", start) + 1
    head, data = content[start:end], content[end:]
    if content[:start] != SEAL + _digest(head, data):
        raise DamagedError("its seal does not fit" if content.startswith(SEAL) else "it has no seal of partbench")
    kept = json.loads(head)
    for what in {**of, **kept}:
        if of.get(what) != kept.get(what):
            raise OtherOriginError(f"it is of other {what}")
    return data


def set_aside(path: Path, error: BaseException) -> str:
    """What is said of a file that cannot be gone on from."""
    return f"{path} is set aside ({one_line(error)}), and what it held is made again"


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest().encode() + b"\n"


def seal(record: Mapping[str, Any]) -> str:
    """Shows whether somebody edited a record: SHA-256 of all in it but its own seal."""
    text = json.dumps({key: value for key, value in record.items() if key != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
