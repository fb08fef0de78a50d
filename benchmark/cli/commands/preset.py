"""`--preset`: runs the experiments of a table of the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from ...file_cache import FileCache
from ...paper.preset import Preset, PresetError, PresetRun
from ...paper.preset_files import build_preset, place_names
from ...paper.preset_folder import PresetFolder
from ...paper.user_paths import DATA
from ...plan import OPTIONS
from ...plugins.catalogue import load_catalogue
from ...remote_files import is_url as is_address
from ...stored_run import folder_of as folder_of_url
from ...stored_run import is_url, shown
from ..terminal import open_console
from .division import WHOLE, Division
from .plan_options import folder_for, parse_size, with_fit
from .preset_table import show
from .run import carry_out, look_ahead

FIXED = {"dataset", "backbone", "head", "shots"}
"""Options of a run that a preset does not leave open."""


@dataclass(frozen=True)
class PresetChoice:
    """The command-line options of a preset."""

    name: str
    scale: str
    data: Sequence[str] = ()
    """PATH or NAME=PATH."""
    weights: Sequence[str] = ()
    """FILE or NAME=FILE."""
    changes: Mapping[str, Any] | None = None
    """Fields of the plan that were given; they hold for every part."""

    def build(self) -> Preset:
        """The preset with these options."""
        names = place_names(self.name, self.scale)
        data = _named("--data", self.data, [name for name in names if name in DATA])
        weights = _named("--weights", self.weights, [name for name in names if name not in DATA])
        preset = build_preset(self.name, self.scale, data | weights)
        changes = self.changes or {}
        parts = tuple(replace(part, plan=replace(part.plan, **changes)) for part in preset.parts)
        return replace(preset, parts=parts)


def choose(
    context: typer.Context, name: str | None, scale: str, data: list[str] | None, weights: list[str] | None
) -> PresetChoice | None:
    """The preset that is asked for, with the options of a plan that change it; None where none is asked for."""
    sources = {key: context.get_parameter_source(key) for key in context.params}
    given = {key for key, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    if name is None:
        if wrong := sorted(given & {"scale", "data", "weights"}):
            mend = "name one, as --preset table-g" + ("; maps are scaled by --features" if "scale" in wrong else "")
            raise PresetError(f"--{wrong[0]} is for a preset; {mend}")
        return None
    if wrong := sorted(given & FIXED):
        raise PresetError(
            f"--{wrong[0]} is what the preset {name} decides; leave it out, or copy its file and say --preset FILE.toml"
        )
    changes = {field: context.params[option] for field, option in OPTIONS.items() if option in given}
    if "size" in changes:
        changes["size"], changes["native"] = parse_size(changes["size"])
    changes |= {"draws": context.params["draws"]} if "draws" in given else {}
    return PresetChoice(name, scale, data or (), weights or (), changes)


def _named(option: str, given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Paths by what they are; one without a name is the first thing that is needed and not named."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or name not in names:
            name, path = next((one for one in names if one not in found), ""), text
        if not name:
            raise PresetError(f"this preset takes no {option} {text}; leave it out")
        if not (is_address(path) or Path(path).expanduser().exists() or FileCache.here().known(path)):
            raise PresetError(f"there is no {path} for {option} {name}; say where it lies, as {option} {name}=PATH")
        found[name] = path
    return found


def folder_of(preset: Preset, out: Path | None) -> PresetFolder:
    """Where a preset's runs go."""
    if out is not None and is_url(out):
        url = shown(folder_of_url(out))
        raise PresetError(f"a preset has several runs, which go into a folder and not into {url}; choose another --out")
    return PresetFolder(out or Path("runs") / f"{preset.name}-{preset.scale}")


def run(
    choice: PresetChoice,
    device: str,
    out: Path | None,
    as_json: bool,
    reporters: Sequence[str],
    memory: float | None = None,
    division: Division = WHOLE,
) -> int:
    """Carry out every part of a preset and print its table; 0 if all cells have a score, 1 if some have, 2 if none."""
    if division.forecast:
        raise PresetError(f"{division.forecast} is the forecast of one plan, and a preset has several; leave it out")
    preset, catalogue = choice.build(), load_catalogue()
    parts = tuple(replace(part, plan=with_fit(part.plan, catalogue)) for part in preset.parts)
    preset, folder = replace(preset, parts=parts), folder_of(preset, out)
    for part in preset.parts:  # whatever is refused is so before anything is written
        folder_for(part.plan, folder.run_of(part).path)
    for part in preset.parts[1:]:  # and a broken image of the last before the first is computed, which looks at its own
        look_ahead(part.plan)
    folder.write(preset)
    for number, part in enumerate(preset.parts, start=1):
        where = f"part {number} of {len(preset.parts)}: {part.name}"
        open_console(stderr=True).print(f"[bold]{escape(preset.name)}, {escape(where)}[/]", soft_wrap=True)
        carry_out(part.plan, device, folder.run_of(part).path, True, reporters, memory, division)
    show(folder, "json" if as_json else "table")
    for part in preset.parts:
        if (picture := draw_rows(preset, part, folder)) and not as_json:
            open_console(stderr=True).print(f"pictures: {escape(str(picture))}", soft_wrap=True)
    cells = [cell for part in preset.parts for cell in part.plan.cells()]
    results = [one for part in preset.parts for one in folder.run_of(part).results(part.plan.cells())[0]]
    scored = sum(result.confusion is not None for result in results)
    return 0 if scored == len(cells) else 1 if scored else 2


def draw_rows(preset: Preset, part: PresetRun, folder: PresetFolder) -> Path | None:
    """What the rows of a part predict beside each other, with the most shots; None if nothing was predicted."""
    from ...gallery import compare_cells

    rows = [row for row in preset.rows if row.stands_in(part)]
    columns = {row.name: part.key(row, max(part.plan.shots)) for row in rows}
    return compare_cells(folder.run_of(part).path, columns, "rows.png")
