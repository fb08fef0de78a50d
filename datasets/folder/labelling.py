"""How the values in a folder's mask files become classes: its `classes.json`, and a grouping of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..dataset import IGNORE, DatasetError
from ..files.hints import did_you_mean, hint
from ..files.listing import composed
from .grouping import BACKGROUND, Groups, adhoc_groups, declared_groups
from .jsonfile import find_json, read_json

UNAVERAGED_BACKGROUND = ("paper3",)
"""Groupings whose background the paper leaves out of the score; its 3-class numbers fit only without it."""

_EXAMPLE = '{"classes": ["background", "eye", "nose"]}'
_ALTERNATIVE = "map_to_"


@dataclass(frozen=True)
class Labelling:
    """The classes of a folder, and the class that each value in its mask files stands for."""

    classes: tuple[str, ...]
    """Class names in the order of their indices."""
    excluded: frozenset[str]
    """Classes that are never averaged over."""
    indices: Mapping[int, int]
    """Class index, or `IGNORE`, by value in a mask file."""
    file: Path
    """The classes.json that says so."""
    declared: bool = True
    """Whether classes.json says which value is ignored; else it is 255, as usual."""


def read_labelling(folder: Path, grouping: str) -> Labelling:
    """The labelling that a folder declares, after a grouping (`paper3`, `eyes,mouth`) unless that is empty."""
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}; mend the path")
    path = find_json(folder, "classes.json")
    if path is None:
        raise DatasetError(f"{folder} has no classes.json; write one there that names the mask values, as {_EXAMPLE}")
    content, grouping = read_json(path), composed(grouping)
    names, ignore = _names(path, content), _ignore(path, content)
    groupings = _groupings(path, content)
    groups = _groups(path, names, groupings, grouping) if grouping else {name: [i] for i, name in enumerate(names)}
    indices = {value: index for index, values in enumerate(groups.values()) for value in values}
    class_names = [*names, *(group for groups in groupings.values() for group in groups)]
    excluded = _excluded(path, content, class_names)
    if grouping in UNAVERAGED_BACKGROUND or (grouping and grouping not in groupings):
        excluded |= {BACKGROUND}
    ignored = {} if ignore is None else {ignore: IGNORE}
    return Labelling(tuple(groups), excluded & groups.keys(), indices | ignored, path, "ignore_index" in content)


def _names(path: Path, content: dict[str, Any]) -> list[str]:
    names = content.get("classes")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise DatasetError(f'{path} has no list "classes"; name there the mask values from 0 on, as {_EXAMPLE}')
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(f"{path} names the class '{twice}' twice; rename one of the two")
    if len(names) > IGNORE:
        raise DatasetError(f"{path} names {len(names)} classes; {IGNORE} is the most that a mask can hold")
    return names


def _ignore(path: Path, content: dict[str, Any]) -> int | None:
    """The value that is ignored, any integer; None where the file says that there is none."""
    ignore = content.get("ignore_index", IGNORE)
    if ignore is None:
        return None
    if not isinstance(ignore, int) or isinstance(ignore, bool):
        raise DatasetError(f'{path} has "ignore_index": {ignore!r}; write an integer, as 255, or null')
    if 0 <= ignore < len(content["classes"]):
        culprit = f"{ignore}, which is also the class '{content['classes'][ignore]}'"
        raise DatasetError(f'{path} has "ignore_index": {culprit}; write a value that no class has, as 255')
    return ignore


def _groupings(path: Path, content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    other = {key.removeprefix(_ALTERNATIVE): value for key, value in content.items() if key.startswith(_ALTERNATIVE)}
    groupings = content.get("groupings", {})
    if not isinstance(groupings, dict):
        raise DatasetError(f'{path} has "groupings" that are no object; write them as {{"NAME": {{"eyes": [3, 4]}}}}')
    groupings = other | groupings
    for name, groups in groupings.items():
        if not isinstance(groups, dict) or not groups:
            raise DatasetError(f"{path} has a grouping '{name}' without groups; write it as {{\"eyes\": [3, 4]}}")
    return groupings


def _groups(path: Path, names: list[str], groupings: dict[str, dict[str, Any]], grouping: str) -> Groups:
    if grouping in groupings:
        return declared_groups(f"the grouping '{grouping}' of {path}", names, groupings[grouping])
    words = [word.strip() for word in grouping.split(",")]
    unknown = [word for word in words if word not in names]
    if not unknown:
        return adhoc_groups(names, words)
    if len(words) > 1:
        raise DatasetError(f"{path} has no class called '{unknown[0]}': {hint(unknown[0], names)}")
    raise DatasetError(f"{path} has no grouping or class called '{grouping}': {_choice(grouping, names, groupings)}")


def _choice(word: str, names: list[str], groupings: Mapping[str, object]) -> str:
    groups = f"the groupings are {', '.join(groupings)}" if groupings else "it declares no grouping"
    mend = did_you_mean(word, [*groupings, *names]) or "take one of these, or several classes, as #eyes,mouth"
    return f"{groups} and the classes {', '.join(names)}; {mend}"


def _excluded(path: Path, content: dict[str, Any], class_names: list[str]) -> frozenset[str]:
    excluded = content.get("excluded", [])
    if not isinstance(excluded, list) or not all(isinstance(name, str) for name in excluded):
        raise DatasetError(f'{path} has "excluded": {excluded!r}; write a list of class names')
    for name in excluded:
        if name not in class_names:
            raise DatasetError(f"{path} excludes '{name}', which is no class: {hint(name, class_names)}")
    return frozenset(excluded)
