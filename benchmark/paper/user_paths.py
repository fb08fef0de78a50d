"""Fills in the user's paths in presets, written as `{ffhq}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PLACE = re.compile(r"\{([\w-]+)\}")
"""Where a path of the user's belongs in a name."""
DATA = {
    "celebamask-hq": "CelebAMask-HQ, unpacked (its authors give it away for research)",
    "arbitrary": "a folder of partbench annotate, with shapes drawn on faces",
    "pascal-part": "PASCAL-Part: Annotations_Part beside the JPEGImages of PASCAL VOC 2010",
}
"""What may be asked for with --data, and what it is."""
WEIGHTS = {
    "ffhq": "a StyleGAN2 of FFHQ, as partbench convert writes it",
    "lsun-car": "a StyleGAN2 of LSUN-Car, as partbench convert writes it",
    "lsun-horse": "a StyleGAN2 of LSUN-Horse, as partbench convert writes it",
    "cars64": "a StyleGAN2 of drawn cars, as partbench pretrain stylegan2 --images cars --out cars64.safetensors",
    "horses64": "one of drawn horses, as partbench pretrain stylegan2 --images horses --out horses64.safetensors",
}
"""The same with --weights; any other name is a backbone that `partbench pretrain` trains."""

GENERATORS = Path(__file__).parents[2] / "backbones" / "stylegan2"
SHIPPED = {name: GENERATORS / f"stylegan2-{name}.safetensors" for name in ("cars64", "horses64")}
"""Weights that need not be given where these files are."""


def shipped() -> dict[str, str]:
    """The paths of what partbench ships."""
    return {name: str(file) for name, file in SHIPPED.items() if file.exists()}


@dataclass
class UserPaths:
    """The user's paths by placeholder."""

    paths: Mapping[str, str]
    missing: dict[str, None] = field(default_factory=dict)
    """What was asked for and not given, in order."""

    def fill(self, text: str) -> str:
        """The text with paths instead of places."""
        self.missing |= dict.fromkeys(self.lacks(text))
        return PLACE.sub(lambda place: self.paths.get(place[1], place[0]), text)

    def lacks(self, text: str) -> list[str]:
        """The places in a text that nothing was given for."""
        return [name for name in PLACE.findall(text) if name not in self.paths]


def describe_path(name: str) -> str:
    """What a placeholder stands for, and how to get it."""
    trained = f"the weights that partbench pretrain {name} --images DIR --size 256 --out {name}.safetensors writes"
    return {**DATA, **WEIGHTS}.get(name, trained)
