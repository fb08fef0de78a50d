"""Downloads a file whose content can be checked, and goes on where it was stopped."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ... import one_line
from ..dataset import DatasetError
from . import Download
from .laying_out import CHUNK, sha256

NOTHING_LEFT = 416
"""What a server answers when a file has no byte from there on."""
Report = Callable[[int, int], None]
"""Hears how many bytes there are, and how many there will be; 0 where the server does not say."""
Open = Callable[[str, int], tuple[IO[bytes], int, int]]
"""Opens an address from a byte on: the content, where it really begins, and the size of the whole or 0."""


def open_url(url: str, start: int) -> tuple[IO[bytes], int, int]:
    """An address from a byte on, if the server gives a part of a file, else from its beginning."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    answer = urllib.request.urlopen(request, timeout=60)  # of our own table, or of whoever runs this
    begins = start if answer.status == 206 else 0
    length = int(answer.headers.get("Content-Length") or 0)
    return answer, begins, begins + length if length else 0


def download(source: Download, target: Path, report: Report, opener: Open = open_url) -> None:
    """Fetch a file into `target`, which is not there; what is there of an earlier try is beside it, and kept."""
    if target.exists():
        raise DatasetError(f"{target} is there already; lay it out with --from {target}, or move it away")
    part = target.with_name(f"{target.name}.download")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        whole = fetch_rest(source.url, part, report, opener)
    except OSError as error:  # urllib's are of this kind
        again = "the same command goes on from there"
        raise DatasetError(f"{source.url} cannot be read ({one_line(error)}); {again}") from error
    if whole and part.stat().st_size != whole:
        raise DatasetError(
            f"{source.url} ended at {part.stat().st_size:,} of {whole:,} bytes; run the same command again"
        )
    _check(source, part)
    part.rename(target)


def fetch_rest(url: str, part: Path, report: Report, opener: Open = open_url) -> int:
    """Append what is missing; the size of the whole, 0 where the server does not say."""
    start = part.stat().st_size if part.exists() else 0
    try:
        content, begins, whole = opener(url, start)
    except urllib.error.HTTPError as error:
        if start and error.code == NOTHING_LEFT:
            return start
        raise
    with content, part.open("ab" if begins else "wb") as file:
        done = begins
        while data := content.read(CHUNK):
            file.write(data)
            done += len(data)
            report(done, whole)
    return whole


def _check(source: Download, part: Path) -> None:
    """Refuse a file that is not the published one; it is not kept, since nothing can go on from it."""
    if not source.sha256:
        return  # its content is checked when it is laid out
    found = sha256(part)
    if found != source.sha256:
        part.unlink()
        fact = f"{source.url} has the SHA-256 {found[:12]}... and not {source.sha256[:12]}..."
        raise DatasetError(f"{fact}; it was not kept: try again, or see what its page says")
