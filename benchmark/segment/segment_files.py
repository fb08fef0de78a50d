"""Segmenting new pictures and videos: masks, overlays, and no work twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...datasets.dataset import CROP
from ..files import UNREADABLE, write_atomic
from .inference import Mask, as_tensor, overlay, read_mask, segment, segment_squares, write_mask, write_picture
from .inputs import InputPicture
from .model import Segmenter, SegmenterError
from .video import Video, open_video, write_video

TOGETHER = 8
"""Frames of a video that go through the network together, at most."""

ReportName = Callable[[str], None]
"""Told of every picture and frame that is done."""


@dataclass
class FileCounts:
    """What a command has done."""

    pictures: int = 0
    """Segmented now."""
    frames: int = 0
    """Of videos, segmented now."""
    there: int = 0
    """Pictures and frames whose masks were there."""
    seconds: float = 0.0
    """From reading to writing."""
    network: float = 0.0
    """Of these, in the network."""
    faults: list[str] = field(default_factory=list)
    """What could not be read, and why."""

    @property
    def rate(self) -> float:
        """Pictures and frames per second, from reading to writing."""
        return (self.pictures + self.frames) / self.seconds if self.seconds else 0.0


@dataclass
class Segmenting:
    """Segments pictures and videos into one folder."""

    segmenter: Segmenter
    side: int
    """Pixels that the shorter side of a picture is read at; with padding the longer one, stretched both."""
    out: Path
    report: ReportName = lambda name: None
    counts: FileCounts = field(default_factory=FileCounts)
    left_out: tuple[str, ...] = ()
    """What of the folders and zips is no picture that is read."""

    def begin(self, model: str) -> None:
        """Note what makes the masks of this folder; refuse one that holds masks of another segmenter."""
        note = {"model": model, "side": self.side, "classes": list(self.segmenter.classes)}
        file = self.out / "classes.json"
        try:
            stored = json.loads(file.read_text())
        except UNREADABLE:
            stored = note
        if stored != note:
            raise SegmenterError(f"{self.out} holds masks of another segmenter or --side; choose another --out")
        write_atomic(file, json.dumps(note, indent=1).encode())

    def pictures(self, pictures: Sequence[InputPicture]) -> None:
        """Segment pictures one by one; one that cannot be read is noted, and the rest is done."""
        for picture in pictures:
            start = time.perf_counter()
            try:
                self._picture(picture)
            except ValueError as error:  # `DatasetError`, which names the file
                self.counts.faults.append(str(error))
            self.counts.seconds += time.perf_counter() - start
            self.report(picture.name)

    def _picture(self, picture: InputPicture) -> None:
        mask_file, shown = self._mask_file(picture.name), self.out / "overlays" / f"{picture.name}.png"
        if mask_file.exists() and shown.exists():
            self.counts.there += 1
            return
        image = picture.read()
        mask = self._segment([image])[0]
        write_mask(mask_file, mask)
        write_picture(shown, overlay(np.array(image), mask, self.segmenter.classes))
        self.counts.pictures += 1

    def video(self, path: Path) -> None:
        """Segment a video frame by frame: a mask for each, and a video of overlays."""
        start = time.perf_counter()
        try:
            with open_video(path) as video:
                write_video(self.out / f"{path.stem}.mp4", video, self._overlays(video, path.stem))
                if video.fault:
                    self.counts.faults.append(video.fault)
        except SegmenterError as error:
            self.counts.faults.append(str(error))
        self.counts.seconds += time.perf_counter() - start

    def _overlays(self, video: Video, name: str) -> Iterator[Image.Image]:
        """The frames of a video with their parts; those whose masks are there are not segmented again."""
        frames: list[Image.Image] = []
        done = 0
        for frame in video.frames():
            frames.append(frame)
            if len(frames) == TOGETHER:
                yield from self._shown(frames, name, done)
                done, frames = done + len(frames), []
        yield from self._shown(frames, name, done)

    def _shown(self, frames: Sequence[Image.Image], name: str, first: int) -> Iterator[Image.Image]:
        files = [self._mask_file(f"{name}/{first + i:06d}") for i in range(len(frames))]
        masks = {i: mask for i, file in enumerate(files) if (mask := read_mask(file)) is not None}
        new = [i for i in range(len(frames)) if i not in masks]
        for i, made in zip(new, self._segment([frames[i] for i in new]), strict=True):
            write_mask(files[i], made)
            masks[i] = made
        self.counts.frames += len(new)
        self.counts.there += len(frames) - len(new)
        for i, frame in enumerate(frames):
            yield Image.fromarray(overlay(np.array(frame), masks[i], self.segmenter.classes))
            self.report(f"{name} {files[i].stem}")

    def _segment(self, images: Sequence[Image.Image]) -> Sequence[Mask]:
        """Masks of pictures of one size."""
        if not images:
            return []
        start = time.perf_counter()
        if self.segmenter.fit == CROP:  # what it would leave out is of the same scale, and is segmented too
            tensors = [as_tensor(image) for image in images]
            masks: Sequence[Mask] = list(segment(self.segmenter, torch.stack(tensors), self.side))
        else:
            masks = segment_squares(self.segmenter, images, self.side)
        self.counts.network += time.perf_counter() - start
        return masks

    def _mask_file(self, name: str) -> Path:
        return self.out / "masks" / f"{name}.png"
