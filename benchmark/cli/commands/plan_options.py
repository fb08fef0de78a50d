"""The options of a run on the command line as a plan."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .... import UserError
from ...plan import HEADLESS, NATIVE, Plan, check_names
from ...plugins.catalogue import Catalogue
from ...plugins.names import find_dataset
from ...plugins.patterns import backbone_names, expand, expand_heads
from ...plugins.today import default_backbones
from ...run_folder import RunFolder
from ...stored_run import here
from .today import CHOICE, backbones_today

if TYPE_CHECKING:
    import torch


CHEAP = ("ridge", "prototype", "knn", "linear")
"""The heads of a run that names none: those that are done in a quarter of an hour on two cores."""
ALL = (*CHEAP, "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")
"""The same on a GPU: with all six of Table 7."""
SMALLEST = 8
"""Side of masks, pixels."""
SPLITS = ("test", "validation")
"""What can be scored; the pool is for shots."""


class PlanError(UserError):
    """A plan that cannot be carried out, in one sentence: the fact, the culprit, the mend."""


def parse_shots(text: str) -> tuple[int, ...]:
    """`1,5,10` as numbers."""
    try:
        shots = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise PlanError(f"--shots takes numbers with commas, as 1,5,10, and not {text!r}") from None
    if min(shots) < 1:
        raise PlanError(f"--shots {text} asks for fewer than one image; begin with 1")
    return shots


def parse_size(text: str) -> tuple[int, bool]:
    """`64`, `native` or `native:128` as the side that heads learn at, and whether masks are scored as they are."""
    first, _, side = text.partition(":")
    native = first == NATIVE
    number = (side or Plan.size) if native else text
    if not str(number).isdecimal() or int(number) < SMALLEST or (side and not native):
        raise PlanError(
            f"--size takes a number of pixels from {SMALLEST} on, {NATIVE} or {NATIVE}:128, and not {text!r}"
        )
    return int(number), native


def make_plan(
    dataset: str, backbones: tuple[str, ...], heads: tuple[str, ...], shots: str, draws: int, schedule: str,
    features: str, size: str, pool: int, test: int, split: str, seed: int, fit: str,
) -> Plan:  # fmt: skip
    """A plan from the options of the command line, in the order of a plan's fields."""
    side, native = parse_size(size)
    numbers = parse_shots(shots)
    return Plan(
        dataset, backbones, heads, numbers, draws, schedule, features, side, pool, test, split, seed, fit, native
    )


def resolve(plan: Plan, catalogue: Catalogue, device: torch.device | None = None) -> Plan:
    """The plan with its patterns replaced by names, and the defaults of a device where it names nothing."""
    names = (*backbone_names(catalogue), *HEADLESS)
    today = backbones_today(catalogue) if CHOICE in plan.backbones else ()
    patterns = (*today, *(pattern for pattern in plan.backbones if pattern != CHOICE))
    backbones = expand(patterns, names) if patterns else default_backbones(catalogue)
    heads = ALL if device is not None and device.type == "cuda" else CHEAP
    check_names("name", [plan.dataset, *backbones], "rename the file or folder that it stands for")
    plan = replace(plan, backbones=tuple(backbones), heads=expand_heads(plan.heads, catalogue) or heads)
    return with_fit(plan, catalogue)


def with_fit(plan: Plan, catalogue: Catalogue) -> Plan:
    """The plan with the fit of its dataset where it names none."""
    return replace(plan, fit=find_dataset(catalogue, plan.dataset).record.fitted(plan.fit).fit)


def describe_masks(plan: Plan) -> str:
    """How pictures and masks are read, in a few words."""
    square = f"--fit {plan.fit}, {plan.size} x {plan.size} pixels"
    return f"{square} to learn from, masks scored at their own size and shape" if plan.native else square


def folder_for(plan: Plan, out: Path | None) -> RunFolder:
    """The folder of a run; one that is there must hold the same protocol."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plan.dataset).strip("-.")
    folder = RunFolder(here(out or Path("runs") / name).absolute())  # wherever a plugin goes
    folder.check_same(plan)
    return folder


def find_device(name: str) -> torch.device:
    """The device of this name, if this machine has it."""
    import torch

    from ...machine import pick_device

    try:
        device = pick_device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise PlanError(f"there is no device {name!r} here ({reason}); choose auto, cpu, cuda or mps") from None
    return device


def check_choices(plan: Plan) -> None:
    """Refuse a schedule, a scaling or a split that is not there."""
    from ...run.features import SCALES
    from ...run.schedules import SCHEDULES

    for kind, chosen, choices in (
        ("schedule", plan.schedule, SCHEDULES),
        ("scaling of features", plan.scale, SCALES),
        ("split", plan.split, SPLITS),
    ):
        if chosen not in choices:
            raise PlanError(f"there is no {kind} {chosen!r}; choose {', '.join(choices)}")
