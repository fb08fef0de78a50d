"""Who makes the scores of a run: the weights and the code of its backbones and heads, as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..auto_shot_names import base_head
from ..file_hashes import weights_hash
from ..plan import Cell
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from ..results import CellResult


@dataclass(frozen=True)
class Makers:
    """The offers that a run crosses; each is looked at once."""

    backbones: Mapping[str, Offer[Backbone]]
    heads: Mapping[str, Offer[Head]]
    _codes: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def weights(self, backbone: str) -> str | None:
        """Hash of the weights of a backbone; those without a network have none."""
        if backbone not in self.backbones:
            return None
        record = self.backbones[backbone].record
        return weights_hash(record.weights, record.upsampler)

    def backbone_code(self, name: str) -> str:
        """Hash of the code of a backbone; of a control that is none, which `PROTOCOL` stands for, empty."""
        return self._code("backbone", self.backbones.get(name))

    def head_code(self, name: str) -> str:
        """Hash of the code of a head, of auto-shot that of the one that labels its samples."""
        return self._code("head", self.heads.get(base_head(name)))

    def _code(self, noun: str, offer: Offer[Any] | None) -> str:
        if offer is None:
            return ""
        key = noun, offer.record.name
        if key not in self._codes:
            self._codes[key] = code_hash(offer)
        return self._codes[key]

    def code(self, cell: Cell) -> dict[str, str]:
        """The hashes behind the score of a cell, as it keeps them."""
        codes = {"backbone": self.backbone_code(cell.backbone), "head": self.head_code(cell.head)}
        return {noun: code for noun, code in codes.items() if code}

    def units(self, backbone: str) -> str:
        """A name for units of work with a backbone: of other weights or code they are others."""
        return "-".join(filter(None, (self.weights(backbone), self.backbone_code(backbone)))) or "-"

    def changes(self, result: CellResult) -> list[str]:
        """What is not as it was when a cell was scored: `weights of jigsaw`; a cell of old may not say its code."""
        facts = {"weights": self.weights(result.cell.backbone), "code": self.code(result.cell)}
        now = replace(result, provenance=facts).makers
        return [what for what, value in result.makers.items() if now.get(what) != value]
