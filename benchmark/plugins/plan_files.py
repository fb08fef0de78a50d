"""What a plan reads that no installer brings: weights and images, where they are had, and whether they are here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ... import UserError
from ...backbones.backbone import Backbone
from ...backbones.packages import MEND as PIP
from ...backbones.weights import shipped_sums
from ...backbones.weights.hub import HUB, is_here, on_hub, snapshot
from ...datasets.folder.jsonfile import find_json
from ..file_cache import FileCache
from ..file_contents import Content, content_of, content_of_tree, files_of
from ..plan import HEADLESS, INSID3, Plan
from ..remote_files import beside, is_url, split_pin
from .backbone_names import BackboneName, parse_backbone
from .catalogue import Catalogue
from .named_files import NamedFile, named_files
from .names import family_of, find_backbone, find_dataset
from .places import place_brought, place_of_images, split_options

COMMIT = " at commit "
"""What stands in an origin between a repository of the hub and its commit."""
SITE = ("site-packages", "dist-packages")
SNAPSHOT = re.compile(rf"{HUB}(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^ /]+))?{COMMIT}(?P<commit>\w+)")
"""A repository of the hub as an origin has it."""


@dataclass(frozen=True)
class PlanFile:
    """A file, or a folder, that a plan reads."""

    of: str
    """The backbone, or the dataset."""
    word: str
    """Where it is had: a path, a URL, a repository of the hub."""
    here: bool
    files: int = 0
    size: int = 0
    """Bytes."""
    note: str = ""
    """Why it is not here, or how else it is brought than by a copy."""
    copies: tuple[NamedFile, ...] = ()
    """What is to be copied of it, by content."""
    folder: Path | None = None
    """Images whose content is not known before they are copied."""


def plan_files(catalogue: Catalogue, plan: Plan, fetch: bool = False) -> list[PlanFile]:
    """All that a plan reads, each once; what lies at an address and not here is fetched if need be, or named."""
    found = [*images_of(catalogue, plan.dataset, fetch)]
    for name in plan.backbones:
        if name not in HEADLESS:
            found += weights_of(catalogue, name, fetch)
    return [*{(one.word, one.here): one for one in reversed(found)}.values()][::-1]


def weights_of(catalogue: Catalogue, name: str, fetch: bool) -> Iterator[PlanFile]:
    """What a backbone reads, but for what partbench ships."""
    parts = parse_backbone(name.removeprefix(INSID3))
    words = [parts.weights, *(wrapper.partition("@")[2] for wrapper in parts.wrappers)]
    if missing := [word for word in words if not fetch and not _is_here(word)]:
        yield from (PlanFile(name, word, False, note="not fetched as yet") for word in missing)
        return
    try:
        record = find_backbone(catalogue, name).record
    except UserError as error:
        yield PlanFile(name, parts.weights or name, False, note=str(error))
        return
    if why := _why_nothing(record, parts):
        yield PlanFile(name, name, False, note=why)
        return
    named = list(named_files(name, record))
    for file in named:
        yield PlanFile(name, file.word, True, len(file.files), file.content.size, copies=tuple(_singly(file)))
    yield from _of_library(name, record, {path for file in named for path in file.files.values()})


def _why_nothing(record: Backbone, parts: BackboneName) -> str:
    """Why a backbone whose weights are in no file cannot be had here: it is a family's name, or lacks its package."""
    if record.weights is not None or parts.weights or parts.twin:
        return ""
    if not record.channels:
        try:
            record.load()
        except UserError as error:
            return str(error)
    rows = record.members() if record.members and record.channels else ()
    mine = [row for row in rows if row["name"] == parts.family and not row["here"]]
    return f"{mine[0]['package']} is not installed; {PIP}" if mine else ""


def _is_here(word: str) -> bool:
    """Whether what lies at an address was fetched, or brought."""
    if is_url(word):
        known = _known(word)
        return bool(known and FileCache.here().place(known))
    return not on_hub(word) or is_here(word) or place_brought(word) is not None


def _known(word: str) -> Content | None:
    """What a URL stands for here: a folder by its address alone, a file by its pin, too."""
    cache = FileCache.here()
    return cache.known(word) if word.endswith("/") else cache.fetched(*split_pin(word))


def _singly(file: NamedFile) -> Iterator[NamedFile]:
    """A file; of several that were fetched from beside each other each by its URL, as they are fetched."""
    if not (is_url(file.word) and file.content.tree):
        yield file
        return
    url = split_pin(file.word)[0]
    for name, path in file.files.items():
        where = beside(url, name)
        word = file.word if path == file.path else where
        yield NamedFile(word, replace(content_of(path), origin=where), path, {name: path})


def _of_library(name: str, record: Backbone, named: Iterable[Path]) -> Iterator[PlanFile]:
    """What a library fetches, or a package brings, for a backbone."""
    if found := SNAPSHOT.match(record.origin):
        folder = snapshot(found["repo"], found["commit"])
        files = files_of(folder)
        content = replace(content_of_tree(files, folder.name), origin=found[0])
        copy = NamedFile(found[0], content, folder, files)
        if not {*files.values()} <= {*named}:
            yield PlanFile(name, found[0], True, len(files), content.size, copies=(copy,))
        return
    if record.origin.startswith(HUB) and not named:
        yield PlanFile(name, record.origin, False, note="not fetched as yet: load it once where there is a network")
        return
    weights = (record.weights,) if isinstance(record.weights, Path) else record.weights or ()
    shipped = shipped_sums()
    for path in (*weights, *filter(None, [record.upsampler])):
        if path not in named and path.resolve() not in shipped:
            package = any(site in path.parts for site in SITE)
            note = "its package is installed by pip" if package else "copy it to the same place there"
            here = path.is_file()
            yield PlanFile(name, str(path), here, int(here), path.stat().st_size if here else 0, note)


def images_of(catalogue: Catalogue, name: str, fetch: bool) -> Iterator[PlanFile]:
    """The images of a dataset, and of the one that it is for; none of those that are drawn."""
    word, _ = split_options(name.partition(":")[2])
    if is_url(word) and not fetch and not _is_here(word):
        yield PlanFile(name, word, False, note="not fetched as yet")
        return
    try:
        record = find_dataset(catalogue, name).record
    except UserError as error:
        yield PlanFile(name, word or name, False, note=str(error))
        return
    if is_url(word) and (known := _known(word)) and (file := FileCache.here().stored(known)):
        copy = NamedFile(word, known, file, {known.name: file})
        yield PlanFile(name, word, True, 1, known.size, copies=(copy,))
    elif word:
        place = Path(split_options(place_of_images(word).path)[0]).expanduser()
        folder, note = (place, "") if place.is_dir() else (None, "copy it to the same place there")
        files = image_files(folder, family_of(name)) if folder else {place.name: place} if place.is_file() else {}
        size = sum(file.stat().st_size for file in files.values())
        yield PlanFile(name, word, bool(files), len(files), size, note, folder=folder)
    if record.like:
        yield from images_of(catalogue, record.like, fetch)


def image_files(folder: Path, family: str) -> dict[str, Path]:
    """All files of a dataset's folder, with those that it shares with others beside it."""
    files = files_of(folder)
    shared = {name: find_json(folder, name) for name in ("classes.json", "splits.json")} if family == "folder" else {}
    return files | {name: path for name, path in shared.items() if path and name not in files}


def packed_images(one: PlanFile) -> NamedFile:
    """The images of a folder, by what they hold."""
    assert one.folder
    files = image_files(one.folder, family_of(one.of))
    content: Content = content_of_tree(files, one.folder.resolve().name or "images")
    return NamedFile(one.word, content, one.folder, files)
