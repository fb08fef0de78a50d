"""A submission: the scores of one backbone under one protocol, as small files that can be checked without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from ... import one_line
from ..files import UNREADABLE
from ..metrics.definitions import DEFAULT, find_metric
from ..plan import Plan
from ..results import CellResult
from . import cells_file
from .layout import CARD, CELLS, FORMAT, HEAD, BoardError, at, protocol_name, submission_path

DIGITS = 3
"""Of a printed score, in per cent."""
MOST_PARAMETERS = 10**13
"""Of a network: several times those of the largest that is known."""
SHARED = ("protocol", "plan", "data", "weights")
"""The provenance that a submission says for all of its cells."""
Key = tuple[str, int]
"""Head and shots."""


@dataclass(frozen=True)
class Submission:
    """The scores that one submitter adds to a board: one backbone on one dataset under one protocol."""

    by: str
    """Who submits it."""
    date: str
    """Day of its last cell, UTC."""
    protocol: int
    plan: Plan
    """What was crossed, its one backbone alone."""
    data: str
    """Hash of the images, masks and classes."""
    weights: str | None
    """Hash of the weights."""
    licence: str
    """Of the weights."""
    shots: tuple[tuple[str, ...], ...]
    """Names of the shots of every draw."""
    cells: tuple[CellResult, ...]
    """All scored."""
    findings: Mapping[str, Any] | None = None
    """What the guards of the run found, as `flags.py` keeps it, of this backbone alone and without hashes."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """Sign-offs by noun and name, as a run keeps them."""

    @property
    def backbone(self) -> str:
        return self.plan.backbones[0]

    @property
    def parameters(self) -> int | None:
        """Numbers in its network; None where no cell says how many, as those of earlier runs."""
        return next((n for result in self.cells if can_be_parameters(n := result.provenance.get("parameters"))), None)

    @property
    def group(self) -> tuple[str, str]:
        """The folders of what it may be compared with: protocol and dataset."""
        return protocol_name(self.protocol, self.plan.hash), at(self.plan.dataset, self.data)

    @property
    def path(self) -> PurePosixPath:
        """Where it lies on a board."""
        return submission_path(*self.group, at(self.backbone, self.weights), self.by, self.date)

    @property
    def shared(self) -> dict[str, Any]:
        return {"protocol": self.protocol, "plan": self.plan.hash, "data": self.data, "weights": self.weights}

    @cached_property
    def scores(self) -> list[dict[str, Any]]:
        """By head and shots, in the order of its cells: the mean over draws of every usual metric, in per cent."""
        groups: dict[Key, list[CellResult]] = {}
        for result in self.cells:
            groups.setdefault((result.cell.head, result.cell.shots), []).append(result)
        return [
            {"head": head, "shots": shots, "draws": len(group), **{name: _score(group, name) for name in DEFAULT}}
            for (head, shots), group in groups.items()
        ]

    @cached_property
    def record(self) -> dict[str, Any]:
        """What `submission.json` holds."""
        first = self.cells[0]
        return {
            "format": FORMAT,
            **{name: getattr(self, name) for name in ("by", "date", "protocol")},
            "plan": asdict(self.plan),
            "data": self.data,
            "classes": first.classes,
            "excluded": first.excluded,
            "images": 0 if first.confusion is None else len(first.confusion),
            "weights": self.weights,
            "licence": self.licence,
            "shots": self.shots,
            "scores": self.scores,
            "guards": self.findings,
            "checks": self.checks,
            "cells": len(self.cells),
            "counts": cells_file.digest(self._own()),
        }

    def files(self) -> dict[str, bytes]:
        """The bytes of its files by name; the same submission is the same bytes."""
        return {**self.texts(), CELLS: cells_file.pack(self._own())}

    def texts(self) -> dict[str, bytes]:
        """Those of its files that say what the third one counts."""
        from .card import card

        head = json.dumps(self.record, indent=1, allow_nan=False)
        return {CARD: card(self).encode(), HEAD: f"{head}\n".encode()}

    def _own(self) -> list[CellResult]:
        shared = self.shared
        return [cells_file.without(result, shared) for result in self.cells]


def can_be_parameters(value: Any) -> bool:
    """Whether a network may have so many."""
    return type(value) is int and 0 < value <= MOST_PARAMETERS


def _score(group: list[CellResult], name: str) -> float | None:
    metric = find_metric(name)
    scores = [
        metric.pooling.score(r.confusion, metric.scored(r.classes, r.excluded))
        for r in group
        if r.confusion is not None
    ]
    mean = 100 * float(np.mean(scores))
    return None if pd.isna(mean) else round(mean, DIGITS)


def read_submission(folder: Path) -> Submission:
    """The submission in a folder, as its files say it; nothing is held against anything yet."""
    try:
        record = read_json(folder / HEAD)
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}, where this partbench knows {FORMAT}")
        return _submission(record, (folder / CELLS).read_bytes())
    except UNREADABLE as error:
        what = f"no {error}" if isinstance(error, KeyError) else one_line(error)
        raise BoardError(f"it cannot be read ({what}); submit the run again") from None


def open_submission(folder: Path) -> Submission:
    """The submission in a folder that somebody named."""
    if not (folder / HEAD).is_file():
        mend = "name the folder of one, as BOARD/submissions/PROTOCOL/DATASET/BACKBONE/NAME-DATE"
        raise BoardError(f"{folder} is no submission (it holds no {HEAD}); {mend}")
    try:
        return read_submission(folder)
    except BoardError as error:
        raise BoardError(f"{folder}: {error}") from None


def read_json(file: Path) -> Any:
    """What a JSON file holds; NaN and infinity are no JSON."""
    return json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _submission(record: Mapping[str, Any], data: bytes) -> Submission:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record["plan"].items()}
    plan = Plan(**fields)
    names = {k: str(record[k]) for k in ("by", "date", "data", "licence")}
    weights = None if record["weights"] is None else str(record["weights"])
    shared = {"protocol": record["protocol"], "plan": plan.hash, "data": names["data"], "weights": weights}
    classes, excluded = (tuple(map(str, record[k])) for k in ("classes", "excluded"))
    return Submission(
        **names,
        protocol=int(record["protocol"]),
        plan=plan,
        weights=weights,
        shots=tuple(tuple(map(str, draw)) for draw in record["shots"]),
        cells=cells_file.unpack(data, plan.backbones[0], classes, excluded, shared),
        findings=record["guards"],
        checks=record["checks"],
    )
