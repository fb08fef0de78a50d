"""The hash of how an image looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partbench.benchmark.pretrain.perceptual_hash import perceptual_hash


def pictures(seeds: Sequence[int], size: int = 32) -> Tensor:
    """Random pictures, a little blurred; each seed its own."""
    coarse = [torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.nn.functional.interpolate(torch.cat(coarse), (size, size), mode="bilinear")


@given(st.integers(0, 2**32), st.floats(0.2, 5), st.floats(-1, 1), st.integers(2, 4))
def test_brightness_contrast_and_size_leave_the_hash(seed: int, contrast: float, light: float, times: int) -> None:
    """A copy with other brightness or contrast, or with each pixel drawn larger, has the same bits."""
    image = pictures([seed], 24).double().numpy()
    same = perceptual_hash(image)
    assert perceptual_hash(contrast * image + light) == same
    assert perceptual_hash(image.repeat(times, 2).repeat(times, 3)) == same


def test_a_plain_image_has_no_bits() -> None:
    """What has no frequencies has the hash 0, whatever the rounding."""
    assert perceptual_hash(np.full((3, 3, 48, 50), 0.3)).tolist() == [0, 0, 0]
