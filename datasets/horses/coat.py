"""What a horse looks like: the colours of coat, mane, points and patches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.camera import Camera, Grid
from ..drawing.canvas import rgb, smooth
from ..drawing.sampling import Array, ParameterSampler, pick

COATS = (
    (0.10, 0.08, 0.08), (0.27, 0.16, 0.10), (0.42, 0.24, 0.13), (0.56, 0.30, 0.15),
    (0.74, 0.55, 0.32), (0.70, 0.64, 0.55), (0.62, 0.62, 0.63), (0.90, 0.88, 0.85),
)  # fmt: skip


@dataclass(frozen=True)
class Coat:
    """Colours (N, 3, 1, 1); everything else (N, 1, 1)."""

    colour: Array
    mane: Array
    socks: Array
    """Of the lower legs."""
    sock: tuple[Array, Array, Array, Array]
    """1 for each leg that has one."""
    muzzle: Array
    blaze: Array
    """Half the width of the white stripe on the face; 0 for none."""
    hoof: Array
    patches: Array
    """How much of the coat is white, from 0."""
    frequency: Array
    phase: Array


def draw_coat(sampler: ParameterSampler) -> Coat:
    """Bay, chestnut, black, grey, dun, palomino or white; one in five piebald."""
    colour = np.clip(sampler.mixture(COATS) + sampler.normal(0.02, 0.05)[:, None], 0.04, 0.95)
    dark = sampler.uniform(0.05, 0.14)[..., None] + 0 * colour
    pale = sampler.uniform(0.75, 0.92)[..., None] * rgb(1.0, 0.97, 0.90)
    hair = sampler.unit()
    mane = pick((hair < 0.5).astype(np.float32), dark, pick((hair < 0.75).astype(np.float32), 0.8 * colour, pale))
    socks = pick(sampler.chance(0.5), pale, dark)
    all_legs = sampler.chance(0.35)

    def sock() -> Array:
        return np.maximum(all_legs, sampler.chance(0.3))

    return Coat(
        colour=colour,
        mane=mane,
        socks=socks,
        sock=(sock(), sock(), sock(), sock()),
        muzzle=sampler.uniform(0.3, 0.9),
        blaze=sampler.chance(0.35) * sampler.uniform(0.010, 0.022),
        hoof=sampler.uniform(0.08, 0.35)[..., None] * rgb(1.0, 0.93, 0.85),
        patches=sampler.chance(0.2) * sampler.uniform(0.6, 1.3),
        frequency=sampler.uniform(5.0, 9.0),
        phase=sampler.uniform(0.0, 2 * np.pi),
    )


def dye(coat: Coat, camera: Camera, grid: Grid) -> Array:
    """The colour of the coat at each pixel that shows some, (N, 3, S, S)."""
    scale = camera.scale[..., None]
    x = camera.mirror[..., None] * (grid.x - camera.x[..., None]) / scale
    y = (grid.y - camera.y[..., None]) / scale
    waves = np.sin(coat.frequency * x + 1.5 * np.sin(4 * y + coat.phase)) * np.cos(
        0.8 * coat.frequency * y - coat.phase
    )
    white = smooth(waves + coat.patches - 1.1, -0.06, 0.06) * (coat.patches > 0)
    dapple = 0.05 * np.sin(31 * x + coat.phase) * np.sin(29 * y + 2 * np.sin(9 * x))
    colour = coat.colour * (1 + dapple)[:, None]
    colour += white[:, None] * (rgb(0.92, 0.90, 0.86) - colour)
    dyed: Array = colour.astype(np.float32)
    return dyed
