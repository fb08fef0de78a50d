"""The baseline's file: JSON with two lines per key, so that a diff shows which scores changed."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import UserError, one_line
from ..files import UNREADABLE
from ..metrics.definitions import MetricError, find_metric
from ..metrics.estimate import Estimate
from ..results import Key
from .baseline import BLOCKS, Baseline, BaselineError, from_moves
from .leaderboard import KEYS

FORMAT = 1
"""Raised when an older reader would misread the file."""
MEND = "write it again with partbench baseline RUN --out FILE"


def as_text(baseline: Baseline) -> str:
    """The text of the file."""
    shots: dict[int, dict[int, str]] = {}
    for (count, draw), seen in baseline.shots.items():
        shots.setdefault(count, {})[draw] = seen
    head = {
        "format": FORMAT,
        "protocol": baseline.protocol,
        "plan": baseline.plan,
        "fields": baseline.fields,
        "data": baseline.data,
        "images": baseline.images,
        "shots": shots,
        "versions": baseline.versions,
        "metrics": {name: find_metric(name).formula for name in baseline.scores},
    }
    keys = dict.fromkeys(key for by_key in baseline.scores.values() for key in by_key)
    entries = ",\n".join(_entry(key, {name: by_key[key] for name, by_key in baseline.scores.items()}) for key in keys)
    return json.dumps(head, indent=1).removesuffix("\n}") + f',\n "scores": [\n{entries}\n ]\n}}\n'


def _entry(key: Key, by_metric: Mapping[str, Estimate]) -> str:
    """One key: what it is and its scores on the first line, how the images move them on the second."""
    draws = next(iter(by_metric.values())).draws
    scores = {name: [None if np.isnan(s) else float(s) for s in e.scores] for name, e in by_metric.items()}
    moves = {name: _pack(e.influence / e.images) for name, e in by_metric.items()}
    first = json.dumps(dict(zip(KEYS, key, strict=True)) | {"draws": draws, "scores": scores})
    return f"  {first.removesuffix('}')},\n   {json.dumps({'moves': moves}).removeprefix('{')}"


def _pack(moves: Any) -> str:
    return base64.b64encode(zlib.compress(moves.astype("<f2").tobytes(), 9)).decode()


def read_baseline(file: Path) -> Baseline:
    """The baseline in a file; refuses what is broken, newer, or of metrics that are not known here."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        version = int(record["format"])
        if version != FORMAT:
            raise BaselineError(f"{file} has format {version}, and this partbench reads {FORMAT}; {_renew(version)}")
        _check_metrics(file, record["metrics"])
        return _baseline_in(record)
    except BaselineError:
        raise
    except FileNotFoundError:
        raise BaselineError(f"there is no baseline {file}; make it with partbench baseline RUN --out {file}") from None
    except UNREADABLE as error:
        raise BaselineError(f"{file} is no baseline, or a damaged one ({one_line(error)}); {MEND}") from None


def _renew(version: int) -> str:
    return "install a newer one" if version > FORMAT else MEND


def _check_metrics(file: Path, metrics: Mapping[str, str]) -> None:
    for name, formula in metrics.items():
        try:
            current = find_metric(name).formula
        except MetricError:
            raise BaselineError(f"{file} has the metric {name!r}, which this partbench has not; {MEND}") from None
        if current != formula:
            raise BaselineError(f"{file} has another definition of the metric {name!r}; {MEND}")


def _baseline_in(record: Mapping[str, Any]) -> Baseline:
    images = int(record["images"])
    scores: dict[str, dict[Key, Estimate]] = {str(name): {} for name in record["metrics"]}
    if images < 1 or not scores or not record["scores"]:
        raise UserError("it holds no score")
    for entry in record["scores"]:
        key = (str(entry["backbone"]), str(entry["head"]), int(entry["shots"]))
        for name, by_key in scores.items():
            if key in by_key:
                raise UserError(f"{' '.join(map(str, key))} stands there twice")
            by_key[key] = _estimate_in(entry["draws"], entry["scores"][name], entry["moves"][name], images)
    return Baseline(
        protocol=int(record["protocol"]),
        plan=str(record["plan"]),
        fields=dict(record["fields"]),
        data=record["data"],
        images=images,
        shots={(int(n), int(d)): str(h) for n, draws in record["shots"].items() for d, h in draws.items()},
        versions=dict(record["versions"]),
        scores=scores,
    )


def _estimate_in(draws: Sequence[int], scores: Sequence[float | None], packed: str, images: int) -> Estimate:
    blocks = min(BLOCKS, images)
    wanted = 2 * len(draws) * blocks  # bytes; no more are unpacked
    data = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), wanted + 1)
    moves = np.frombuffer(data, dtype="<f2")
    if not draws or len({*draws}) != len(draws) or len(scores) != len(draws) or len(data) != wanted:
        raise UserError(f"{len(draws)} draws with {len(scores)} scores and {len(moves)} moves of {blocks} blocks")
    values = [float("nan") if score is None else float(score) for score in scores]
    if np.isinf(moves).any() or any(score is not None and not 0 <= score <= 100 for score in scores):
        raise UserError("a score is not between 0 and 100, or a move without end")
    return from_moves([int(draw) for draw in draws], values, moves.reshape(len(draws), blocks))
