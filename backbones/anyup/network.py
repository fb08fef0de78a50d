"""AnyUp (Wimmer et al. 2025): how much each pixel attends to each cell of a map, whatever the map's channels are.

Queries are of the image alone; keys are of the image and of the map, whose channels each answer to a bank of small
filters and are then averaged away. The attention's own output is not used: its weights, averaged over heads, are laid
on the map itself. Modules are named as in the published checkpoints, so that these load as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS, HEADS = 8, 4
"""Of every normalisation, and of the attention; a checkpoint does not tell them."""
WINDOW = 0.1
"""How far a pixel looks in each direction, in sides of the image; cells that it touches count whole."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the images that it was trained on."""
AT_ONCE = 2**25
"""Numbers of filtered channels that are held at once (128 MB)."""


class ResidualBlock(nn.Module):
    """Two pixel-wise layers beside the identity, or beside a third where the width changes."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (inside, outside):
            layers += [nn.GroupNorm(GROUPS, width), nn.SiLU(), nn.Conv2d(width, outside, 1, bias=False)]
        self.block = nn.Sequential(*layers)
        self.shortcut = nn.Conv2d(inside, outside, 1, bias=False) if inside != outside else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x) + self.shortcut(x)
        return y


class FeatureUnification(nn.Module):
    """Maps of any number of channels as maps of `out`, by a bank of as many filters.

    Every filter answers to every channel, near the border divided by how much of it lies on the map. The published code
    lays these answers out channel by channel and reads them as if filter by filter: its softmax runs over the `out`
    answers i·C + j, i = 0, 1, ..., and its mean over j. The weights were trained so, and it is done so here.
    """

    def __init__(self, out: int, kernel: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(out, 1, kernel, kernel))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) to (N, out, h, w); for some j at a time, since all make `out` times as many numbers."""
        channels, shape, out = maps.shape[1], maps.shape[-2:], len(self.basis)
        reach = self.basis.shape[-1] // 2
        inside = F.conv2d(maps.new_ones(1, 1, *shape), torch.ones_like(self.basis[:1]), padding=reach)
        answers = torch.arange(out * channels, device=maps.device).view(out, channels)
        total = maps.new_zeros(len(maps), out, *shape)
        for some in answers.split(max(1, AT_ONCE // max(1, total.numel())), dim=1):
            number = some.flatten()
            each = F.conv2d(maps[:, number // out], self.basis[number % out], padding=reach, groups=len(number))
            total += (each / inside).view(len(maps), out, -1, *shape).softmax(1).sum(2)
        return total / channels


class Rotation(nn.Module):
    """Rotary encoding of the place: channels turn in pairs, by angles that grow with row and column."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.freqs = nn.Parameter(torch.zeros(2, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, D, H, W), rows and columns running from 0 to 1."""
        sides = [torch.linspace(0, 1, side, device=x.device, dtype=x.dtype) for side in x.shape[-2:]]
        places = torch.stack(torch.meshgrid(*sides, indexing="ij"), -1)
        angles = (places @ self.freqs).movedim(-1, 0)
        one, two = x.chunk(2, dim=1)
        return x * angles.cos() + torch.cat((-two, one), dim=1) * angles.sin()


class CrossAttention(nn.Module):
    """Names of the published layers; `AnyUp` computes with their numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_q, self.norm_k = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)


class CrossAttentionBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cross_attn = CrossAttention(width)
        self.conv2d = nn.Conv2d(width, width, 3, padding=1, bias=False)


class AnyUp(nn.Module):
    """The network: `look` at an image once, then `queries` of it at any size, and `keys` of each of its maps."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.width = width
        self.image_encoder = _encoder(nn.Conv2d(3, width, 1, bias=False), width)
        self.key_encoder = _encoder(nn.Conv2d(width, width, 1, bias=False), width)
        self.query_encoder = _encoder(nn.Conv2d(width, width, 1, bias=False), width)
        self.key_features_encoder = _encoder(FeatureUnification(width, kernel), width)
        joined = nn.Conv2d(2 * width, width, 3, padding=1, padding_mode="reflect", bias=False)
        self.aggregation = _encoder(joined, width)
        self.cross_decode = CrossAttentionBlock(width)
        self.rope = Rotation(width)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def look(self, images: Tensor) -> Tensor:
        """What queries and keys read of images (N, 3, H, W) in [0, 1]: (N, D, H, W)."""
        seen: Tensor = self.rope(self.image_encoder((images - self.mean) / self.deviation))
        return seen

    def queries(self, seen: Tensor, size: int) -> Tensor:
        """Of what is seen of one image (1, D, H, W), at size x size: (heads, S·S, D / heads)."""
        pooled = F.adaptive_avg_pool2d(self.query_encoder(seen), (size, size))
        flat = self.cross_decode.conv2d(pooled)[0].flatten(1).T
        cross = self.cross_decode.cross_attn
        return self._heads(cross.norm_q(flat), 0) / math.sqrt(self.width / HEADS)

    def places(self, seen: Tensor, shapes: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Tensor]:
        """What keys read of one image, at the shape of each of its maps: (1, D, h, w)."""
        whole = self.key_encoder(seen)
        return {shape: F.adaptive_avg_pool2d(whole, shape) for shape in shapes}

    def keys(self, of_image: Tensor, layer: Tensor) -> Tensor:
        """Of one map (1, C, h, w), and of its image there (1, D, h, w): (heads, h·w, D / heads)."""
        of_map = self.key_features_encoder(F.normalize(layer, dim=1))
        flat = self.aggregation(torch.cat((of_image, of_map), dim=1))[0].flatten(1).T
        return self._heads(self.cross_decode.cross_attn.norm_k(flat), 1)

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """The projection of queries (part 0) or keys (1) (P, D), head by head."""
        attention = self.cross_decode.cross_attn.attention
        assert attention.in_proj_weight is not None and attention.in_proj_bias is not None
        weight, bias = (both.chunk(3)[part] for both in (attention.in_proj_weight, attention.in_proj_bias))
        return F.linear(x, weight, bias).view(len(x), HEADS, -1).transpose(0, 1)


def _encoder(first: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(first, ResidualBlock(width, width), ResidualBlock(width, width))


def windows(size: int, length: int) -> tuple[Tensor, Tensor]:
    """Along one axis, the cells [first, last) of `length` that each of `size` pixels looks at."""
    centres = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    first = ((centres - WINDOW).clamp(0, 1) * length).floor().long()
    last = ((centres + WINDOW).clamp(0, 1) * length).ceil().long()
    return first, last
