"""Reading annotations in whatever format they lie there, and keeping them as masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration
from .coco import read_coco
from .found import FoundAnnotations
from .kinds import kind_of, read_json, refuse
from .labelme import read_labelme
from .labels import AnnotationReader
from .manifest import FORMATS, NAME
from .painted import Colours, read_painted
from .split import IMAGES, check_exported
from .writing import COCO, PAINTED, write_masks

MENDS = {
    ".zip": "unpack it and name the .json inside",
    ".xml": 'export it once more, as "COCO 1.0" from CVAT or "COCO" from Label Studio',
    ".png": "name the folder that it lies in",
}
"""What to do with a file that is no .json, by its ending."""


def take_annotations(
    place: Path | None, reading: AnnotationReader, annotator: str, colours: Colours
) -> FoundAnnotations:
    """Read annotations and put them in the place of those that the export had; nothing is lost if a file is bad."""
    check_exported(reading.folder, reading.manifest, reading.manifest.images)
    kind, files = find_annotations(place, reading)
    if kind == "png":
        found = read_painted(files, reading, colours)
    else:
        found = {"labelme": read_labelme, "coco": read_coco}[kind](files, reading)
    if not found.masks:
        where = files[0] if len(files) == 1 else files[0].parent
        fact = "; ".join([f"nothing is drawn in {where}", *found.said()])
        raise DatasetError(f"{fact}; annotate at least one image, and save it")
    if place is None or place.is_dir():
        found.warnings += _unread(place or files[0].parent, files, pictures=kind == "png")
    if not reading.manifest.contents:
        found.warnings.append(f"{reading.folder / NAME} has no hashes yet; images and codes count as they are now")
    manifest = replace(reading.manifest, annotator=annotator, overlaps=reading.overlaps, oracle={})
    write_masks(reading.folder, manifest, found.masks, colours)
    return found


def find_annotations(place: Path | None, reading: AnnotationReader) -> tuple[str, list[Path]]:
    """The format of what lies in a file or a folder, and its files; by default what the export was begun with."""
    if place is None:
        kind = reading.manifest.kind
        start = reading.folder / {"labelme": IMAGES, "coco": COCO, "png": PAINTED}[kind]
        return (kind, [start]) if kind == "coco" else _in_folder(start)
    if place.is_dir():
        return _in_folder(place)
    if not place.is_file():
        raise DatasetError(f"there is no file or folder {place}; say where the annotations are")
    if place.suffix.lower() != ".json":
        raise DatasetError(f"{place} is no .json; {MENDS.get(place.suffix.lower(), f'give {_expected()}')}")
    content = read_json(place)
    kind = kind_of(content)
    if kind == "labelme":
        raise DatasetError(f"{place} is one file of labelme; name the folder with all of them")
    return (kind, [place]) if kind else refuse(place, content)


def _in_folder(place: Path) -> tuple[str, list[Path]]:
    """Annotations of one format in a folder, or in `annotations/` below it, where CVAT puts them under any name."""
    found: dict[str, list[Path]] = {}
    for file in (*_ending(place, ".json"), *_ending(place / "annotations", ".json")):
        if file.name != NAME:
            found.setdefault(kind_of(read_json(file)), []).append(file)
    strange = found.pop("", [])
    if len(found) > 1:
        both = f"labelme's ({found['labelme'][0].name}) and COCO ({found['coco'][0].name})"
        raise DatasetError(f"{place} holds annotations of {both}; name the COCO file, or take it out")
    for kind, files in found.items():
        return kind, files
    if strange:
        refuse(strange[0], read_json(strange[0]))
    painted = _ending(place, ".png")
    if painted:
        return "png", painted
    below = next(iter(sorted(place.rglob("*.json"))), None)
    other = f", but {below.parent} has {below.name}; give that, or" if below else "; give"
    raise DatasetError(f"{place} holds no annotations{other} {_expected()}")


def _ending(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder that end so, in capitals too, and none of the twins that macOS leaves in zips."""
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(f for f in files if f.suffix.lower() == suffix and not f.name.startswith(".") and f.is_file())


def _unread(place: Path, read: Sequence[Path], pictures: bool) -> list[str]:
    """A line that counts files below a folder that may hold annotations, by their ending, where there are any.

    Beside shapes, pictures are what they were drawn on; where masks are painted, they may be masks.
    """
    others = [file for file in sorted(place.rglob("*")) if file.is_file() and file.name != NAME and file not in read]
    left = [f for f in others if not f.name.startswith(".") and (pictures or f.suffix.lower() in (".json", ".xml"))]
    counts = Counter(file.suffix.lower() or "no ending" for file in left)
    if not left:
        return []
    kinds = ", ".join(f"{suffix} {count}" for suffix, count in sorted(counts.items()))
    names = enumeration(file.relative_to(place).as_posix() for file in left)
    total = len(read) + len(left)
    return [f"{place}: {total} files, {len(read)} read; {len(left)} left out: {kinds} ({names})"]


def _expected() -> str:
    return f"the folder of labelme's .json files, a COCO .json, or a folder of index PNGs ({', '.join(FORMATS)})"
