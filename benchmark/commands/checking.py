"""`partbench check`: hold a record to its contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..naming import NamingError, find_backbone, find_dataset, find_head
from ..plugins import Catalogue, load_catalogue


def find(catalogue: Catalogue, name: str) -> tuple[Any, tuple[Callable[[Any], None], ...]]:
    """The record of this name, whichever shelf it stands on, and the checks of that shelf."""
    from ...backbones import checks as backbone_checks
    from ...datasets import checks as dataset_checks
    from ...heads import checks as head_checks

    if name in catalogue.heads:
        return find_head(catalogue, name).record, head_checks.CHECKS
    if name.partition(":")[0] in catalogue.datasets:
        return find_dataset(catalogue, name).record, dataset_checks.CHECKS
    try:
        return find_backbone(catalogue, name).record, backbone_checks.CHECKS
    except NamingError as error:
        raise NamingError(f"{error} (nor is there a head or a dataset of that name)") from None


def show(name: str, as_json: bool) -> int:
    """Run every check and say which fail; 1 if any does."""
    record, checks = find(load_catalogue(), name)
    outcomes = {check.__name__: _outcome(check, record) for check in checks}
    if as_json:
        print(json.dumps({"name": name, "checks": outcomes}, indent=1))
    else:
        console = Console()
        for check, error in outcomes.items():
            mark = "[green]passes[/]" if error is None else f"[red]fails[/]  {escape(error)}"
            console.print(f"{check.removeprefix('check_'):20} {mark}")
    return int(any(outcomes.values()))


def _outcome(check: Callable[[Any], None], record: Any) -> str | None:
    try:
        check(record)
    except Exception as error:  # a check reports whatever the record raises
        return " ".join(str(error).split()) or type(error).__name__
    return None
