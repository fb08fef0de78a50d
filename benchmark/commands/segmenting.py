"""`partbench segment`: the parts of new pictures and videos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ...datasets.dataset import DatasetError
from ..features import file_hash
from ..segmenter.model import Segmenter, SegmenterError
from ..segmenter.pictures import find_pictures, is_video
from ..segmenter.video import load_av, open_video
from ..segmenting import FileCounts, Segmenting
from ..terminal import open_console
from .running import find_device


def run(model: Path, inputs: Sequence[Path], out: Path, side: int | None, device: str, as_json: bool) -> int:
    """Segment everything; 1 if something could not be read."""
    segmenter = Segmenter.load(model).to(find_device(device))
    missing = next((path for path in inputs if not path.exists()), None)
    if missing:
        raise DatasetError(f"there is no picture, folder, zip or video {missing}; mend the path")
    videos = [path for path in inputs if is_video(path)]
    stems = [path.stem for path in videos]
    if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise SegmenterError(f"two videos are called {twice}; segment them one after the other")
    if videos:
        load_av()
    pictures = find_pictures([path for path in inputs if path not in videos])
    work = Segmenting(segmenter, side or segmenter.size, out)
    work.begin(file_hash(model))
    with _bar(as_json) as bar:
        task = bar.add_task("segmenting", total=_total(len(pictures), videos))
        work.tell = lambda name: bar.update(task, advance=1)
        work.pictures(pictures)
        for video in videos:
            work.video(video)
    _say(work, as_json)
    return 1 if work.tally.faults else 0


def _total(pictures: int, videos: Sequence[Path]) -> int | None:
    """Pictures and frames; None where a video does not say how many it has."""
    total = pictures
    for path in videos:
        try:
            with open_video(path) as video:
                if video.count is None:
                    return None
                total += video.count
        except SegmenterError:  # said when its turn comes
            continue
    return total


def _bar(quiet: bool) -> Progress:
    console = open_console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )


def _say(work: Segmenting, as_json: bool) -> None:
    tally = work.tally
    if as_json:
        print(json.dumps(_record(work), indent=1))
        return
    console = open_console()
    for fault in tally.faults:
        console.print(f"[yellow]{escape(fault)}[/]", soft_wrap=True)
    console.print(f"{_counted(tally)} in {tally.seconds:.1f} s, {tally.rate:.1f} per second", soft_wrap=True)
    if tally.there:
        console.print(f"{tally.there} were there already")
    console.print(f"masks, overlays and classes.json: {escape(str(work.out))}", soft_wrap=True)


def _counted(tally: FileCounts) -> str:
    parts = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((tally.pictures, "picture"), (tally.frames, "frame"))]
    return " and ".join(part for part in parts if not part.startswith("0 ")) or "nothing"


def _record(work: Segmenting) -> dict[str, Any]:
    tally = work.tally
    return {
        "out": str(work.out),
        "classes": list(work.segmenter.classes),
        "side": work.side,
        "device": str(work.segmenter.device),
        "pictures": tally.pictures,
        "frames": tally.frames,
        "there": tally.there,
        "seconds": round(tally.seconds, 3),
        "seconds in the network": round(tally.network, 3),
        "per second": round(tally.rate, 3),
        "unreadable": tally.faults,
    }
