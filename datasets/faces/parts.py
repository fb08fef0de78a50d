"""The parts of the face, drawn on the unturned head: eyes, brows, nose, mouth, glasses."""

from __future__ import annotations

import numpy as np

from ..drawing.canvas import Canvas, cover, glow, rgb, smooth
from ..drawing.sampling import Array
from .geometry import Plane, Surface, on_screen
from .identity import Person

EYES, MOUTH, NOSE, FACE, BROWS, EARS = 1, 2, 3, 4, 7, 8


def paint_ear(canvas: Canvas, person: Person, plane: Plane, side: float, front: bool) -> None:
    """One ear, when it belongs in front of the head (or behind it)."""
    x, y, depth = on_screen(person, side * 1.0, 0.1, -0.05)
    tall = person.features.ear
    wide = 0.09 + 0.09 * np.maximum(depth, 0)
    across, down = (plane.x - x - side * 0.05) / wide, (plane.y - y) / tall
    radius = np.sqrt(across * across + down * down)
    alpha = cover((radius - 1) * wide, plane.pixel) * ((depth > 0.12) == front)
    tone = 0.66 + 0.24 * smooth(radius, 0.25, 0.8)
    canvas.paint(alpha, person.features.skin * rgb(1.0, 0.93, 0.92) * tone[:, None], EARS)


def paint_head(canvas: Canvas, person: Person, plane: Plane, surface: Surface, light: Array) -> Array:
    """The bare head with cheeks, eye sockets and stubble; gives its cover, which clips what is drawn on it."""
    f = person.features
    inside = cover(surface.outline, plane.pixel)
    fold = np.abs(surface.x)
    colour = f.skin * light[:, None]
    rosy = f.blush * glow(fold - 0.42, surface.y - 0.36, 0.15, 0.12)
    colour = colour * (1 - rosy[:, None] * (1 - rgb(1.05, 0.72, 0.72)))
    socket = 0.2 * glow(fold - f.eye_gap, surface.y - f.eye_y + 0.03, 0.17, 0.12)
    chin = 0.12 * glow(surface.x, surface.y - f.mouth_y - 0.17, 0.11, 0.04)
    colour = colour * (1 - socket - chin)[:, None]
    beard = f.stubble * smooth(surface.y + 0.9 * fold * fold, 0.35, 0.6) * (surface.z > 0)
    colour = colour + beard[:, None] * (0.6 * person.hair.colour + 0.1 * f.skin - colour)
    canvas.paint(inside, colour, FACE)
    return inside * (surface.z > 0.02)


def paint_eyes(canvas: Canvas, person: Person, plane: Plane, surface: Surface, inside: Array, light: Array) -> None:
    """Both eyes at once, folded onto one: white, iris, pupil, glint, lashes."""
    f = person.features
    side = np.sign(surface.x)
    across, down = np.abs(surface.x) - f.eye_gap, surface.y - f.eye_y
    tilted = down + f.eye_tilt * across
    bow = 1 - np.square(across / f.eye_width)
    upper, lower = -f.eye_open * bow, 0.75 * f.eye_open * bow
    edge = np.maximum(upper - tilted, tilted - lower)
    almond = cover(edge, plane.pixel) * inside
    canvas.paint(almond, rgb(0.97, 0.96, 0.95) * (0.35 + 0.62 * np.minimum(light, 1.05))[:, None], EYES)
    pupil_x, pupil_y = across - side * f.gaze, tilted + 0.01
    radius = np.sqrt(np.square(pupil_x) + np.square(pupil_y))
    canvas.paint(almond * cover(radius - 0.085, plane.pixel), f.iris * (0.7 + 3.5 * np.square(radius))[:, None])
    canvas.paint(almond * cover(radius - 0.042, plane.pixel), rgb(0.03, 0.03, 0.04))
    glint = np.sqrt(np.square(pupil_x - 0.03 * side) + np.square(pupil_y + 0.035)) - 0.024
    canvas.paint(0.9 * almond * cover(glint, plane.pixel), rgb(1, 1, 1))
    lash = np.maximum(np.abs(tilted - upper) - 0.016 - 0.01 * bow, np.abs(across) - 1.05 * f.eye_width)
    canvas.paint(0.85 * cover(lash, plane.pixel) * inside, 0.3 * person.hair.colour + 0.12 * f.skin)


def paint_brows(canvas: Canvas, person: Person, plane: Plane, surface: Surface, inside: Array) -> None:
    """Both brows at once: an arc that thins outwards."""
    f = person.features
    across = np.abs(surface.x) - f.eye_gap
    ridge = f.eye_y - f.brow_lift + f.brow_tilt * across + f.brow_arch * np.square(across)
    half = 1.2 * f.eye_width
    thick = f.brow_thick * np.clip(1.1 - 0.55 * np.maximum(across / half, -0.2), 0.3, 1.2)
    edge = np.maximum(np.abs(surface.y - ridge) - thick, np.abs(across) - half)
    colour = 0.62 * person.hair.colour + 0.10 * f.skin
    canvas.paint(cover(edge, plane.pixel) * inside, colour, BROWS)


def paint_nose(canvas: Canvas, person: Person, plane: Plane, surface: Surface, inside: Array, light: Array) -> None:
    """A ridge that stands out of the face and so moves further when the head turns; lit and shaded on its sides."""
    f = person.features
    top = f.eye_y - 0.04
    t = np.clip((surface.y - top) / (f.nose_length + 0.04), 0, 1)
    x = surface.x - (0.02 + 0.16 * t) * np.sin(person.pose.yaw)
    down = surface.y - f.eye_y - f.nose_length
    half = f.nose_width * (0.36 + 0.64 * t * t)
    bridge = np.maximum(np.abs(x) - half, np.maximum(top - surface.y, down))
    wings = np.sqrt(np.square(x / (1.15 * f.nose_width)) + np.square((down + 0.01) / 0.085))
    shape = cover(np.minimum(bridge, (wings - 1) * 0.085), plane.pixel) * inside
    sideways = np.clip(x / half, -1, 1)
    lx = person.pose.light[:, 0, None]
    tone = light * (0.98 + 0.22 * sideways * lx - 0.16 * np.square(sideways)) - 0.16 * smooth(down, 0.0, 0.07)
    tip = 0.2 * glow(x - 0.03 * lx, down + 0.07, 0.05, 0.05) + 0.1 * glow(x, down + 0.22, 0.025, 0.12)
    canvas.paint(shape, f.skin * rgb(1.0, 0.95, 0.94) * (tone + tip)[:, None], NOSE)
    nostril = np.sqrt(np.square((np.abs(x) - 0.5 * f.nose_width) / 0.045) + np.square((down - 0.04) / 0.026))
    canvas.paint(0.75 * cover((nostril - 1) * 0.026, plane.pixel) * inside, 0.3 * f.skin)


def paint_mouth(canvas: Canvas, person: Person, plane: Plane, surface: Surface, inside: Array, light: Array) -> None:
    """Two lips, and between them teeth before the dark when the mouth is open."""
    f = person.features
    u = surface.x / f.mouth_width
    bow = 1 - u * u
    line = f.mouth_y - f.smile * u * u
    middle, below = surface.y - line, 0.35 + 0.65 * np.sqrt(np.maximum(bow, 0))
    cupid = 1 - 0.25 * glow(surface.x, surface.x, 0.03, 9.0)
    upper = -(0.35 * f.mouth_open + f.lip_thick * cupid) * bow
    lower = (0.65 * f.mouth_open + 1.2 * f.lip_thick * below) * bow
    lips = cover(np.maximum(upper - middle, middle - lower), plane.pixel) * inside
    shine = 0.88 + 0.3 * smooth(middle, 0.0, 0.05) - 0.2 * smooth(middle - lower, -0.05, 0.0)
    canvas.paint(lips, f.lip * (light * shine)[:, None], MOUTH)
    gap = np.maximum(-0.35 * f.mouth_open * bow - middle, middle - 0.65 * f.mouth_open * bow) - 0.012
    gap = np.maximum(gap, np.abs(u) * f.mouth_width - 0.97 * f.mouth_width)
    hole = cover(gap, plane.pixel) * lips
    wide_open = f.mouth_open > 0.02
    canvas.paint(hole * 0.9, np.where(wide_open[:, None], rgb(0.28, 0.07, 0.08), 0.5 * f.lip))
    teeth = np.maximum(gap + 0.014, middle - 0.05 * bow)
    canvas.paint(hole * cover(teeth, plane.pixel) * wide_open, rgb(0.95, 0.93, 0.90))


def paint_glasses(canvas: Canvas, person: Person, plane: Plane, surface: Surface, inside: Array) -> None:
    """Frames on one face in seven; the part below keeps its label, and so do eyes behind the lenses."""
    f = person.features
    fold, down = np.abs(surface.x), surface.y - f.eye_y - 0.02
    u, v = np.square((fold - f.eye_gap - 0.01) / 0.25), np.square(down / 0.19)
    radius = np.sqrt(np.where(f.glasses_round > 0.5, u + v, np.sqrt(u * u + v * v)))
    rim = np.abs(radius - 1) * 0.2 - 0.022
    bar = np.maximum(np.abs(down + 0.05) - 0.018, np.minimum(fold - 0.09, 0.56 - fold))
    frame = cover(np.minimum(rim, np.maximum(bar, fold - 0.8)), plane.pixel) * inside * f.glasses
    canvas.paint(0.12 * cover((radius - 1) * 0.2, plane.pixel) * inside * f.glasses, rgb(0.85, 0.92, 1.0))
    canvas.paint(frame, f.glasses_colour)
