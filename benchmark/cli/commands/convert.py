"""`partbench convert`: converts published weights to safetensors."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from ....backbones import weights
from ....backbones.backbone import BackboneError
from ....backbones.hed import published as hed
from ....backbones.pix2pix import published as pix2pix
from ....backbones.stylegan2 import published as stylegan2
from ....backbones.weights.keras import is_keras, read_keras
from ....backbones.weights.published import SOURCES, Published
from ....backbones.weights.safe_unpickling import read
from ...file_hashes import file_hash
from ...files import replacing
from ...plugins.backbone_names import NamingError
from ...pretrain.model_card import write_card
from ..terminal import open_console

FAMILIES: tuple[Callable[[Path, Any], Published | None], ...]
FAMILIES = (stylegan2.recognise, pix2pix.recognise, hed.recognise)
"""Each knows the files of its family by what they hold."""


def run(file: Path, out: Path) -> None:
    """Write OUT and its card, and say what was found."""
    if out.suffix != ".safetensors":
        raise NamingError(f"--to {out} must end in .safetensors")
    if out.exists():
        raise NamingError(f"{out} is there already; name another file with --to, or delete it")
    published, console = find(file), open_console()
    with replacing(out) as part:
        weights.save(part, published.family, published.config, published.parts, facts(file, out, published))
    write_card(out)
    for line in describe(published):
        console.print(escape(line), soft_wrap=True)
    name = f"{published.family}@{out}"
    console.print(f"wrote {escape(str(out))} and its card; use it as {escape(name)}", soft_wrap=True)


def find(file: Path) -> Published:
    """What a file holds, by the first family that recognises it."""
    if file.suffix == ".safetensors":
        raise NamingError(f"{file} is a .safetensors; name it behind '@' as it is, as in stylegan2@{file.name}")
    content = read_keras(file) if is_keras(file) else read(file)
    for recognise in FAMILIES:
        if found := recognise(file, content):
            return found
    sources = "; ".join(f"{network}: {where}" for network, where in SOURCES.items())
    raise BackboneError(f"{file} holds no network that we know; take one of these. {sources}")


def facts(file: Path, out: Path, published: Published) -> dict[str, str]:
    """What its card says; the source's licence goes with its numbers."""
    return {
        "converted from": f"{file.name}, sha256 {file_hash(file, digits=64)}",
        "command": shlex.join(["partbench", "convert", file.name, "--to", out.name]),
        "licence": "that of the file it was converted from",
        **published.facts,
    }


def describe(published: Published) -> list[str]:
    """What was found, in words."""
    shape = ", ".join(f"{key} {value}" for key, value in asdict(published.config).items())
    lines = [f"{published.family}: {shape}", f"holds {' and '.join(published.parts)}"]
    return lines + [f"{key}: {value}" for key, value in published.facts.items()]
