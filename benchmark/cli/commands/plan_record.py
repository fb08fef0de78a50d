"""The output of `partbench plan` as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...cost.feasibility import Feasibility
from ...cost.forecast import materialised
from ...cost.sharing import Sharing
from ...scores.detectable import METRIC, MOST, SOURCE, DetectableDifference
from ...stored_run import folder_of, shown


def as_record(
    feasibility: Feasibility,
    detectable: Sequence[DetectableDifference],
    like: Path | None,
    free: int | None,
    disks: Mapping[Path, int],
    device: str,
    sharing: Sharing | None = None,
) -> dict[str, Any]:
    """Everything as one JSON object; seconds, bytes and points."""
    plan = feasibility.plan
    return {
        "plan": asdict(plan),
        "device": device,
        "cells": {"all": sum(1 for _ in plan.cells()), "left": sum(map(len, feasibility.left.values()))},
        "seconds": sum(one.seconds for one in feasibility.needs.values()),
        "memory": {
            "needed": feasibility.memory,
            "base": feasibility.base,
            "free": free,
            "largest": feasibility.largest,
        },
        "disk": {
            "results and heads": feasibility.disk,
            "codes": feasibility.codes,
            "free": {str(path): free for path, free in disks.items()},
        },
        **({"workers": vars(sharing) | {"longest": sharing.longest.name}} if sharing else {}),
        "backbones": [_backbone(feasibility, name) for name in plan.backbones],
        "smallest difference": {
            "metric": METRIC,
            "source": shown(folder_of(like)) if like else SOURCE,
            "power": 0.8,
            "by shots": [_promised(one) for one in detectable],
        },
    }


def _promised(one: DetectableDifference) -> dict[str, float | None]:
    """Null where no difference that two scores can have is shown."""
    bounds = ("difference", "lowest", "highest", "drop")
    return {k: v if k not in bounds or v < MOST else None for k, v in vars(one).items()}


def _backbone(feasibility: Feasibility, name: str) -> dict[str, Any]:
    figures = feasibility.figures[name]
    if figures.error:
        return {"backbone": name, "error": figures.error}
    one, shots = feasibility.needs[name], max(feasibility.plan.shots)
    cells = [{"head": c.head, "shots": c.shots, "draw": c.draw, "seconds": s} for c, s in one.cells.items()]
    return {
        "backbone": name,
        "seconds": dict(one.stages),
        "memory": one.memory,
        "codes": {"missing": dict(figures.missing), "seconds": figures.invert, "bytes": one.codes},
        "eq. (1)": {
            "channels": figures.channels,
            "materialised": materialised(figures, shots, feasibility.plan.size),
            "held": shots * figures.maps,
            "strategy": {head: head_figures.strategy for head, head_figures in figures.heads.items()},
        },
        "cells": cells,
    }
