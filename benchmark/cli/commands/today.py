"""`--preset today`: names the backbones of today that are on this machine, and says which are not."""

from __future__ import annotations

from rich.markup import escape

from ...plugins.catalogue import Catalogue
from ...plugins.today import TODAY, default_backbones, find_today
from ..terminal import open_console

TITLE = "The representations of today that are on this machine, beside the paper's and the controls"
"""In the list of presets."""
CHOICE = f"--preset {TODAY}"
"""Stands among the patterns of a plan for its backbones; no plugin may call one so."""


def backbones_today(catalogue: Catalogue) -> tuple[str, ...]:
    """The default backbones and those of today; what is missing is said."""
    today, console = find_today(catalogue), open_console(stderr=True)
    beside = ", ".join(today.here) or "nothing more; pip install 'partbench[real]' adds two"
    said = f"today: beside the default backbones {beside}; --backbone adds to them"
    console.print(escape(said), soft_wrap=True, highlight=False)
    if today.missing:
        mend = "partbench list --family timm, or radio, or diffusers, says what each needs"
        console.print(escape(f"not here: {', '.join(today.missing)}; {mend}"), soft_wrap=True, highlight=False)
    return (*default_backbones(catalogue), *today.here)
