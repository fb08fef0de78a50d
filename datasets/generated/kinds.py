"""What an annotation file is, told by its content: a file's name is the user's, and tools name theirs alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from ... import one_line
from ..dataset import DatasetError

COCO_PARTS = ("images", "annotations", "categories")


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error) from None


def read_object(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file of labelme's or COCO."""
    content = read_json(path)
    if not kind_of(content):
        refuse(path, content)
    found: Mapping[str, Any] = content
    return found


def kind_of(content: Any) -> str:
    """`coco` or `labelme`, or nothing for a file that is neither."""
    if isinstance(content, Mapping):
        if all(part in content for part in COCO_PARTS):
            return "coco"
        if "shapes" in content or "imagePath" in content:
            return "labelme"
    return ""


def refuse(path: Path, content: Any) -> NoReturn:
    """Say what a JSON file is that is neither labelme's nor COCO."""
    lacks = [part for part in COCO_PARTS if not isinstance(content, Mapping) or part not in content]
    fact, mend = f"{path} has no {' and no '.join(lacks)}", "export COCO from the tool"
    for foreign, tool in _FOREIGN.items():
        if _has(content, foreign.split()):
            fact, mend = f"{path} is {tool}", f"{mend} instead"
            break
    else:
        if isinstance(content, list):
            fact = f"{path} is a list of tasks, as Label Studio's JSON and JSON-MIN are, and COCO is wanted"
            mend = "choose COCO in Label Studio's export"
    raise DatasetError(f"{fact}; {mend}")


_FOREIGN = {
    "[] image_id category_id": "a list of COCO results, without the images and categories that they are of",
    "{} filename regions": "of the VGG Image Annotator",
    "_via_img_metadata": "of the VGG Image Annotator",
    "categories items": "Datumaro's JSON",
    "objects size": "Supervisely's JSON",
    "data annotations": "one task of Label Studio's JSON",
    "type features": "GeoJSON",
    "images annotations info": "COCO without categories, as of captions",
}
"""Formats of others by keys that only they have; after `[]` of the first in a list, after `{}` of the first value."""


def _has(content: Any, keys: list[str]) -> bool:
    """Whether a content has all of these keys where they stand."""
    if keys[0] == "[]":
        content = content[0] if isinstance(content, list) and content else None
    elif keys[0] == "{}":
        content = next(iter(content.values()), None) if isinstance(content, Mapping) else None
    return isinstance(content, Mapping) and all(key in content for key in keys if key not in ("[]", "{}"))


def unreadable(path: Path, error: Exception) -> DatasetError:
    """The error that names an annotation file that is not as its format says."""
    reason = f"no {error}" if isinstance(error, KeyError) else one_line(error)
    return DatasetError(f"{path} cannot be read ({reason}); save it again from the tool")
