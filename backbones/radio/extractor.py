"""A C-RADIO as an extractor, opened by torch.hub."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from . import REPOSITORY, REVISION, code_folder, weights_file


class RadioExtractor(nn.Module):
    """The spatial features of a frozen C-RADIO."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (N, 3, S, S) in [0, 1], which the network normalises itself, to one map (N, C, S / 16, S / 16).

        A size that is no multiple of 16 becomes the nearest one, and the image is resized to it.
        """
        network: Any = self.network
        side = tuple(network.get_nearest_supported_resolution(*images.shape[-2:]))
        if side != tuple(images.shape[-2:]):
            images = F.interpolate(images, side, mode="bilinear", antialias=True)
        _, features = network(images, feature_fmt="NCHW")
        return [features.float().contiguous()]


def open_hub(name: str, version: str) -> RadioExtractor:
    """The network that the repository's own code builds; trusted by whoever calls this."""
    try:
        # What torch.hub says belongs beside our output, not into it; the commit is ours, so no branch is looked for.
        with redirect_stdout(sys.stderr), torch.random.fork_rng(devices=[]):
            network = torch.hub.load(
                f"{REPOSITORY}:{REVISION}",
                "radio_model",
                version=version,
                progress=False,
                trust_repo=True,
                skip_validation=True,
                verbose=False,
            )
    except Exception as error:  # it runs others' code, and an HTTP client without a network raises errors of its own
        raise BackboneError(f"torch.hub cannot open {name} ({one_line(error)}); {_missing(version)}") from error
    return RadioExtractor(network)


def _missing(version: str) -> str:
    """What of it is not on this machine, and the mend."""
    parts = {"its code in": code_folder(), "its weights in": weights_file(version)}
    absent = [f"{what} {path}" for what, path in parts.items() if not path.exists()]
    return f"go online once: missing are {' and '.join(absent)}" if absent else "install what its code asks for"
