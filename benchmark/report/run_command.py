"""The command line of a run, to be typed again."""

from __future__ import annotations

import shlex

from ..plan import Plan


def run_command(plan: Plan) -> str:
    """The command that makes this run again."""
    options: list[tuple[str, object]] = [("dataset", plan.dataset)]
    options += [("backbone", name) for name in plan.backbones] + [("head", name) for name in plan.heads]
    options += [("shots", ",".join(map(str, plan.shots)))]
    options += [("draws", plan.draws)]
    options += [(name, value) for name, value in plan.options().items() if name != "dataset"]
    words = [f"--{name} {shlex.quote(str(value))}" for name, value in options]
    return " ".join(["partbench run", *words])
