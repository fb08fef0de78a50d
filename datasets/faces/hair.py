"""Hair: what hangs behind the head, and the cap that ends at the hairline."""

from __future__ import annotations

import numpy as np

from ..drawing.canvas import Canvas, cover, smooth
from ..drawing.sampling import Array
from .geometry import Plane, Surface, half_width, on_screen, wrap
from .identity import Person

HAIR = 6


def strands(person: Person, x: Array, y: Array) -> Array:
    """Broad locks of light and dark, a factor around 1."""
    return 1 + 0.10 * np.sin(9 * x + 2.2 * y + person.hair.wave) + 0.06 * np.sin(19 * x - 3 * y + 2 * person.hair.wave)


def paint_back(canvas: Canvas, person: Person, plane: Plane, in_front: bool) -> None:
    """Long hair, behind the clothes or falling over them, and a bun on the crown."""
    hair = person.hair
    wide = half_width(person) * hair.back_width
    middle = 0.5 * (hair.back - 0.2)
    tall = 0.5 * (hair.back + 0.8)
    x = plane.x + 0.12 * np.sin(person.pose.yaw)
    u, v = x / wide, (plane.y - middle + 0.3) / np.maximum(tall, 0.3)
    edge = (np.sqrt(np.sqrt(np.square(u * u) + np.square(v * v))) - 1) * wide
    gate = (hair.back > 0) & ((hair.in_front > 0.5) == in_front)
    tone = (0.72 - 0.16 * smooth(-np.abs(x), -0.8, -0.2)) * strands(person, plane.x, 0.3 * plane.y)
    canvas.paint(cover(edge, plane.pixel) * gate, hair.colour * tone[:, None], HAIR)


def paint_bun(canvas: Canvas, person: Person, plane: Plane) -> None:
    """A round bun behind the crown."""
    x, y, _ = on_screen(person, 0.0, -1.05, -0.35)
    radius = np.sqrt(np.square(plane.x - x) + np.square(plane.y - y + 0.1))
    tone = (1.0 - 0.9 * np.square(radius)) * strands(person, plane.x, plane.y)
    canvas.paint(cover(radius - 0.34, plane.pixel) * person.hair.bun, person.hair.colour * tone[:, None], HAIR)


def cap_edge(person: Person, shell: Surface, outline: Array) -> Array:
    """Signed distance to the edge of the hair on the head: above the hairline, or at the sides down to the cut.

    `outline` is the distance of each pixel to the bare head's edge, in head units.
    """
    hair, x = person.hair, shell.x / person.features.width
    # Away from the head the hair ends earlier, so that its ends are round; no lock shows on a side turned away.
    beyond = np.maximum(outline, 0)
    ends = np.minimum(1.5 * beyond, 0.15)
    hidden = 3 * (np.sign(x) * np.sin(person.pose.yaw) - 0.12)
    above = shell.y - hair.line - hair.curve * x * x - hair.part * x + ends
    behind = shell.y - hair.side + ends - 1.3 * np.clip(-0.12 - shell.z, 0, 0.5) * (hair.side > -1)
    sides = np.maximum(np.maximum(shell.z - 0.34 - 4 * beyond, 0.45 - np.abs(x)), np.maximum(behind, hidden))
    edge: Array = np.maximum(shell.outline, np.minimum(above, sides))
    return edge


def paint_cap(canvas: Canvas, person: Person, plane: Plane, outline: Array) -> None:
    """Hair on the head, a shell that thins out towards the ears, with light on its strands."""
    hair, light = person.hair, person.pose.light
    grow = hair.volume * (1 - 0.8 * smooth(plane.y, -0.25, 0.45))
    shell = wrap(person, plane, grow=grow, jaw=0.9)
    facing = shell.across * light[:, 0, None] + shell.down * light[:, 1, None] + shell.out * light[:, 2, None]
    gleam = 0.22 * smooth(facing, 0.72, 1.0)
    across = 0.8 * shell.x / person.features.width + 0.3 * shell.y
    tone = (0.68 + 0.45 * np.maximum(facing, 0)) * strands(person, across, shell.y)
    colour = hair.colour * tone[:, None] + 0.6 * gleam[:, None] * (0.25 + hair.colour)
    bald = hair.side < -1
    canvas.paint(cover(cap_edge(person, shell, outline), plane.pixel) * ~bald, colour, HAIR)
