"""Torchvision's VGGs as distances between pictures use them: where their weights lie, and what they see."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError

FILES = {"vgg16": "vgg16-397923af.pth", "vgg19": "vgg19-dcbb9e9d.pth"}
"""Torchvision's name of each one's weights."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB, which they were trained with."""


def vgg_weights(name: str) -> Path | None:
    """Where torchvision would keep the weights of `vgg16` or `vgg19`, if they are there; nothing is downloaded."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILES[name]
    return path if path.exists() else None


def vgg_layers(name: str, weights: Path) -> nn.Module:
    """The frozen convolutions, ReLUs and pools of `vgg16` or `vgg19`, from a state dict of torchvision's."""
    from torchvision import models

    with torch.device("meta"):  # the classifier, most of the network, is never made
        layers: nn.Module = getattr(models, name)().features
    prefix = "features."
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        found = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        layers.load_state_dict(found, assign=True)
    except Exception as error:  # a broken pickle may raise anything
        fact = f"{weights} is no {name.upper()} of torchvision's ({one_line(error)})"
        raise BackboneError(f"{fact}; delete it, or fetch it again") from None
    return layers.requires_grad_(False).eval()


def normalise(images: Tensor) -> Tensor:
    """Images (N, 3, H, W) in [0, 1] as a VGG sees them; in float32, whatever they are."""
    mean, deviation = (torch.tensor(of, device=images.device)[:, None, None] for of in (MEAN, DEVIATION))
    return (images - mean) / deviation
