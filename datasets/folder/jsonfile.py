"""The JSON files beside a folder's images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..dataset import DatasetError
from ..files.listing import composed


def find_json(folder: Path, name: str) -> Path | None:
    """A JSON file of the folder, or of its parent, which several versions of the same images may share."""
    here = folder / name
    above = folder.resolve().parent / name
    return next((path for path in (here, above) if path.is_file()), None)


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({error}); mend it there") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds a {type(content).__name__}; it must hold an object, as {{...}}")
    # Names are spelled as those of files and options are, also where an accent is escaped.
    composed_content: dict[str, Any] = json.loads(composed(json.dumps(content, ensure_ascii=False)))
    return composed_content
