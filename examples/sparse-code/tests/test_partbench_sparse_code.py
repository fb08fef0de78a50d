"""`sparse-code` finds the code that its definition asks for, once per image, and keeps the contract of a backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from partbench_sparse_code import partbench_backbones
from partbench_sparse_code_extractor import SparseCode, cosines
from torch import Tensor

from partbench.backbones.backbone import Backbone, Inverts
from partbench.backbones.checks import CHECKS
from partbench.benchmark.run.features import FeatureSource

(BACKBONE,) = partbench_backbones()
ROUNDING = 3e-3
"""Codes are kept as float16, and the height of a bright block is about 3; a wave costs 0.02."""


def pictures(count: int) -> Tensor:
    """Smooth pictures (count, 3, 64, 64) in [0, 1]."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, (64, 64), mode="bilinear")


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check: Callable[[Backbone], None]) -> None:
    check(BACKBONE)


def test_waves_are_orthonormal() -> None:
    """Within a block, every picture is one sum of them."""
    flat = cosines().flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(len(flat)), rtol=0, atol=1e-5)


def test_the_code_is_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a wave is used, the error's share along it is its cost; where none is, it is less (the KKT conditions)."""
    monkeypatch.setattr("partbench_sparse_code_extractor.ROUNDS", 600)
    extractor, images = SparseCode(), pictures(1)
    heights = extractor.invert(images)["heights"].float()
    unfold = torch.nn.functional.unfold(images - _painted(heights), 8, padding=2, stride=4)
    share = (cosines().flatten(1) @ unfold[0]).view(heights.shape[1:])
    used = heights[0].abs() > 1e-3
    cost = extractor.cost.expand_as(share)
    torch.testing.assert_close(share[used], (heights[0].sign() * cost)[used], rtol=0, atol=ROUNDING)
    assert (share.abs() <= cost + ROUNDING).all()
    assert 0 < used.float().mean() < 0.2


def _painted(heights: Tensor) -> Tensor:
    """The image (1, 3, 64, 64) of a code (1, 192, 16, 16), block by block."""
    canvas = torch.zeros(3, 68, 68)
    for row in range(16):
        for column in range(16):
            block = torch.einsum("k,kcxy->cxy", heights[0, :, row, column], cosines())
            canvas[:, 4 * row : 4 * row + 8, 4 * column : 4 * column + 8] += block
    return canvas[None, :, 2:66, 2:66]


def test_few_waves_make_the_image() -> None:
    """Within five levels of 256 on average, with an eighth of the waves that are there to choose from."""
    extractor, images = SparseCode(), pictures(2)
    codes = extractor.invert(images)
    assert (extractor.reconstruct(codes) - images).abs().mean() < 5 / 256
    assert (codes["heights"] != 0).float().mean() < 1 / 8


def test_an_image_is_inverted_once(tmp_path: Path) -> None:
    """The second time its code comes from disk, and leads to the same maps."""
    first = FeatureSource.open(BACKBONE, torch.device("cpu"), tmp_path)
    maps = first.raw(pictures(2))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    again = FeatureSource.open(BACKBONE, torch.device("cpu"), tmp_path)
    assert isinstance(again.extractor, Inverts)
    again.extractor.invert = None  # type: ignore[method-assign, assignment]
    for one, other in zip(again.raw(pictures(2)), maps, strict=True):
        assert torch.equal(one, other)
