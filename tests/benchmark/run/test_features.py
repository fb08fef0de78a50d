"""What large images do to memory they do not do to numbers: strips, stages computed again and maps described again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.backbones.backbone import Backbone, Frugal
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.extractor import HELD, REPEATED, StyleGAN2Extractor
from partbench.backbones.stylegan2.projection import METHODS
from partbench.backbones.stylegan2.thrift import checkpointed, checkpointing
from partbench.backbones.stylegan2.weights import Networks, untrained
from partbench.benchmark.machine import MemoryLimit
from partbench.benchmark.run import head_training as fitting
from partbench.benchmark.run.features import FeatureSource
from partbench.benchmark.run.head_training import Schedule, fit, losses, predict, strips
from partbench.benchmark.run.shot_features import ShotMaps
from partbench.heads import mlp, partbench_heads
from partbench.heads.pixelwise import dense, project

CPU = torch.device("cpu")
HEADS = {head.name: head for head in partbench_heads()}
TINY = StyleGAN2Config(size=16, latent=16, depth=2, width=256, cap=16)
few = settings(max_examples=15)


def random_maps(shapes: Sequence[tuple[int, int]], count: int = 1) -> list[Tensor]:
    """Maps (count, c, side, side), in double precision so that only a wrong formula differs."""
    noise = torch.Generator().manual_seed(0)
    return [torch.randn(count, c, side, side, generator=noise, dtype=torch.float64) for c, side in shapes]


shapes = st.lists(st.tuples(st.integers(1, 3), st.sampled_from((1, 2, 3, 5, 8, 13, 32))), min_size=1, max_size=4)


@few
@given(shapes, st.sampled_from((1, 4, 7, 16)), st.sampled_from(((1, 1), (3, 1), (3, 2), (5, 1))), st.data())
def test_rows_of_a_projection_are_those_of_the_whole(
    shapes: list[tuple[int, int]], size: int, layer: tuple[int, int], data: st.DataObject
) -> None:
    """Any strip of any first layer, from the rows of each map that it needs."""
    kernel, dilation = layer
    maps = random_maps(shapes, 2)
    top = data.draw(st.integers(0, size - 1))
    rows = top, data.draw(st.integers(top + 1, size))
    weight = torch.randn(3, sum(m.shape[1] for m in maps), kernel, kernel, dtype=torch.float64)
    whole = torch.nn.functional.conv2d(dense(maps, size), weight, padding=dilation * (kernel // 2), dilation=dilation)
    strip = project(maps, weight, None, size, dilation, rows)
    torch.testing.assert_close(strip, whole[:, :, slice(*rows)], rtol=1e-9, atol=1e-9)


@settings(max_examples=10)
@given(st.sampled_from(("linear", "mlp-2", "cnn-s", "cnn-l", "cnn-s-3x3")), st.integers(33, 40), st.integers(9, 36))
def test_heads_say_the_same_in_strips(name: str, size: int, height: int) -> None:
    """Dilated layers look far beyond a strip, and zeros lie around the image alone."""
    torch.manual_seed(0)
    maps = random_maps([(3, 4), (2, 16), (2, size)])
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr("partbench.heads.mlp.NETWORKS", {k: replace(n, hidden=(6,)) for k, n in mlp.NETWORKS.items()})
        head = HEADS[name].build((3, 2, 2), 4).double()
        patch.setattr(mlp, "STRIP", 7 * size)
        found = [head.rows(maps, (top, min(top + height, size)), size) for top in range(0, size, height)]  # type: ignore[operator]
        torch.testing.assert_close(torch.cat(found, 2), head(maps, size), rtol=1e-9, atol=1e-9)


@pytest.fixture
def double() -> Iterator[None]:
    """Numbers are double where nothing else is said."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", ["cnn-s", "cnn-s-3x3"])
def test_a_cnn_learns_the_same_in_strips(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of the strips add up to that of the whole image, and so does the training."""
    size, channels = 25, (3, 2)
    maps = random_maps([(3, 5), (2, 25)], 2)
    masks = torch.randint(3, (2, size, size), generator=torch.Generator().manual_seed(1))
    masks[:, :7] = 255
    trained = []
    for at_once, parts in ((size * size, 1), (6 * size, 5)):
        monkeypatch.setattr(fitting, "PIXELS_AT_ONCE", at_once)
        head = HEADS[name].build(channels, 3)
        assert len(list(losses(head, [m[:1] for m in maps], masks[:1], 512, torch.Generator()))) == parts
        trained.append(fit(HEADS[name], channels, 3, maps, masks, Schedule(steps=3), 0))
    for one, other in zip(*(list(module.parameters()) for module in trained), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    assert torch.equal(*(predict(module, maps, size, 3) for module in trained))


def test_only_large_images_are_cut() -> None:
    """Up to 512 pixels a head sees an image whole, so that small scores are the same bits as ever."""
    assert [len(strips(size)) for size in (8, 64, 512, 1024)] == [1, 1, 1, 4]
    assert strips(700)[-1][1] == 700


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
    """Stages are computed again for the gradient instead of being held."""
    monkeypatch.setitem(METHODS, method, replace(METHODS[method], steps=3))
    extractor = StyleGAN2Extractor(networks, tuple(range(len(TINY.layers))), method)
    assert isinstance(extractor, Frugal)
    images, maps = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)), 4 * TINY.activations
    codes = []
    for room in (None, HELD * maps, REPEATED * maps, 0):
        extractor.room = room
        assert extractor.fitting(1) == (1, room is not None and room < HELD * maps)
        codes.append(extractor.invert(images))
    for name, code in codes[0].items():
        assert all(torch.equal(code, other[name]) for other in codes[1:]), name


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


def test_a_stage_is_computed_again_only_where_thrift_is_wanted() -> None:
    """Once more for its gradient; without a gradient, or outside, it runs once."""
    calls: list[int] = []
    x = torch.ones(2, requires_grad=True)

    def work(x: Tensor) -> Tensor:
        calls.append(1)
        return x.exp().square()

    for wanted, runs in ((False, 1), (True, 2)):
        calls.clear()
        with checkpointing(wanted):
            checkpointed(work, x).sum().backward()
        assert len(calls) == runs
    with checkpointing(True), torch.no_grad():
        checkpointed(work, x)
    assert len(calls) == 3


@dataclass
class Pool:
    """Images whose numbers are their index."""

    count: int
    read: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        self.read += indices
        return torch.stack([torch.full((3, size, size), i / 100) for i in indices])

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.zeros(len(indices), size, size, dtype=torch.long)


@dataclass
class Counting:
    """Inverts, and counts the images that it describes."""

    inverted: int = 0
    described: list[float] = field(default_factory=list)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return self.maps(self.invert(images))

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted += len(images)
        return {"w": images[:, :, :1, :1] * 3}

    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        self.described += (codes["w"][:, 0, 0, 0] / 3 * 100).round().tolist()
        return [codes["w"].expand(-1, -1, 4, 4) + 1, codes["w"] * 2]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"].expand(-1, -1, 8, 8)


@dataclass(frozen=True)
class Left(MemoryLimit):
    """Room that says how much is left."""

    def left(self) -> int | None:
        return self.most


IMAGE = 4 * (3 * 16 + 3)
"""Bytes of the maps of one image."""


@pytest.mark.parametrize("inverts", [True, False])
@pytest.mark.parametrize("images_held", [None, 0, 2, 3, 6])
def test_maps_that_are_not_held_are_described_again(images_held: int | None, inverts: bool, tmp_path: Path) -> None:
    """To the same bits, never more of them at once than there is room for, and inverted once."""
    counting = Counting()
    backbone = Backbone("counting", 8, (3, 3), lambda: counting if inverts else partial(Counting.__call__, counting))
    room = None if images_held is None else Left(CPU, 2 * images_held * IMAGE)
    source, pool = FeatureSource.open(backbone, CPU, tmp_path, room), Pool(6)
    source.measure([pool.images([0, 5], 8)], "rms")
    counting.described.clear()
    shots, told = ShotMaps(source, pool, [[0, 1], [2], [4, 5]]), []
    shots.enter(lambda: told.append(1))
    assert len(told) == 3
    reference = FeatureSource.open(backbone, CPU, tmp_path)
    reference.shift, reference.scale = source.shift, source.scale
    for rows in ([0, 2], [4, 5], [1, 2]):
        shots.want(rows)
        for row in rows * 3:
            for one, other in zip(shots.of(row), reference.maps(pool.images([row], 8)), strict=True):
                assert torch.equal(one, other)
            held = sum(len(maps[0]) for maps in shots.held.values())
            assert images_held is None or held <= images_held
    counting.described.clear()
    shots.of(1)
    again = images_held is not None and images_held < 2
    assert counting.described == ([0, 1] if again else [])
    if inverts:
        assert counting.inverted == len({0, 1, 2, 4, 5})


def test_room_is_what_is_asked_for_or_free() -> None:
    """Less what the program holds; nobody's guess where nothing is known."""
    asked, free = MemoryLimit.of(CPU, 1000), MemoryLimit.of(CPU)
    assert asked.most == 1000 * 2**30
    assert 0 < asked.left() < asked.most  # type: ignore[operator]
    assert free.most is None or free.left() is not None
    assert MemoryLimit.of(CPU, 0).left() == 0
    assert MemoryLimit(CPU).left() is None


def test_maps_without_a_scale_are_refused(tmp_path: Path) -> None:
    """They would be read as they are, to scores that look right."""
    source = FeatureSource(Backbone("counting", 8, (3, 3), Counting), Counting(), CPU, tmp_path)
    with pytest.raises(RuntimeError, match="the maps of counting have no scale yet; call measure first"):
        source.maps(torch.zeros(1, 3, 8, 8))
    source.measure([torch.rand(2, 3, 8, 8)], "rms")
    assert len(source.maps(torch.zeros(1, 3, 8, 8))) == 2
