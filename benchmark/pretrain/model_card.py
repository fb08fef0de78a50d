"""The model card of a weights file: Markdown made from its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ... import one_line
from ..files import write_atomic
from .checkpoints import PretrainError

ORDER = ("config", "images", "images seen", "seconds", "began with", "taught by", "seed", "command", "hardware")
"""Facts in the order in which they are told; others follow."""


def read_metadata(weights: Path) -> dict[str, str]:
    """What a weights file says of itself: its family, its shape and the facts of its training."""
    try:
        with safe_open(weights, framework="pt") as file:
            return file.metadata() or {}
    except FileNotFoundError:
        raise PretrainError(f"there is no weights file {weights}; check its name") from None
    except (SafetensorError, OSError) as error:
        fact = f"{weights} cannot be read as safetensors ({one_line(error)})"
        raise PretrainError(f"{fact}; name a file that partbench pretrain has written") from None


def write_card(weights: Path) -> Path:
    """Write NAME.md beside NAME.safetensors, from its metadata; the page."""
    metadata = read_metadata(weights)
    with safe_open(weights, framework="pt") as file:
        parameters = sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
    path = weights.with_suffix(".md")
    write_atomic(path, page(weights.stem, metadata, parameters).encode())
    return path


def page(name: str, metadata: Mapping[str, str], parameters: int) -> str:
    """The card as Markdown: what it is, what it learnt from, and what it can do beside a trivial answer."""
    ordered = [key for key in ORDER if key in metadata]
    others = sorted(metadata.keys() - {*ORDER, "family", "measured"})
    facts = {"backbone": f"`{metadata.get('family', '')}`", "numbers": f"{parameters:,}, parameters as float16"}
    facts |= {key: _cell(metadata[key]) for key in (*ordered, *others)}
    lines = [f"# {name}", "", "| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts.items())]
    measures = json.loads(metadata.get("measured", "{}"))
    if measures:
        lines += ["", "On images that it never saw:", "", "| measure | value |", "|---|---|"]
        lines += [f"| {key} | {value:.4g} |" for key, value in measures.items()]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    """A value as a cell of the table; a JSON object as a list of its entries."""
    try:
        found = json.loads(value)
    except json.JSONDecodeError:
        found = value
    text = ", ".join(f"{k} {v}" for k, v in found.items()) if isinstance(found, dict) else value
    return text.replace("|", "\\|")
