"""A download goes on where it was stopped, and what is not the published file is not kept."""

from __future__ import annotations

import hashlib
import io
import threading
import urllib.error
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import IO

import pytest

from partbench.datasets.dataset import DatasetError
from partbench.datasets.published import Download
from partbench.datasets.published.download import download, open_url

DATA = bytes(range(256)) * 40
SOURCE = Download("all", "https://nowhere/all.zip", direct=True, sha256=hashlib.sha256(DATA).hexdigest())


class Server:
    """Gives a file, as a whole or from a byte on, and may break off."""

    def __init__(self, parts: bool = True, most: int = len(DATA), data: bytes = DATA) -> None:
        self.parts, self.most, self.data = parts, most, data
        self.asked: list[int] = []

    def __call__(self, url: str, start: int) -> tuple[IO[bytes], int, int]:
        self.asked.append(start)
        if start >= len(self.data):
            raise urllib.error.HTTPError(url, 416, "nothing there", Message(), None)
        begins = start if self.parts else 0
        return io.BytesIO(self.data[begins : begins + self.most]), begins, len(self.data)


def silent(done: int, whole: int) -> None:
    """Hears nothing."""


def test_what_was_fetched_is_the_file(tmp_path: Path) -> None:
    """It is told how much there is, and nothing else is left."""
    told: list[tuple[int, int]] = []
    download(SOURCE, tmp_path / "all.zip", lambda *count: told.append(count), Server())
    assert (tmp_path / "all.zip").read_bytes() == DATA
    assert told == [(len(DATA), len(DATA))]
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


@pytest.mark.parametrize("parts", [True, False])
def test_a_stopped_download_goes_on(tmp_path: Path, parts: bool) -> None:
    """From where it was; from the beginning, if the server gives no parts."""
    with pytest.raises(DatasetError, match=r"ended at 4,000 of 10,240 bytes; run the same command again"):
        download(SOURCE, tmp_path / "all.zip", silent, Server(most=4000))
    server = Server(parts)
    download(SOURCE, tmp_path / "all.zip", silent, server)
    assert server.asked == [4000]
    assert (tmp_path / "all.zip").read_bytes() == DATA


def test_a_download_that_was_whole_is_checked(tmp_path: Path) -> None:
    """It was stopped before it got its name, and the server has nothing more to give."""
    (tmp_path / "all.zip.download").write_bytes(DATA)
    download(SOURCE, tmp_path / "all.zip", silent, Server())
    assert (tmp_path / "all.zip").read_bytes() == DATA


def test_another_file_is_not_kept(tmp_path: Path) -> None:
    """Its hash tells it, and the next try begins anew."""
    with pytest.raises(DatasetError, match=r"has the SHA-256 .* and not .*; it was not kept"):
        download(SOURCE, tmp_path / "all.zip", silent, Server(data=DATA[::-1]))
    assert not [*tmp_path.iterdir()]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A file of that name is laid out, or moved away."""
    (tmp_path / "all.zip").write_bytes(b"mine")
    with pytest.raises(DatasetError, match=r"all.zip is there already; lay it out with --from"):
        download(SOURCE, tmp_path / "all.zip", silent, Server())
    assert (tmp_path / "all.zip").read_bytes() == b"mine"


class Handler(BaseHTTPRequestHandler):
    """A server of one file that knows ranges."""

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(DATA[start:])

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def address() -> Iterator[str]:
    """Of a server on this machine."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/all.zip"
        server.shutdown()


@pytest.mark.parametrize("start", [0, 100])
def test_a_server_is_asked_for_what_is_missing(address: str, start: int) -> None:
    """By the header that servers know; it says where it begins and how large the whole is."""
    content, begins, whole = open_url(address, start)
    with content:
        assert (content.read(), begins, whole) == (DATA[start:], start, len(DATA))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    """In one sentence, and the same command goes on later."""

    def away(url: str, start: int) -> tuple[IO[bytes], int, int]:
        raise urllib.error.URLError("no route")

    with pytest.raises(
        DatasetError, match=r"https://nowhere/all.zip cannot be read \(.*no route.*\); the same command"
    ):
        download(SOURCE, tmp_path / "all.zip", silent, away)
