"""The linear head: one 1x1 layer from F to the classes, the "0-hidden" of Table 7."""

from __future__ import annotations

from .pixelwise import Projection


class Linear(Projection):
    """Logits that are linear in F, pixel by pixel."""
