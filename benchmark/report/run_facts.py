"""Facts of a run: machines, versions, weights, dates and flags."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..auto_shot_names import is_auto_shot
from ..results import CellResult


@dataclass(frozen=True)
class ScoreOrigin:
    """The provenance of a backbone's scores."""

    provider: str
    weights: str
    settings: str
    seconds: float | None
    """Per image, inversion included."""
    contract: str
    """How it stands with `partbench check`; empty where the run noted nothing."""
    errors: tuple[float, ...] | None
    """Root mean square error of every test image's reconstruction, for backbones that images enter by inversion."""


@dataclass(frozen=True)
class RunFacts:
    """The provenance that scored cells share."""

    hardware: tuple[str, ...]
    versions: tuple[str, ...]
    dates: tuple[str, ...]
    """First and last, to the minute."""
    protocol: str
    plan: str
    """Hash of all that must agree for scores to be compared."""
    data: str
    """Hash of the images."""
    sources: Mapping[str, ScoreOrigin]
    """By backbone."""


def gather_facts(results: Sequence[CellResult], contracts: Mapping[str, str]) -> RunFacts:
    """The facts in the provenance of scored cells; files that were edited by hand may lack any of them."""
    provenances = [result.provenance for result in results]
    dates = sorted(str(p["finished"])[:16].replace("T", " ") for p in provenances if p.get("finished"))
    return RunFacts(
        hardware=_different(_machine(p.get("hardware")) for p in provenances),
        versions=_different(_pairs(p.get("versions")) for p in provenances),
        dates=_different((*dates[:1], *dates[-1:])),
        protocol=format_value(provenances[0].get("protocol")),
        plan=format_value(provenances[0].get("plan")),
        data=format_value(provenances[0].get("data")),
        # A segmenter's own speed is not its backbone's.
        sources={
            r.cell.backbone: _source(r, contracts) for r in sorted(results, key=lambda r: not is_auto_shot(r.cell.head))
        },
    )


def _source(result: CellResult, contracts: Mapping[str, str]) -> ScoreOrigin:
    provenance = result.provenance
    errors = provenance.get("reconstruction error")
    images = 0 if result.confusion is None else len(result.confusion)
    numbers = [number(error) for error in errors] if isinstance(errors, list) else []
    kept = tuple(error for error in numbers if error is not None)
    return ScoreOrigin(
        provider=format_value(provenance.get("provider")),
        weights=format_value(provenance.get("weights")),
        settings=format_value(provenance.get("settings")),
        seconds=number(provenance.get("seconds per image")),
        contract=contracts.get(result.cell.backbone, ""),
        errors=kept if len(kept) == len(numbers) == images else None,
    )


def number(value: Any) -> float | None:
    """A finite number of 0 or more, or None."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if good else None


def format_value(value: Any) -> str:
    """A JSON value in one line; empty for null."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return _pairs(value)
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(value: Any) -> str:
    pairs = value.items() if isinstance(value, Mapping) else ()
    return ", ".join(f"{name} {format_value(one)}" for name, one in pairs if one is not None)


def _machine(value: Any) -> str:
    hardware = value if isinstance(value, Mapping) else {}
    parts = [format_value(hardware.get("name"))]
    for name in ("cores", "threads"):
        parts += (
            [f"{format_value(hardware[name])} {name if hardware[name] != 1 else name[:-1]}"]
            if hardware.get(name)
            else []
        )
    parts += [f"on {format_value(hardware['device'])}"] if hardware.get("device") else []
    return ", ".join(part for part in parts if part)


def _different(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
