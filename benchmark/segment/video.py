"""Videos, read and written by PyAV, which is an extra: `pip install partbench[video]`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from ... import one_line
from .model import SegmenterError

RATE = 25
"""Frames per second of a video that does not say."""
CODECS = ("libx264", "mpeg4")
"""What a video is written with: the first that this PyAV has."""


class Video:
    """A video that is open: its frames, and what went wrong in it."""

    def __init__(self, path: Path, container: Any) -> None:
        self.path, self.container = path, container
        self.stream = container.streams.video[0]
        self.fault: str | None = None
        """Why its last frames could not be read; only known when all others were."""

    @property
    def rate(self) -> Any:
        """Frames per second, a fraction."""
        return self.stream.average_rate or RATE

    @property
    def count(self) -> int | None:
        """Frames, where the file says how many."""
        return int(self.stream.frames) or None

    def frames(self) -> Iterator[Image.Image]:
        """Its frames as RGB; they end where the file is damaged, and `fault` says so."""
        done = 0
        try:
            for frame in self.container.decode(self.stream):
                yield frame.to_image()
                done += 1
        except _errors() as error:
            self.fault = (
                f"{self.path} cannot be read after frame {done} ({one_line(error)}); the frames before it are done"
            )


def load_av() -> Any:
    """PyAV, or a sentence on how to get it."""
    try:
        import av
    except ImportError:
        mend = "pip install partbench[video], or give its frames as pictures"
        raise SegmenterError(f"videos are read by PyAV, which is not installed; {mend}") from None
    return av


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """A video, open as long as it is used."""
    av = load_av()
    try:
        container = av.open(str(path))
    except _errors() as error:
        raise SegmenterError(f"{path} cannot be read as a video ({one_line(error)}); see that it plays") from None
    with container:
        if not container.streams.video:
            raise SegmenterError(f"{path} holds no pictures, only sound; name a video")
        yield Video(path, container)


def write_video(path: Path, like: Video, frames: Iterable[Image.Image]) -> None:
    """Write frames as a video of the speed of another one, whole or not at all; sound is left out."""
    av = load_av()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with av.open(str(part), "w", format="mp4") as container:
            stream = container.add_stream(next(c for c in CODECS if c in av.codecs_available), rate=like.rate)
            width, height = (side - side % 2 for side in (like.stream.width, like.stream.height))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for image in frames:
                even = image.crop((0, 0, width, height))  # this format stores colours for every second pixel
                container.mux(stream.encode(av.VideoFrame.from_image(even)))
            container.mux(stream.encode())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _errors() -> tuple[type[Exception], ...]:
    """What PyAV raises on a file that is broken."""
    return (load_av().FFmpegError, OSError, ValueError)
