"""The JSON files beside a folder's images, and the words that errors about them share."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..dataset import DatasetError


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
    return content


def hint(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    names = list(known)
    return f"there are {enumeration(names, most=40)}; {did_you_mean(word, names) or 'take one of these'}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question about the known word nearest to an unknown one, or nothing where none is near."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def enumeration(items: Iterable[object], most: int = 3) -> str:
    """The first few items in words: `a, b, c and 4 more`."""
    words = [str(item) for item in items]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
