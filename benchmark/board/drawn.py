"""What partbench knows of the images that it draws: no first submission of them is taken at its word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ..plan import Plan
from ..shots import draw_shots
from .dataset_record import DatasetRecord

UNLABELLED = "unlabelled"


@cache
def drawn_facts() -> Mapping[str, Mapping[str, Any]]:
    """By dataset, as `run/drawn_facts.py` writes them."""
    facts: Mapping[str, Mapping[str, Any]] = json.loads((files(__package__) / "drawn.json").read_text())
    return facts


def is_drawn(dataset: str) -> bool:
    """Whether this is the name of images that partbench draws, whatever is known of them."""
    return dataset.partition("#")[0] in {name.partition("#")[0] for name in drawn_facts()}


def known_splits(plan: Plan) -> Mapping[str, Mapping[str, Sequence[Any]]]:
    """By split and name what is known of images at a plan's size: both digests, and classes or pixels."""
    facts = drawn_facts().get(plan.dataset)
    return facts["splits"] if facts and facts["size"] == plan.size and not plan.native else {}


def contradictions(record: DatasetRecord, plan: Plan) -> Iterator[str]:
    """In what a record is not as partbench draws it."""
    facts = drawn_facts().get(plan.dataset)
    if facts and (list(record.classes), list(record.excluded)) != (facts["classes"], facts["excluded"]):
        yield f"its classes are not those of {plan.dataset}"
    known = known_splits(plan)
    for split, images in record.contents.items():
        ours = known.get(split, {})
        if list(images)[: len(ours)] != list(ours)[: len(images)]:
            yield f"its {split} images are not the first ones of {plan.dataset}"
        names = [name for name, digests in images.items() if name in ours and list(digests) != ours[name][:2]]
        if names:
            yield f"{len(names)} {split} images of {plan.dataset} are not as partbench draws them ({names[0]} first)"
    ours = known.get(record.split, {})
    rows = zip(record.tested, record.truth, strict=True)
    wrong = [name for name, pixels in rows if name in ours and list(pixels) != ours[name][2]]
    if wrong:
        yield f"{len(wrong)} masks of {plan.dataset} have other pixels than partbench draws ({wrong[0]} first)"


def not_known(record: DatasetRecord, plan: Plan) -> int:
    """How many labelled images partbench ships no facts of."""
    known = known_splits(plan)
    return sum(
        name not in known.get(s, {}) for s, images in record.contents.items() if s != UNLABELLED for name in images
    )


def shots_drawn(record: DatasetRecord, plan: Plan) -> tuple[tuple[str, ...], ...] | None:
    """The shots that the seed of a plan draws; None where some image of the pool is not known."""
    pool = known_splits(plan).get("pool", {})
    names = list(record.contents.get("pool", ()))
    if not names or any(name not in pool for name in names) or max(plan.shots) > len(names):
        return None
    present = [frozenset(pool[name][2]) for name in names]
    draws = draw_shots(present, max(plan.shots), plan.draws, plan.seed)
    return tuple(tuple(names[i] for i in draw) for draw in draws)
