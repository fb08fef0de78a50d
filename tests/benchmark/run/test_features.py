"""Features of images: a generator's own are read from the codes that it drew, all others from what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, Extractor
from partbench.backbones.controls.wrapped import AppendPosition, wrap
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset
from partbench.benchmark.run.features import FeatureSource, count_parameters
from partbench.benchmark.segment.export import from_backbone, write_export
from partbench.datasets.dataset import Split
from partbench.datasets.faces import CLASSES
from partbench.datasets.generated.manifest import read_manifest
from partbench.datasets.generated.writing import write_masks

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stylegan2() -> Backbone:
    """The shipped generator."""
    return find_backbone(load_catalogue(), "stylegan2").record


@pytest.fixture(scope="module")
def pool(stylegan2: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Three images that it drew from seed 3, with masks of stripes."""
    folder = tmp_path_factory.mktemp("drawn") / "shots"
    write_export(folder, from_backbone(stylegan2, 3, 3, CPU), CLASSES, "faces", "png", lambda rows, _: rows)
    manifest, mask = read_manifest(folder), np.arange(64)[:, None] * len(CLASSES) // 64 + np.zeros((1, 64), int)
    write_masks(folder, manifest, dict.fromkeys(manifest.images, mask), [[0, 0, 0]] * len(CLASSES))
    return find_dataset(load_catalogue(), f"generated:{folder}").record.load().pool


def test_stylegan2_reads_its_own_maps(
    stylegan2: Backbone, pool: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit those that it had when it drew the images, though the PNG keeps 8 bits of them."""
    source = FeatureSource.open(stylegan2, CPU, tmp_path / "codes")
    extractor: Any = source.extractor
    drawn, expected = extractor.sample(3, 3)
    images = pool.images([0, 1, 2], 64)
    assert 0 < (images - drawn).abs().max() <= 0.5 / 255 + 1e-6

    def project(_images: Tensor) -> Mapping[str, Tensor]:
        raise AssertionError("it projects")

    monkeypatch.setattr(extractor, "invert", project)
    assert source.codes
    source.codes.recall(pool, range(3))
    assert source.codes.missing(images) == 0
    for ours, theirs in zip(source.raw(images), expected, strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(AssertionError, match="it projects"):
        source.raw(images.flip(3))


def test_a_picture_of_its_own_is_still_projected_elsewhere(stylegan2: Backbone, pool: Split, tmp_path: Path) -> None:
    """The codes of an export are not put where those of projections are kept."""
    source = FeatureSource.open(stylegan2, CPU, tmp_path / "codes")
    assert source.codes
    source.codes.recall(pool, range(3))
    source.raw(pool.images(range(3), 64))
    assert not (tmp_path / "codes").exists()
    stranger = FeatureSource.open(stylegan2, CPU, tmp_path / "codes")
    assert stranger.codes and stranger.codes.missing(pool.images([0], 64)) == 1


def test_maps_without_a_scale_are_refused(tmp_path: Path) -> None:
    """They would be read as they are, to scores that look right."""
    source = FeatureSource.open(Backbone("plain", 8, (3, 3), lambda: lambda images: [images, images]), CPU, tmp_path)
    with pytest.raises(RuntimeError, match="the maps of plain have no scale yet; call measure first"):
        source.maps(torch.zeros(1, 3, 8, 8))
    source.measure([torch.rand(2, 3, 8, 8)], "rms")
    assert len(source.maps(torch.zeros(1, 3, 8, 8))) == 2


class Shared(nn.Module):
    """Two layers of 3 x 3 x 9 numbers that are one, three more that learnt, and a table of 100 that did not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, bias=False)
        self.second, self.shift = self.first, nn.Parameter(torch.zeros(3), requires_grad=False)
        self.register_buffer("table", torch.zeros(100))

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


def test_parameters_are_counted_once_and_buffers_never() -> None:
    """Frozen or not; a wrapper adds its own, and one around what cannot be counted is not counted either."""

    def plain(images: Tensor) -> list[Tensor]:
        return [images]

    def wrapped(inner: Extractor) -> Extractor:
        return wrap(wrap(inner, AppendPosition(), 8), AppendPosition(), 8)

    assert count_parameters(Shared()) == 84
    assert count_parameters(wrapped(Shared())) == 84
    assert count_parameters(plain) is None and count_parameters(wrapped(plain)) is None
    assert count_parameters(nn.Identity()) is None


def test_a_result_says_the_size_of_its_network(stylegan2: Backbone, tmp_path: Path) -> None:
    """Of the shipped generator: convolutions, mapping network and encoder."""
    facts = FeatureSource.open(stylegan2, CPU, tmp_path).facts
    assert facts["parameters"] == 3_412_273
    assert set(facts) == {"weights", "parameters", "seconds per image"}
