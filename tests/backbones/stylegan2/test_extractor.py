"""The StyleGAN2 extractor: from images to codes to maps, in the memory that there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Frugal
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.extractor import HELD, REPEATED, StyleGAN2Extractor
from partbench.backbones.stylegan2.schedule import (
    METHODS,
    ProjectionSettings,
)
from partbench.backbones.stylegan2.weights import Networks, untrained

TINY = StyleGAN2Config(size=16, latent=16, depth=2, width=256, cap=16)


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Untrained networks whose noise is switched on."""
    found = untrained(TINY, 0)
    for conv in found.generator.convs:
        conv.strength.fill_(0.1)  # type: ignore[operator]
    return found


@pytest.mark.parametrize("method", ["descend", "optimise"])
def test_projecting_with_little_memory_finds_the_same_bits(
    method: str, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages are computed again for the gradient instead of being held, and one image is no longer held twice."""
    monkeypatch.setitem(METHODS, method, replace(METHODS[method], steps=3))
    extractor = StyleGAN2Extractor(networks, tuple(range(len(TINY.layers))), method)
    assert isinstance(extractor, Frugal)
    images, maps = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)), 4 * TINY.activations
    ample: list[dict[str, Tensor]] = []
    short: list[dict[str, Tensor]] = []
    for codes, room in ((ample, None), (ample, 2 * HELD * maps), *((short, r * maps) for r in (HELD, REPEATED, 0))):
        extractor.room = room
        assert extractor.fitting(1) == (1, room is not None and room < HELD * maps)
        codes.append(extractor.invert(images))
    for name, code in [*ample[0].items(), *short[0].items()]:
        same = ample if code is ample[0][name] else short
        assert all(torch.equal(code, other[name]) for other in same[1:]), name
        torch.testing.assert_close(code, short[0][name], rtol=1e-3, atol=1e-3)


def test_as_many_images_are_projected_together_as_fit(networks: Networks) -> None:
    """Each by itself if there is no room for two, and never none."""
    extractor, maps = StyleGAN2Extractor(networks, (0,), "descend"), 4 * TINY.activations
    found = {}
    for share in (0, REPEATED, 2 * REPEATED - 1, HELD, 3 * HELD, 100 * HELD):
        extractor.room = share * maps
        found[share] = extractor.fitting(8)
    assert list(found.values()) == [(1, True), (1, True), (1, True), (1, False), (3, False), (8, False)]
    extractor.projection = replace(extractor.projection, steps=2)
    images = torch.rand(3, 3, 16, 16)
    together, alone = ({}, {})
    for codes, room in ((together, None), (alone, 0)):
        extractor.room = room
        codes.update(extractor.invert(images))
    torch.testing.assert_close(together["styles"], alone["styles"], rtol=1e-4, atol=1e-4)


def test_a_proposal_is_the_encoders_alone(networks: Networks) -> None:
    """`propose` takes no step."""
    images = torch.rand(2, 3, 16, 16)
    codes = StyleGAN2Extractor(networks, (0,), "propose").invert(images)
    mean = networks.generator.average.expand(2, networks.generator.styles, -1)
    torch.testing.assert_close(codes["styles"], mean + networks.encoder(images * 2 - 1))  # type: ignore[misc]


def test_a_device_that_has_less_memory_than_was_reckoned_takes_half_as_many(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And half of those, down to one; the codes stay in the order of the images."""
    extractor, images, sizes = StyleGAN2Extractor(networks, (0,), "propose"), torch.rand(5, 3, 16, 16), list[int]()
    expected, plain = extractor.invert(images), extractor._invert

    def invert(images: Tensor, projection: ProjectionSettings) -> dict[str, Tensor]:
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(images, projection)

    monkeypatch.setattr(extractor, "_invert", invert)
    torch.testing.assert_close(extractor.invert(images)["styles"], expected["styles"])
    assert sizes == [5, 3, 2, 1, 2]
