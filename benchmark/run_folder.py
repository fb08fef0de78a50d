"""The folder of a run: its plan, what it was made with, and its cells, each held against both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import one_line
from ..datasets.dataset import CROP
from .files import UNREADABLE, write_atomic
from .plan import PROTOCOL, Cell, Plan, check_names
from .results import CellResult, ResultError, read_result, write_result
from .stored_run import shown

PRESET_FILE = "preset.json"  # in the folder of a preset, whose runs lie in folders below


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.json"

    def cell_file(self, cell: Cell) -> Path:
        return self.path / "cells" / f"{cell.slug}.json"

    def write_plan(self, plan: Plan, facts: Mapping[str, Any]) -> None:
        write_atomic(self.plan_file, json.dumps({"plan": asdict(plan), **facts}, indent=1).encode())

    def read_plan(self) -> Plan:
        """The plan of everything that was ever run into this folder."""
        return self._read_plan_file()[1]

    def read_data(self) -> str | None:
        """The hash of the images that the run was made with."""
        data = self._plan_record().get("data")
        return None if data is None else str(data)

    def read_shots(self) -> tuple[tuple[str, ...], ...]:
        """The shots of every draw by name; none where they are not written down."""
        try:
            return tuple(tuple(map(str, draw)) for draw in self._plan_record().get("shots", ()))
        except TypeError:
            return ()

    def read_contents(self) -> Mapping[str, Mapping[str, Any]]:
        """The digests of images and masks, by split and name, that the run was made with; none of an older run."""
        contents = self._plan_record().get("contents")
        return contents if isinstance(contents, Mapping) else {}

    def read_classes(self) -> tuple[str, ...]:
        """The classes that the run was made with; none of an older run."""
        classes = self._plan_record().get("classes")
        return tuple(map(str, classes)) if isinstance(classes, list) else ()

    def check_same(self, plan: Plan, data: str | None = None, difference: str = "") -> None:
        """Refuse to add to a run of another protocol, or of other data than this hash is of; `difference` says how."""
        if not self.plan_file.exists():
            return
        earlier, what = self.read_plan(), ""
        if earlier.hash != plan.hash:
            what = f"another protocol ({earlier.differences(plan, ', not ')})"
        elif data is not None and self.read_data() != data:
            what = difference or f"other images of {plan.dataset}"
        if what:
            mend = ", or put back what was scored" if difference else ""
            raise ResultError(f"{shown(self.path)} holds a run with {what}; choose another --out{mend}")

    def scored(self, cell: Cell) -> CellResult | None:
        """The result of a cell that has a score; raises `ResultError` where its file is damaged, or foreign."""
        result = self.read(cell)
        return None if result is None or result.error else result

    def scored_backbones(self) -> frozenset[str]:
        """Those of which some cell has counts; none is read."""
        cells = self.read_plan().cells()
        return frozenset(cell.backbone for cell in cells if self.cell_file(cell).with_suffix(".npz").exists())

    def _plan_record(self) -> Mapping[str, Any]:
        return self._read_plan_file()[0]

    def _read_plan_file(self) -> tuple[Mapping[str, Any], Plan]:
        try:
            there = self.plan_file.stat()
            return _read_plan(self.plan_file, there.st_ino, there.st_mtime_ns)
        except FileNotFoundError:
            raise ResultError(self._no_run()) from None
        except UNREADABLE as error:
            mend = "delete it and run the same commands again, which keeps the scores"
            raise ResultError(
                f"{shown(self.path)}/{self.plan_file.name} is damaged ({one_line(error)}); {mend}"
            ) from None

    def _no_run(self) -> str:
        if (self.path / PRESET_FILE).exists():
            runs = ", ".join(str(file.parent) for file in sorted(self.path.glob("*/plan.json"))) or "none is begun yet"
            return f"{self.path} is the folder of a preset; name one of its runs ({runs})"
        return f"{shown(self.path)} holds no run (no plan.json); name a folder of partbench run"

    def write(self, result: CellResult) -> None:
        write_result(self.cell_file(result.cell), result)

    def read(self, cell: Cell) -> CellResult | None:
        """The result of a cell, None if it has not been computed."""
        file = self.cell_file(cell)
        if not file.exists():
            return None
        result = read_result(file, called := self._called(cell))
        if result.cell != cell:
            what = f"is of another cell, {result.cell.slug}"
            raise ResultError(f"{called} {what}; delete it and run the same command again")
        self._check_origin(result)
        return result

    def _check_origin(self, result: CellResult) -> None:
        """Refuse a cell that says otherwise than the run that it lies in, as far as both say it."""
        if not self.plan_file.exists():
            return
        ours, theirs = _run_facts(*self._read_plan_file(), result.cell), _cell_facts(result)
        for fact in ours:
            if None not in (ours[fact], theirs[fact]) and ours[fact] != theirs[fact]:
                what = f"is of another run ({fact} {theirs[fact]}, not {ours[fact]})"
                raise ResultError(f"{self._called(result.cell)} {what}; delete it and run the same command again")

    def _called(self, cell: Cell) -> str:
        """The name of a cell's file, as people know it."""
        return f"{shown(self.path)}/cells/{self.cell_file(cell).name}"

    def results(self, cells: Iterable[Cell] | None = None) -> tuple[list[CellResult], list[ResultError]]:
        """What there is of these cells (by default all of the plan) in their order, and what is set aside.

        That are files that are damaged or of another run, and scores that later ones of the same backbone or head have
        left behind, being of other weights or code.
        """
        found, damaged = [], []
        for cell in self.read_plan().cells() if cells is None else cells:
            try:
                result = self.read(cell)
            except ResultError as error:
                damaged.append(error)
                continue
            if result is not None:
                found.append(result)
        latest, outdated = split_outdated(found)
        return latest, [
            *damaged,
            *(ResultError(f"{shown(self.path)}: {sentence}; run the same command again") for sentence in outdated),
        ]


@lru_cache(maxsize=8)
def _read_plan(file: Path, _number: int, _time: int) -> tuple[Mapping[str, Any], Plan]:
    """What plan.json holds, which every cell is held against: read once while it is the same file."""
    record = json.loads(file.read_text())
    return record, plan_in(record)


def plan_in(record: Any) -> Plan:
    """The plan that a record says it is of."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record["plan"].items()}
    plan = Plan(**{"fit": CROP} | fields)  # as all pictures were read before there was a choice
    check_names("name", [plan.dataset, *plan.backbones, *plan.heads])
    for _ in plan.cells():  # whatever cannot be crossed is no plan
        pass
    return plan


def _run_facts(record: Mapping[str, Any], plan: Plan, cell: Cell) -> dict[str, Any]:
    """What the plan of a run says of a cell."""
    facts = {fact: record.get(fact) for fact in ("data", "classes", "excluded", "images")}
    return {**facts, "plan": plan.hash, "seed": cell.seed(plan.seed)}


def _cell_facts(result: CellResult) -> dict[str, Any]:
    """The same as a cell says it."""
    facts = {fact: result.provenance.get(fact) for fact in ("data", "plan", "seed")}
    if result.provenance.get("protocol", PROTOCOL) != PROTOCOL:  # whose plans had other hashes
        del facts["plan"]
    images = None if result.confusion is None else len(result.confusion)
    return {"plan": None, **facts, "classes": list(result.classes), "excluded": list(result.excluded), "images": images}


def split_outdated(results: Sequence[CellResult]) -> tuple[list[CellResult], list[str]]:
    """The results that nothing has left behind, and sentences that count the others."""
    scored = [result for result in results if not result.error]
    latest: dict[str, str] = {}
    for result in sorted(scored, key=lambda result: str(result.provenance.get("finished"))):
        latest |= result.makers
    changes = {
        id(result): [what for what, value in result.makers.items() if latest[what] != value] for result in scored
    }
    counts = Counter(what for found in changes.values() for what in found)
    sentences = [
        f"{count} score{'s are' if count > 1 else ' is'} of other {what} than the latest"
        for what, count in counts.items()
    ]
    return [result for result in results if not changes.get(id(result))], sentences
