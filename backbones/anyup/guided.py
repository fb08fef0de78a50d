"""A map that AnyUp enlarges: its own numbers, and for each image how pixels attend to its cells.

It is a tensor of the cells, so that a run can cut, move, scale and weigh it as any map. A head that reads eq. (1) by
`heads/pixelwise.py` finds `enlarge` and `at` (the `Enlarges` of `heads/head.py`) in place of the bilinear U. Whatever
would take the cells for the whole of it is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..backbone import BackboneError
from .attention import AT_ONCE, Attention

READ = """
shape ndim device dtype layout is_cuda is_mps is_cpu requires_grad is_leaf grad_fn dim size stride numel nelement
element_size is_floating_point is_complex is_contiguous __len__ __repr__ __format__ sum mean amax amin max min abs
square isfinite isnan any all equal eq ne __eq__ __ne__ allclose isclose new_ones new_zeros
"""
"""What tells something of a map, and is given its cells alone."""
CONVERTED = "detach to float double half bfloat16 cpu cuda contiguous clone"
"""What gives the same map, or another one of the same kind as this."""
WEIGHED = "sub __sub__ add __add__ mul __mul__ div __truediv__ true_divide"
"""What gives a map that is enlarged alike, if it treats all places of a channel alike: a pixel's weights add to 1."""
COMPARED = "sub __sub__"
"""What tells two of these maps apart, cell by cell."""
_READ, _CONVERTED, _WEIGHED, _COMPARED = (frozenset(n.split()) for n in (READ, CONVERTED, WEIGHED, COMPARED))


def _mean(cells: Tensor, attention: Attention, rows: tuple[int, int], size: int) -> Tensor:
    """Cells (O, h, w) enlarged to some rows, (O, bottom - top, size)."""
    weights, (first, last) = attention.rows(rows, size)
    return (cells[:, first:last].flatten(1) @ weights.to(cells).T).view(len(cells), -1, size)


class GuidedMap(Tensor):
    """A map (N, C, h, w) with the attention of each of its images."""

    cells: Tensor
    """Its own numbers, as an ordinary tensor."""
    attentions: tuple[Attention, ...]

    @staticmethod
    def of(cells: Tensor, attentions: Sequence[Attention]) -> GuidedMap:
        """Cells (N, C, h, w), and one attention for each image."""
        guided = cells.as_subclass(GuidedMap)
        guided.cells, guided.attentions = cells, tuple(attentions)
        return guided

    def enlarge(self, cells: Tensor, rows: tuple[int, int], size: int) -> Tensor:
        """A map (N, O, h, w) over its cells, enlarged as it is: some rows of it, (N, O, bottom - top, size)."""
        images = []
        for one, attention in zip(cells, self.attentions, strict=True):
            strip = max(1, AT_ONCE // (size * attention.cells))
            tops = range(*rows, strip)
            images.append(torch.cat([_mean(one, attention, (t, min(t + strip, rows[1])), size) for t in tops], dim=1))
        return torch.stack(images)

    def at(self, pixels: Tensor, size: int) -> Tensor:
        """Itself at `pixels` (N, P), enlarged to size x size: (N, C, P)."""
        images = []
        for cells, attention, some in zip(self.cells, self.attentions, pixels, strict=True):
            weights = attention.at(some.to(attention.device), size)
            images.append(cells.flatten(1) @ weights.to(cells).T)
        return torch.stack(images)

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        """All that it holds, which grows as it is read."""
        return self.cells.nbytes + sum(attention.nbytes for attention in self.attentions)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name == "__get__":  # of a property
            name = function.__self__.__name__
        plain = [one.cells if isinstance(one, cls) else one for one in args]
        if name == "__getitem__":
            return _cut(args[0], args[1])
        if name in ("cat", "concat") and all(isinstance(one, cls) for one in args[0]):
            return _join(args[0], *args[1:], **(kwargs or {}))
        first, *others = (isinstance(one, cls) for one in args)
        if name in _READ or (name in _CONVERTED and not first) or (name in _COMPARED and first and any(others)):
            return function(*plain, **(kwargs or {}))
        if first and (name in _CONVERTED or (name in _WEIGHED and _by_channel(args[1]))):
            return cls.of(function(*plain, **(kwargs or {})), args[0].attentions)
        raise BackboneError(f"maps that AnyUp enlarges cannot go through {name}; read them by heads/pixelwise.py")


def _by_channel(other: object) -> bool:
    return not isinstance(other, Tensor) or other.ndim == 0 or tuple(other.shape[-2:]) == (1, 1)


def _cut(guided: GuidedMap, index: Any) -> Tensor:
    """Some of the images."""
    if isinstance(index, slice):
        return GuidedMap.of(guided.cells[index], guided.attentions[index])
    if isinstance(index, list):
        return GuidedMap.of(guided.cells[index], [guided.attentions[place] for place in index])
    raise BackboneError("of maps that AnyUp enlarges images are cut alone; read them by heads/pixelwise.py")


def _join(maps: Sequence[GuidedMap], dim: int = 0) -> GuidedMap:
    """The maps of several images as one."""
    if dim:
        raise BackboneError("maps that AnyUp enlarges cannot be laid side by side; read them by heads/pixelwise.py")
    cells = torch.cat([one.cells for one in maps])
    return GuidedMap.of(cells, [attention for one in maps for attention in one.attentions])
