"""The plugin contract: runs every check of a record, for `partbench check` and for pytest.

::

    @pytest.mark.parametrize(("check", "record"), cases(partbench_backbones()))
    def test_the_contract_is_kept(check, record):
        check(record)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from ... import one_line
from ...backbones.backbone import Backbone
from ...datasets.dataset import Dataset
from ...heads.head import Head
from .calls import plugin_call

Record: TypeAlias = Backbone | Head | Dataset
Check: TypeAlias = Callable[[Any], None]

NOUNS: dict[type[Any], str] = {Backbone: "backbone", Head: "head", Dataset: "dataset"}


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one check on a record."""

    check: str
    error: str | None = None
    """What the check found; None if it passes."""
    reason: str | None = None
    """Why the record is known to fail it."""

    @property
    def good(self) -> bool:
        """Whether it did what the record says: pass, or fail where a failure is known."""
        return (self.error is None) == (self.reason is None)

    @property
    def word(self) -> str:
        if self.reason is None:
            return "passes" if self.error is None else "fails"
        return "fails as declared" if self.error else "passes, but is declared to fail"


def noun_of(record: Record) -> str:
    """`backbone`, `head` or `dataset`."""
    return NOUNS[type(record)]


def checks_for(record: Record) -> dict[str, Check]:
    """The checks of a record's shelf by name, as `aligned`; torch is imported with them."""
    module = import_module(f"partbench.{noun_of(record)}s.checks")
    return {check.__name__.removeprefix("check_"): check for check in module.CHECKS}


def examine(record: Record) -> Iterator[CheckOutcome]:
    """Run every check, one after the other; whatever the record raises is an outcome."""
    checks = checks_for(record)
    for name, check in checks.items():
        yield CheckOutcome(name, _error(check, record), record.known_failures.get(name))
    for name, reason in record.known_failures.items():
        if name not in checks:
            yield CheckOutcome(
                name, f"there is no check '{name}' to be known to fail; the checks are {', '.join(checks)}"
            )
        elif not reason.strip():
            yield CheckOutcome(name, f"{record.name} is declared to fail {name} without a reason; write why")


def cases(records: Iterable[Record]) -> list[Any]:
    """A check and a record for `pytest.mark.parametrize`; a known failure must fail, and shows its reason."""
    import pytest

    return [
        pytest.param(check, record, id=f"{record.name}-{name}", marks=_marks(pytest, record.known_failures.get(name)))
        for record in records
        for name, check in checks_for(record).items()
    ]


def _marks(pytest: Any, reason: str | None) -> Any:
    return () if reason is None else (pytest.mark.xfail(reason=reason, strict=True),)


def _error(check: Check, record: Record) -> str | None:
    left: list[str] = []
    try:
        with plugin_call(record.name, left.append):
            check(record)
    except Exception as error:  # a check reports whatever the record raises
        return one_line(error)
    return left[0] if left else None
