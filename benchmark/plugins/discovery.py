"""Where plugins come from: this package, installed ones by their entry points, and a file in the working folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

PROJECT = "partbench"
"""Name of the entry-point group, and of the hook markers."""
BLOCK = "PARTBENCH_BLOCK"
"""Environment variable: entry points to leave out, with commas between them."""
LOCAL = Path("partbench_plugins.py")
"""A plugin without packaging: this file, where it lies in the working folder."""
BUILT_IN = (
    "backbones.stylegan2",
    "backbones.vae",
    "backbones.jigsaw",
    "backbones.pix2pix",
    "backbones.hed",
    "backbones.ddpm",
    "backbones.timm_models",
    "backbones.taesd",
    "backbones.diffusers_models",
    "backbones.radio",
    "backbones.controls",
    "heads",
    "datasets.faces",
    "datasets.cars",
    "datasets.horses",
    "datasets.folder",
    "datasets.generated",
    "datasets.scenes",
    "datasets.bsds",
    "benchmark.report.reporters",
    "datasets.celebamask_hq",
    "datasets.pascal_part",
    "datasets.clothing",
    "datasets.matcher",
)
"""Our own plugins, as modules of this package; they come first, so a name that we offer stays ours."""


@dataclass(frozen=True)
class Plugin:
    """A plugin before its import."""

    name: str
    """What `PARTBENCH_BLOCK` calls it."""
    provider: str
    load: Callable[[], object]

    @property
    def mend(self) -> str:
        return f"or leave it out with {BLOCK}={self.name}"


def find_plugins() -> Iterator[Plugin]:
    """Ours, then third parties' in alphabetical order, so that the same one always wins a name."""
    own = _own_name()
    for module in BUILT_IN:
        yield Plugin(f"{PROJECT}.{module}", own, partial(import_module, f"{PROJECT}.{module}"))
    strangers = [Plugin(entry.name, _provider(entry), entry.load) for entry in entry_points(group=PROJECT)]
    yield from sorted(strangers, key=lambda plugin: (plugin.provider, plugin.name))
    if LOCAL.is_file():
        yield Plugin(LOCAL.stem, str(LOCAL), partial(_import_file, LOCAL.resolve()))


def _import_file(path: Path) -> ModuleType:
    """The module in a file; a later import of its name finds it as well."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _own_name() -> str:
    try:
        return f"{PROJECT} {version(PROJECT)}"
    except PackageNotFoundError:  # a checkout that was never installed
        return PROJECT


def _provider(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
