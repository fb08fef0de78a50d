"""`partbench segment`: the parts of new pictures and videos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ....datasets.dataset import DatasetError
from ...file_hashes import file_hash
from ...segment.inputs import find_pictures, is_video
from ...segment.model import Segmenter, SegmenterError
from ...segment.segment_files import FileCounts, Segmenting
from ...segment.video import load_av, open_video
from ..terminal import open_console, print_notes
from .plan_options import find_device


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
    pictures, notes = find_pictures([path for path in inputs if path not in videos])
    print_notes(open_console(stderr=True, quiet=as_json), notes)
    work = Segmenting(segmenter, side or segmenter.size, out, left_out=notes)
    work.begin(file_hash(model))
    with _bar(as_json) as bar:
        task = bar.add_task("segmenting", total=_total(len(pictures), videos))
        work.report = lambda name: bar.update(task, advance=1)
        work.pictures(pictures)
        for video in videos:
            work.video(video)
    _print_summary(work, as_json)
    return 1 if work.counts.faults else 0


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


def _print_summary(work: Segmenting, as_json: bool) -> None:
    counts = work.counts
    if as_json:
        print(json.dumps(_record(work), indent=1))
        return
    console = open_console()
    for fault in counts.faults:
        console.print(f"[yellow]{escape(fault)}[/]", soft_wrap=True)
    console.print(f"{_counted(counts)} in {counts.seconds:.1f} s, {counts.rate:.1f} per second", soft_wrap=True)
    if counts.there:
        console.print(f"{counts.there} were there already")
    console.print(f"masks, overlays and classes.json: {escape(str(work.out))}", soft_wrap=True)


def _counted(counts: FileCounts) -> str:
    parts = [
        f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((counts.pictures, "picture"), (counts.frames, "frame"))
    ]
    return " and ".join(part for part in parts if not part.startswith("0 ")) or "nothing"


def _record(work: Segmenting) -> dict[str, Any]:
    counts = work.counts
    return {
        "out": str(work.out),
        "classes": list(work.segmenter.classes),
        "side": work.side,
        "device": str(work.segmenter.device),
        "pictures": counts.pictures,
        "frames": counts.frames,
        "there": counts.there,
        "seconds": round(counts.seconds, 3),
        "seconds in the network": round(counts.network, 3),
        "per second": round(counts.rate, 3),
        "unreadable": counts.faults,
        "left out": list(work.left_out),
    }
