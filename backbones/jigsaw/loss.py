"""The lesson: tell which permutation shuffled the tiles, by cross entropy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import weights
from ..training.learner import AdamRecipe
from .config import FAMILY, GRID, JigsawConfig
from .networks import JigsawNetwork
from .puzzles import assemble, puzzle, restore, table

RECIPE = AdamRecipe(batch=32, rate=2e-3)
CHUNK = 64
"""Puzzles that are solved at a time."""
TOP = 5
"""How many guesses the looser score allows."""


class JigsawLesson:
    """A context-free network and the puzzles that it learns from."""

    def __init__(self, config: JigsawConfig, recipe: AdamRecipe = RECIPE) -> None:
        self.config, self.recipe = config, recipe
        self.network: nn.Module = JigsawNetwork(config)

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        """Cross entropy over the permutations; that of guessing is log(permutations), 6.9 for 1,000."""
        tiles, labels = puzzle(images, self.config)
        return {"jigsaw": F.cross_entropy(network(tiles), labels)}

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        """In threes: the puzzle, the network's solution, the original.

        Of as many images as make a square grid of whole threes: 12 (6 x 6 pictures) or 3 (3 x 3).
        """
        images = images[: 12 if len(images) >= 12 else GRID]
        with same_puzzles(images.device):
            tiles, _ = puzzle(images, self.config)
        guesses = table(self.config, images.device)[network(tiles).argmax(1)]
        shown = (assemble(each, images.shape[-1]) for each in (tiles, restore(tiles, guesses)))
        return torch.stack([*shown, images], 1).flatten(0, 1)

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        """Shares of puzzles solved, solved within five guesses, and of tiles placed right, beside those of chance."""
        orders = table(self.config, images.device)
        with same_puzzles(images.device):
            answers = [self._answer(network, chunk, orders) for chunk in images.split(CHUNK)]
        right, close, placed = torch.cat(answers).mean(0).tolist()
        count, guesses = len(orders), min(TOP, len(orders))
        agree = F.one_hot(orders).double().mean(0).square().sum(-1).mean().item()
        scores = {"accuracy": right, "accuracy of chance": 1 / count}
        scores |= {f"top-{TOP}": close, f"top-{TOP} of chance": guesses / count}
        return scores | {"tiles placed": placed, "tiles placed of chance": agree}

    def _answer(self, network: nn.Module, images: Tensor, orders: Tensor) -> Tensor:
        """Of every image (n, 3): is its puzzle solved, is it within five guesses, what share of its tiles is right."""
        tiles, labels = puzzle(images, self.config)
        ranked = network(tiles).topk(min(TOP, len(orders))).indices
        hits = (ranked == labels[:, None]).double()
        placed = (orders[ranked[:, 0]] == orders[labels]).double().mean(1)
        return torch.stack([hits[:, 0], hits.sum(1), placed], 1)

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str]) -> None:
        """Write trunk and solver."""
        assert isinstance(network, JigsawNetwork)
        weights.save(path, FAMILY, self.config, network.parts(), card)

    def restore(self, network: nn.Module, path: Path) -> None:
        """Fill trunk and solver."""
        assert isinstance(network, JigsawNetwork)
        weights.restore(path, FAMILY, self.config, network.parts())


@contextmanager
def same_puzzles(device: torch.device) -> Iterator[None]:
    """Random numbers that are always the same, and leave those of the training where they are."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield
