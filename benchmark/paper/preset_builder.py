"""Builds the plans of a preset at a scale from its file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..plan import NO_HEAD, Plan
from .preset import Claim, Preset, PresetError, PresetRow, PresetRun
from .published_scores import PaperTable, read_tables
from .user_paths import DATA, UserPaths, describe_path

LEAST = "linear"
"""The head of a plan whose rows have none."""
GENERAL = ("draws", "schedule", "features", "size", "pool", "test", "shots", "controls")
"""What a scale may say of all its parts."""


@dataclass
class PresetBuilder:
    """Makes the plans of one preset at one scale."""

    name: str
    scale: str
    raw: Mapping[str, Any]
    """Its file."""
    shared: Mapping[str, Any]
    """What all presets share at this scale."""
    user_paths: UserPaths

    @property
    def own(self) -> Mapping[str, Any]:
        """The preset's settings for this scale."""
        settings: Mapping[str, Any] = self.raw.get(self.scale, {})
        return settings

    @property
    def table(self) -> PaperTable:
        return read_tables()[self.raw["table"]]

    def build(self) -> Preset:
        rows, left_out = self.rows()
        parts = _merged([self.part(name, rows) for name in self.part_names()])
        if self.user_paths.missing:
            raise PresetError(self._missing_message())
        claims = _claims(self.raw.get("claims", ()), {row.name for row in rows})
        title, asks, note = self.raw["title"], self.raw["asks"], self.own.get("note", "")
        return Preset(
            self.name, self.scale, self.table.key, title, asks, parts, tuple(rows), claims, note, tuple(left_out)
        )

    def rows(self) -> tuple[list[PresetRow], list[str]]:
        """The rows at this scale, and why the others are left out."""
        rows, left_out, without = [], [], self.own.get("without", {})
        for name, raw in self.raw["rows"].items():
            lacking = self.user_paths.lacks(self._backbones().get(raw["backbone"], "")) if raw.get("optional") else []
            if name in without:
                left_out.append(f"{name}: {without[name]}")
            elif lacking:
                left_out.append(f"{name}: it takes --weights {lacking[0]}=FILE, {describe_path(lacking[0])}")
            else:
                rows.append(PresetRow(name, raw["backbone"], raw["head"], tuple(raw.get("parts", ()))))
        return rows, left_out

    def part_names(self) -> tuple[str, ...]:
        named = {**self.raw.get("parts", {}), **self.own.get("parts", {})}
        return tuple(named) or self.table.tasks

    def _settings(self, part: str) -> dict[str, Any]:
        """What holds for a part, the more particular over the more general."""
        settings: dict[str, Any] = {}
        for level in (self.raw, self.own):
            settings |= level.get("parts", {}).get(part, {})
        tasks = settings.get("tasks", [part])
        task = self.shared["tasks"].get(tasks[0], {}) | self.own.get("tasks", {}).get(tasks[0], {})
        general = {key: value for key, value in {**self.shared, **self.own}.items() if key in GENERAL}
        return {**general, **task, **settings, "tasks": tasks, "backbones": self._backbones(task, settings)}

    def _backbones(self, *further: Mapping[str, Any]) -> dict[str, str]:
        """The names of backbones at this scale."""
        names: dict[str, str] = {}
        for level in (self.shared, *further[:1], self.own, *further[1:]):
            names |= level.get("backbones", {})
        return names

    def part(self, name: str, rows: Sequence[PresetRow]) -> PresetRun:
        settings = self._settings(name)
        part = PresetRun(name, tuple(settings["tasks"]), Plan("", (), ()), settings["overlaps"], {})
        here = [row for row in rows if row.stands_in(part)]
        names = {
            row.backbone: self.user_paths.fill(settings["backbones"].get(row.backbone, row.backbone)) for row in here
        }
        controls = {
            name: self.user_paths.fill(settings["backbones"].get(name, name)) for name in settings.get("controls", ())
        }
        shots = settings.get("shots") or sorted({row.shots for row in self.table.rows if row.shots})
        plan = Plan(
            dataset=self.user_paths.fill(settings["dataset"]),
            backbones=tuple(dict.fromkeys([*names.values(), *controls.values()])),
            heads=tuple(dict.fromkeys(row.head for row in here if row.head != NO_HEAD)) or (LEAST,),
            shots=tuple(shots),
            scale=settings["features"],
            **{key: settings[key] for key in ("draws", "schedule", "size", "pool", "test")},
        )
        return replace(part, plan=plan, backbones=names | controls, controls=tuple(controls))

    def _missing_message(self) -> str:
        """What is missing, and how to come by it."""
        options = [f"{'--data' if name in DATA else '--weights'} {name}=PATH" for name in self.user_paths.missing]
        paths = "; ".join(f"{name} is {describe_path(name)}" for name in self.user_paths.missing)
        mend = f"add {' '.join(options)}" + (", or take --scale embedded" if self.scale == "paper" else "")
        return f"the preset {self.name} at the scale {self.scale} needs files of yours ({paths}); {mend}"


def _claims(raws: Sequence[Mapping[str, Any]], rows: Collection[str]) -> tuple[Claim, ...]:
    """The claims about these rows; of what a row is compared with, what is there."""
    found = []
    for raw in raws:
        fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
        claim = Claim(**fields)
        there = tuple(name for name in claim.against if name in rows)
        if claim.row in rows and there:
            found.append(replace(claim, against=there))
    return tuple(found)


def _merged(parts: Sequence[PresetRun]) -> tuple[PresetRun, ...]:
    """Parts with one and the same run made one, which scores the tasks of all."""
    found: dict[tuple[str, str], PresetRun] = {}
    for part in parts:
        key = repr(part.plan), part.overlaps
        same_run = found.get(key)
        found[key] = replace(same_run, tasks=(*same_run.tasks, *part.tasks)) if same_run else part
    return tuple(found.values())
