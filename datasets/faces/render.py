"""Seeds to pictures: the parts of each face painted from back to front, with their labels."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing.canvas import Canvas
from ..drawing.sampling import Array, ParameterSampler
from ..drawing.splits import Labels, in_batches
from .geometry import Plane, lambert, place, wrap
from .hair import paint_back, paint_bun, paint_cap
from .identity import Person, draw_person
from .parts import paint_brows, paint_ear, paint_eyes, paint_glasses, paint_head, paint_mouth, paint_nose
from .scene import paint_background, paint_clothes, paint_neck, paint_occluder
from .surroundings import draw_surroundings

THROWS = 192
"""Uniform numbers per face."""


def render(seeds: Sequence[int], size: int) -> tuple[Array, Labels]:
    """Images (N, 3, size, size) float32 in [0, 1] and the label of each pixel's centre, (N, size, size) uint8."""
    return in_batches(paint, seeds, size)


def paint(seeds: Sequence[int], size: int) -> Canvas:
    """One batch, from the background to the thing before the face."""
    sampler = ParameterSampler(seeds, THROWS)
    person, around = draw_person(sampler), draw_surroundings(sampler)
    plane, canvas = place(person.pose, size), Canvas(len(seeds), size)
    paint_background(canvas, around.background, plane)
    paint_back(canvas, person, plane, in_front=False)
    paint_bun(canvas, person, plane)
    paint_clothes(canvas, around.clothes, plane, person.pose.light)
    paint_back(canvas, person, plane, in_front=True)
    paint_neck(canvas, person, around.clothes, plane)
    paint_face(canvas, person, plane)
    paint_occluder(canvas, around.occluder, plane)
    return canvas


def paint_face(canvas: Canvas, person: Person, plane: Plane) -> None:
    """The head: far ear, skin, features, near ear, hair, glasses."""
    surface = wrap(person, plane)
    light = lambert(surface, person.pose.light)
    for side in (-1.0, 1.0):
        paint_ear(canvas, person, plane, side, front=False)
    inside = paint_head(canvas, person, plane, surface, light)
    paint_mouth(canvas, person, plane, surface, inside, light)
    paint_eyes(canvas, person, plane, surface, inside, light)
    paint_nose(canvas, person, plane, surface, inside, light)
    paint_brows(canvas, person, plane, surface, inside)
    for side in (-1.0, 1.0):
        paint_ear(canvas, person, plane, side, front=True)
    paint_cap(canvas, person, plane, surface.outline)
    paint_glasses(canvas, person, plane, surface, inside)
