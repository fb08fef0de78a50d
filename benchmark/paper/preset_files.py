"""The TOML files of presets: ours by name, and the user's own by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..files import read_toml
from .preset import SCALES, Preset, PresetError
from .preset_builder import PresetBuilder
from .user_paths import PLACE, UserPaths, shipped

FOLDER = Path(__file__).parent / "presets"
SHARED = Path(__file__).parent / "scales.toml"
SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """Of those that we ship: tables first, each in the paper's order."""
    names = (path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))
    return tuple(
        sorted(
            names, key=lambda n: (not n.startswith("table"), not n[-1].isdigit(), int("0" + re.sub(r"\D", "", n)), n)
        )
    )


def read_preset(name: str) -> Mapping[str, Any]:
    """The file of a preset of this name, or of the user's own if it ends in .toml."""
    if name.endswith(SUFFIX):
        if not Path(name).is_file():
            raise PresetError(f"there is no file {name}; name one, or a preset of partbench list presets")
        return read_toml(Path(name))
    names = preset_names()
    if name.lower() not in names:
        close = get_close_matches(name, names, 1)
        raise PresetError(
            f"no preset is called '{name}'; "
            + (f"did you mean '{close[0]}'?" if close else f"there are {', '.join(names)}")
        )
    return read_toml(FOLDER / f"{name.lower()}{SUFFIX}")


def needs(name: str, scale: str) -> tuple[str, ...]:
    """What --data and --weights must name."""
    builder = _builder(name, scale, {})
    with _well_formed(name):
        rows, _ = builder.rows()
        for part in builder.part_names():
            builder.part(part, rows)
    return tuple(builder.user_paths.missing)


def place_names(name: str, scale: str) -> tuple[str, ...]:
    """What they may name; what must be comes first."""
    builder = _builder(name, scale, {})
    others = PLACE.findall(repr(builder.shared) + repr(builder.raw))
    return tuple(dict.fromkeys([*needs(name, scale), *others]))


def build_preset(name: str, scale: str, paths: Mapping[str, str]) -> Preset:
    """The preset of this name at a scale, with the user's own paths; what is missing is said in one sentence."""
    with _well_formed(name):
        return _builder(name, scale, paths).build()


@contextmanager
def _well_formed(name: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise PresetError(f"the preset {name} is not well formed ({error}); compare it with one of ours") from None


def _builder(name: str, scale: str, paths: Mapping[str, str]) -> PresetBuilder:
    if scale not in SCALES:
        raise PresetError(f"there is no scale {scale!r}; choose {' or '.join(SCALES)}")
    return PresetBuilder(
        Path(name).stem.lower(), scale, read_preset(name), read_toml(SHARED)[scale], UserPaths(shipped() | dict(paths))
    )
