"""`partbench check`: hold a record to its contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rich.markup import escape

from ..naming import NamingError, backbone_names, expand, family_of, find_backbone, find_dataset, find_head
from ..plugins import Catalogue, load_catalogue
from ..terminal import open_console


def find(catalogue: Catalogue, name: str) -> tuple[Any, tuple[Callable[[Any], None], ...]]:
    """The record of this name, whichever shelf it stands on, and the checks of that shelf."""
    from ...backbones import checks as backbone_checks
    from ...datasets import checks as dataset_checks
    from ...heads import checks as head_checks

    if name in catalogue.heads:
        return find_head(catalogue, name).record, head_checks.CHECKS
    if family_of(name) in catalogue.datasets:
        return find_dataset(catalogue, name).record, dataset_checks.CHECKS
    try:
        return find_backbone(catalogue, name).record, backbone_checks.CHECKS
    except NamingError as error:
        raise NamingError(f"{error} (nor is there a head or a dataset of that name)") from None


def names_of(catalogue: Catalogue, pattern: str) -> tuple[str, ...]:
    """The records that a name or pattern stands for; a family's examples where it asks for all of a family."""
    offers = catalogue.backbones.items()
    examples = (f"{name}:{variant}" for name, offer in offers for variant in offer.record.examples)
    known = (*catalogue.heads, *backbone_names(catalogue), *examples)
    return expand([pattern], known, "head or backbone")


def show(pattern: str, as_json: bool) -> int:
    """Run every check on every record and say which fail; 1 if any does."""
    catalogue, console = load_catalogue(), open_console(quiet=as_json)
    outcomes: dict[str, dict[str, str | None]] = {}
    names = names_of(catalogue, pattern)
    for name in names:
        record, checks = find(catalogue, name)
        if len(names) > 1:
            console.print(escape(name), style="bold")
        outcomes[name] = {}
        for check in checks:
            error = outcomes[name][check.__name__] = _outcome(check, record)
            mark = "[green]passes[/]" if error is None else f"[red]fails[/]  {escape(error)}"
            console.print(f"{check.__name__.removeprefix('check_'):20} {mark}")
    if as_json:
        listed = [{"name": name, "checks": found} for name, found in outcomes.items()]
        print(json.dumps(listed if len(names) > 1 else listed[0], indent=1))
    return int(any(error for found in outcomes.values() for error in found.values()))


def _outcome(check: Callable[[Any], None], record: Any) -> str | None:
    try:
        check(record)
    except Exception as error:  # a check reports whatever the record raises
        return " ".join(str(error).split()) or type(error).__name__
    return None
