"""Puzzles: nine tiles of an image, cut so that neither borders nor colour fringes tell where they belong."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import GRID, JigsawConfig
from .permutations import CELLS, permutations

GREY = 0.3
"""Share of images that lose their colours, as published."""
FLOOR = 0.02
"""Least standard deviation that is divided by, so that a plain tile does not become noise."""


def puzzle(images: Tensor, config: JigsawConfig) -> tuple[Tensor, Tensor]:
    """Shuffled tiles (N, 9, 3, t, t) in [0, 1] of images (N, 3, S, S), and the permutation (N,) that shuffled each."""
    tiles = cut(images, config)
    labels = torch.randint(config.permutations, (len(images),), device=images.device)
    return shuffle(tiles, table(config, images.device)[labels]), labels


def table(config: JigsawConfig, device: torch.device) -> Tensor:
    """The permutations (count, 9) among which the network must tell."""
    return torch.tensor(permutations(config.permutations), device=device, dtype=torch.long)


def shuffle(tiles: Tensor, orders: Tensor) -> Tensor:
    """Tiles (N, 9, ...) in the orders (N, 9): in place k comes the tile of cell `orders[n, k]`."""
    return tiles[torch.arange(len(tiles), device=tiles.device)[:, None], orders]


def restore(tiles: Tensor, orders: Tensor) -> Tensor:
    """What `shuffle` with the same orders was given."""
    return shuffle(tiles, orders.argsort(1))


def cut(images: Tensor, config: JigsawConfig) -> Tensor:
    """Tiles (N, 9, 3, t, t) of images (N, 3, S, S), row by row, from a random window.

    Each tile lies anywhere in its cell; the channels of a tile move against each other, or chromatic aberration would
    tell how far it is from the middle of a photograph. A share of the images is grey, and those have no fringes.
    """
    grey = torch.rand(len(images), device=images.device) < GREY
    images = torch.where(grey[:, None, None, None], images.mean(1, keepdim=True), images)
    rows, columns = (_starts(len(images), images.shape[-1], config, grey, axis) for axis in (0, 1))
    within = torch.arange(config.tile, device=images.device)
    first = torch.arange(len(images), device=images.device)[:, None, None, None, None]
    channel = torch.arange(images.shape[1], device=images.device)[:, None, None]
    return images[first, channel, (rows[..., None] + within)[..., None], (columns[..., None] + within)[..., None, :]]


def _starts(count: int, size: int, config: JigsawConfig, grey: Tensor, axis: int) -> Tensor:
    """First row (axis 0) or column (axis 1) of every tile in every channel, (count, 9, 3)."""

    def draw(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high + 1, (count, *shape), device=grey.device)

    cells = torch.arange(CELLS, device=grey.device)
    origin = (cells // GRID if axis == 0 else cells % GRID) * config.cell
    window = draw(0, size - config.window, 1, 1)
    place = draw(config.shift, config.slack - config.shift, CELLS, 1)
    fringe = draw(-config.shift, config.shift, CELLS, 3) * ~grey[:, None, None]
    return window + origin[:, None] + place + fringe


def normalise(pictures: Tensor) -> Tensor:
    """Pictures (..., 3, h, w), tiles or whole images, with mean 0 and deviation 1 in each channel of each."""
    centred = pictures - pictures.mean((-2, -1), keepdim=True)
    return centred / centred.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(FLOOR)


def assemble(tiles: Tensor, size: int) -> Tensor:
    """Tiles (N, 9, 3, t, t) laid out in a grid on grey, (N, 3, size, size)."""
    count, _, channels, side, _ = tiles.shape
    step, canvas = size // GRID, tiles.new_full((count, channels, size, size), 0.5)
    edge = (step - side) // 2
    grid = canvas[..., : GRID * step, : GRID * step].unflatten(-1, (GRID, step)).unflatten(-3, (GRID, step))
    spread = tiles.unflatten(1, (GRID, GRID)).permute(0, 3, 1, 4, 2, 5)
    grid[..., edge : edge + side, :, edge : edge + side] = spread
    return canvas
