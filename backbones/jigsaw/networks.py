"""The context-free network: one trunk that sees nine tiles apart, and a solver that sees what it says of them."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import weights
from .config import FAMILY, JigsawConfig, Layer
from .permutations import CELLS, permutations
from .puzzles import normalise


class Convolution(nn.Module):
    """A convolution with its rectifier; what is pooled or divided goes to the next layer, not into the map."""

    def __init__(self, inputs: int, outputs: int, layer: Layer) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, layer.kernel, layer.stride, layer.kernel // 2, groups=layer.groups)
        # In evaluation, batch norm is the same multiplication of a channel everywhere, in a tile as in a whole image.
        # Group norm would divide by the deviation of what is in view: another one in a tile, and never local.
        self.norm = nn.BatchNorm2d(outputs) if layer.norm == "batch" else nn.Identity()
        self.pool, self.responds = layer.pool, layer.norm == "response"

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(maps)))

    def pass_on(self, maps: Tensor) -> Tensor:
        """What the next layer sees of the maps; a window of 3 is padded, one of 2 covers its pixels exactly."""
        if self.pool:
            maps = F.max_pool2d(maps, self.pool, 2, self.pool // 2 if self.pool % 2 else 0)
        return F.local_response_norm(maps, 5, alpha=1e-4, beta=0.75) if self.responds else maps


class Trunk(nn.Module):
    """The convolutions that all tiles share; they take a picture of any size whose side the strides divide."""

    def __init__(self, config: JigsawConfig) -> None:
        super().__init__()
        inputs = (3, *config.channels)
        self.layers = nn.ModuleList(
            Convolution(inputs[i], outputs, config.layers[i]) for i, outputs in enumerate(config.channels)
        )
        start(self)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (N, 3, s, s) to what fc6 sees of them, (N, C, s / stride, s / stride)."""
        return self._run(pictures)[1]

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The output of every convolution, rectified, at its own size."""
        return self._run(pictures)[0]

    def _run(self, maps: Tensor) -> tuple[list[Tensor], Tensor]:
        seen = []
        for layer in self.layers:
            assert isinstance(layer, Convolution)
            seen.append(layer(maps))
            maps = layer.pass_on(seen[-1])
        return seen, maps


class Solver(nn.Module):
    """fc6 for each tile, then fc7 and fc8 for all nine."""

    def __init__(self, config: JigsawConfig) -> None:
        super().__init__()
        self.fc6 = nn.Linear(config.channels[-1] * (config.tile // config.stride) ** 2, config.fc6)
        self.fc7 = nn.Linear(CELLS * config.fc6, config.fc7)
        self.fc8 = nn.Linear(config.fc7, config.permutations)
        self.dropout = config.dropout
        start(self)
        relate(self.fc8.weight, config)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N * 9, C, s, s) of the tiles to logits (N, permutations)."""
        tiles = self._drop(F.relu(self.fc6(maps.flatten(1))))
        logits: Tensor = self.fc8(self._drop(F.relu(self.fc7(tiles.unflatten(0, (-1, CELLS)).flatten(1)))))
        return logits

    def _drop(self, values: Tensor) -> Tensor:
        return F.dropout(values, self.dropout, self.training)


class JigsawNetwork(nn.Module):
    """Trunk and solver."""

    def __init__(self, config: JigsawConfig) -> None:
        super().__init__()
        self.trunk, self.solver = Trunk(config), Solver(config)

    def parts(self) -> dict[str, nn.Module]:
        """What a weights file holds; a representation reads the trunk alone."""
        return {"trunk": self.trunk, "solver": self.solver}

    def forward(self, tiles: Tensor) -> Tensor:
        """Tiles (N, 9, 3, t, t) in [0, 1], as shuffled, to the logits (N, permutations) of what shuffled them."""
        logits: Tensor = self.solver(self.trunk(normalise(tiles.flatten(0, 1))))
        return logits


def start(network: nn.Module) -> None:
    """He et al.'s start, which keeps the size of activations from layer to layer, before training as well."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)


@torch.no_grad()
def relate(weight: Tensor, config: JigsawConfig) -> None:
    """Start fc8 so that two permutations resemble each other in as many places as they agree.

    A permutation's row is the sum of nine random codes, one for "the tile in place i is of cell j". Each number is as
    large as in any other start, but what is learnt from one puzzle at once helps with all that share a place with it.
    With independent rows every permutation must be learnt by itself, from one puzzle in a thousand: tried on a small
    network, 400 steps did not leave the loss of guessing, where this start solved a quarter of the puzzles.
    """
    codes = torch.randn(CELLS, CELLS, config.fc7) / (CELLS * config.fc7) ** 0.5
    orders = torch.tensor(permutations(config.permutations), dtype=torch.long)
    weight.copy_(codes[torch.arange(CELLS), orders].sum(1))


class JigsawExtractor(nn.Module):
    """The rectified output of every convolution of a trunk that sees the whole image as it saw a tile."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, S, S) in [0, 1], each normalised by itself as a tile was, to one map per convolution."""
        return self.trunk.maps(normalise(images))


def trained(file: Path) -> JigsawExtractor:
    """The trunk of a weights file."""
    trunk = Trunk(weights.read_config(file, FAMILY, JigsawConfig))
    weights.load(file, {"trunk": trunk})
    return JigsawExtractor(trunk)


def untrained(config: JigsawConfig, seed: int) -> JigsawExtractor:
    """The same trunk before any training: the control `random:jigsaw`."""
    return JigsawExtractor(weights.from_seed(lambda: Trunk(config), seed))
