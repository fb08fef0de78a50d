"""Seeds to pictures: things painted from back to front, then light, contrast and noise; and the things' borders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing.sampling import Array, ParameterSampler
from .fills import Fill, colours, draw_fill
from .outlines import ABSENT, SHARES, Traits, draw_traits, outline

THROWS = 512
"""Uniform numbers per scene."""
SALT = 15
"""Of the dice of scenes (HED is of 2015)."""
BATCH_PIXELS = 8 * 64 * 64
"""Pixels rendered at once: few enough that the planes stay in the processor's cache."""
SIZES = ((0.6, 1.2), (0.4, 0.9), (0.3, 0.8), (0.25, 0.7), (0.2, 0.6), (0.15, 0.5), (0.12, 0.4))
"""Smallest and largest radius of each thing, from back to front, in half sides of the image."""
PRESENT = 0.75
"""How likely each thing is there."""

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Thing:
    """One thing of each scene; parameters are (N, 1, 1) where nothing else is said."""

    present: Array
    kind: npt.NDArray[np.int64]
    """Which outline, (N,)."""
    traits: Traits
    across: Array
    down: Array
    turn: Array
    rim: Array
    """Half the width of its frame; 0 where it is not hollow."""
    blur: Array
    """How wide its border is out of focus, in half sides of the image."""
    shadow: Array
    """How dark the ground around it is, in [0, 1)."""
    shade: Array
    """How much darker its border is than its middle."""
    fill: Fill


def draw_ground(sampler: ParameterSampler) -> tuple[Array, Fill]:
    """What lies behind all things, and how it is turned."""
    return sampler.uniform(0.0, 2 * np.pi), draw_fill(sampler)


def draw_thing(sampler: ParameterSampler, small: float, large: float) -> Thing:
    """A thing of some size, anywhere in the picture."""
    traits = draw_traits(sampler, small, large)
    return Thing(
        present=sampler.chance(PRESENT),
        kind=sampler.choice(SHARES),
        traits=traits,
        across=sampler.uniform(-1.0, 1.0),
        down=sampler.uniform(-1.0, 1.0),
        turn=sampler.uniform(0.0, 2 * np.pi),
        rim=sampler.chance(0.12) * sampler.uniform(0.05, 0.12),
        blur=sampler.chance(0.2) * sampler.uniform(0.02, 0.08),
        shadow=sampler.chance(0.35) * sampler.uniform(0.15, 0.6),
        shade=sampler.chance(0.35) * sampler.uniform(0.1, 0.5),
        fill=draw_fill(sampler),
    )


def render(seeds: Sequence[int], size: int) -> Array:
    """Images (N, 3, size, size) float32 in [0, 1]."""
    images = np.empty((len(seeds), 3, size, size), np.float32)
    for part in _batches(len(seeds), size):
        images[part] = _paint(seeds[part], size)
    return images


def label(seeds: Sequence[int], size: int) -> Labels:
    """Which thing each pixel's centre shows, (N, size, size) uint8: 0 for the ground, 1 for what is painted first."""
    labels = np.zeros((len(seeds), size, size), np.uint8)
    for part in _batches(len(seeds), size):
        sampler, (x, y) = ParameterSampler(seeds[part], THROWS, SALT), _plane(len(seeds[part]), size)
        draw_ground(sampler)
        for number, thing in enumerate(_things(sampler), 1):
            distance, _, _ = place(thing, x, y)
            labels[part][distance < 0] = number
    return labels


def contours(labels: Labels) -> npt.NDArray[np.bool_]:
    """Where the thing changes to the right or below: lines one pixel wide, (N, S, S)."""
    changes = np.zeros(labels.shape, np.bool_)
    changes[:, :, :-1] |= labels[:, :, :-1] != labels[:, :, 1:]
    changes[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return changes


def _batches(count: int, size: int) -> Iterator[slice]:
    step = max(1, BATCH_PIXELS // (size * size))
    return (slice(start, start + step) for start in range(0, count, step))


def _paint(seeds: Sequence[int], size: int) -> Array:
    """One batch, from the ground to the thing in front."""
    sampler, (x, y) = ParameterSampler(seeds, THROWS, SALT), _plane(len(seeds), size)
    turn, fill = draw_ground(sampler)
    image = colours(fill, *rotate(x, y, turn))
    for thing in _things(sampler):
        add(thing, image, x, y)
    return expose(image, sampler, x, y, seeds)


def _plane(count: int, size: int) -> tuple[Array, Array]:
    """Coordinates of the pixels' centres, (count, size, size) in [-1, 1]: to the right, and down."""
    at = ((2 * np.arange(size, dtype=np.float32) + 1) / size - 1).astype(np.float32)
    x, y = (np.broadcast_to(plane, (count, size, size)) for plane in (at, at[:, None]))
    # Numpy may round sines of strided and of contiguous arrays in different ways.
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _things(sampler: ParameterSampler) -> Iterator[Thing]:
    return (draw_thing(sampler, small, large) for small, large in SIZES)


def rotate(x: Array, y: Array, turn: Array) -> tuple[Array, Array]:
    """Coordinates after a turn."""
    cosine, sine = np.cos(turn), np.sin(turn)
    return cosine * x + sine * y, cosine * y - sine * x


def place(thing: Thing, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """The signed distance to a thing's border, inside below zero, and its own coordinates, each (N, S, S)."""
    u, v = rotate(x - thing.across, y - thing.down, thing.turn)
    there = thing.present > 0
    distance = outline(u, v, thing.traits, np.where(there[:, 0, 0], thing.kind, ABSENT))
    hollow = np.abs(distance + thing.rim) - thing.rim
    return np.where(thing.rim > 0, hollow, distance), u, v


def add(thing: Thing, image: Array, x: Array, y: Array) -> None:
    """Paint a thing over the picture, its shadow first."""
    distance, u, v = place(thing, x, y)
    dark = 1 - thing.shadow * np.square(np.clip(1 - distance / 0.3, 0, 1))
    relief = 1 - thing.shade * np.clip(1 + distance / (0.5 * thing.traits.radius), 0, 1)
    alpha = np.clip(0.5 - distance / np.maximum(thing.blur, np.float32(2 / x.shape[-1])), 0, 1)[:, None]
    colour = colours(thing.fill, u, v) * relief[:, None]
    image *= np.where(distance < 0, np.float32(1), dark)[:, None]
    image += alpha * (colour - image)


def expose(image: Array, sampler: ParameterSampler, x: Array, y: Array, seeds: Sequence[int]) -> Array:
    """The picture under its light, with its contrast, colour and noise, clipped to [0, 1]."""
    image = image * _light(sampler, x, y)[:, None]
    grey = sampler.chance(0.15)[..., None]
    image += grey * (image.mean(1, keepdims=True) - image)
    middle, contrast = sampler.uniform(0.4, 0.6)[..., None], sampler.uniform(0.4, 1.1)[..., None]
    image = middle + contrast * (image - 0.5)
    grain = sampler.chance(0.6) * sampler.uniform(0.005, 0.035)
    for row, seed, width in zip(image, seeds, grain[:, 0, 0], strict=True):
        noise = np.random.default_rng((int(seed), row.shape[-1])).random(row.shape, dtype=np.float32)
        row += width * np.float32(12**0.5) * (noise - np.float32(0.5))
    return np.clip(image, 0, 1, out=image)


def _light(sampler: ParameterSampler, x: Array, y: Array) -> Array:
    """A slope of light over the whole scene, and in some a soft shadow across it."""
    along, _ = rotate(x, y, sampler.uniform(0.0, 2 * np.pi))
    light = 1 + sampler.uniform(0.0, 0.35) * along
    across, _ = rotate(x, y, sampler.uniform(0.0, 2 * np.pi))
    depth, at, soft = (
        sampler.chance(0.3) * sampler.uniform(0.2, 0.6),
        sampler.uniform(-0.7, 0.7),
        sampler.uniform(0.15, 0.6),
    )
    t = np.clip(0.5 + (across - at) / soft, 0, 1)
    shaded: Array = light * (1 - depth * t * t * (3 - 2 * t))
    return shaded
