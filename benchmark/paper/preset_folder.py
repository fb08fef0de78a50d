"""The folder of a preset: `preset.json`, which says what is in it, and the folder of a run for each part."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import one_line
from ..files import UNREADABLE, write_atomic
from ..plan import file_name
from ..results import CellResult, ResultError
from ..run_folder import PRESET_FILE, RunFolder
from .preset import Preset, PresetError, PresetRun


@dataclass(frozen=True)
class PresetFolder:
    """Where the runs of a preset at one scale lie."""

    path: Path

    @property
    def file(self) -> Path:
        return self.path / PRESET_FILE

    def run_of(self, part: PresetRun) -> RunFolder:
        return RunFolder(self.path / file_name(part.name))

    def write(self, preset: Preset) -> None:
        """Note what the folder holds from now on; another preset, or one at another scale, is refused."""
        if self.file.exists():
            stored = self.read()
            if (stored.name, stored.scale) != (preset.name, preset.scale):
                what = f"the preset {stored.name} at the scale {stored.scale}"
                raise PresetError(f"{self.path} holds {what}; choose another --out")
        elif (self.path / "plan.json").exists():
            raise PresetError(f"{self.path} holds a run that is no preset's; choose another --out")
        write_atomic(self.file, json.dumps(preset.as_record(), indent=1).encode())

    def read(self) -> Preset:
        """What the folder holds."""
        try:
            return Preset.from_record(json.loads(self.file.read_text()))
        except UNREADABLE as error:
            mend = "delete it and run the same command again, which keeps the scores"
            raise ResultError(f"{self.file} is damaged ({one_line(error)}); {mend}") from None

    def results(self, preset: Preset) -> tuple[dict[str, Sequence[CellResult]], list[ResultError]]:
        """The results of every part by its name, and which files are damaged; a part that was not begun has none."""
        found: dict[str, Sequence[CellResult]] = {}
        damaged: list[ResultError] = []
        for part in preset.parts:
            run = self.run_of(part)
            begun = run.plan_file.exists()
            if not begun or run.read_plan().hash == part.plan.hash:
                found[part.name], bad = run.results(part.plan.cells())
                damaged += bad
                continue
            mend = "run the preset again, or name that run alone"
            damaged.append(ResultError(f"{run.path} is not of the protocol that {self.file} says; {mend}"))
            found[part.name] = []
        return found, damaged


def runs_behind(paths: Iterable[Path]) -> list[Path]:
    """These folders, those of presets replaced by the runs of theirs that are begun."""
    found: list[Path] = []
    for path in paths:
        folder = PresetFolder(path)
        runs = [folder.run_of(part) for part in folder.read().parts] if is_preset(path) else []
        begun = [run.path for run in runs if run.plan_file.exists()]
        found += begun or [path]
    return found


def is_preset(path: Path) -> bool:
    """Whether a folder is a preset's."""
    return (path / PRESET_FILE).is_file()
