"""Puzzles give nothing away but what is in their tiles, the permutations never change, and the network solves them."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor, nn

from partbench.backbones import jigsaw
from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS, check_aligned
from partbench.backbones.checks.probes import clouds
from partbench.backbones.jigsaw import JIGSAW
from partbench.backbones.jigsaw.config import EMBEDDED, JigsawConfig
from partbench.backbones.jigsaw.loss import JigsawLesson
from partbench.backbones.jigsaw.networks import JigsawNetwork, Trunk, trained, untrained
from partbench.backbones.jigsaw.permutations import orders, permutations
from partbench.backbones.jigsaw.puzzles import GREY, assemble, cut, normalise, puzzle, restore, shuffle, table
from partbench.backbones.training.learner import AdamRecipe, Learner
from partbench.backbones.weights import save

TINY = JigsawConfig(
    size=24, cell=8, tile=4, shift=1, layout="small", width=8, fc6=16, fc7=64, dropout=0.0, permutations=10
)
QUICK = AdamRecipe(batch=32, rate=5e-3, warmup=10, average=0.9)
GOLDEN = "5bd966ef3ca719cee615467c75a839269663d4b66d0bd25ca50d0abae5f660e5"
"""SHA-256 of the 1,000 permutations, 9,000 bytes. Shipped weights mean nothing with others."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(path, "jigsaw", TINY, JigsawNetwork(TINY).parts(), {"images": "40 of cats.zip"})
    return path


def learner(seed: int = 0) -> Learner:
    """A tiny network in training."""
    return Learner(partial(JigsawLesson, TINY, QUICK), "cpu", seed)


def coordinates(count: int, size: int, axis: int) -> Tensor:
    """Images whose every channel says the row (axis 0) or the column (axis 1) of a pixel."""
    line = torch.arange(size, dtype=torch.float32)
    return (line[:, None] if axis == 0 else line).expand(count, 3, size, size)


# Permutations


def test_the_permutations_are_the_same_for_ever() -> None:
    """A thousand of them, byte for byte."""
    assert hashlib.sha256(permutations(1000).tobytes()).hexdigest() == GOLDEN


@given(st.integers(0, 999), st.integers(0, 999))
def test_permutations_are_distinct_permutations(one: int, other: int) -> None:
    """Each has every cell once, and no two are equal."""
    chosen = permutations(1000)
    assert sorted(chosen[one]) == list(range(9))
    assert (one == other) == np.array_equal(chosen[one], chosen[other])


def test_a_shorter_set_begins_a_longer_one() -> None:
    """What is chosen next depends on what was chosen, not on how many are wanted."""
    assert np.array_equal(permutations(30), permutations(1000)[:30])


def test_permutations_are_far_apart() -> None:
    """Any two of the thousand differ in five places at least, eight on the mean; cells are as often everywhere."""
    chosen = permutations(1000)
    distances = (chosen[:, None] != chosen).sum(-1)[np.triu_indices(1000, 1)]
    assert (distances.min(), distances.mean().round(2)) == (5, 8.01)
    counts = np.stack([(chosen == cell).sum(0) for cell in range(9)])
    assert counts.min() >= 110 and counts.max() <= 112


def test_each_permutation_is_the_farthest_from_those_before() -> None:
    """As a search by the definition finds them: least distance first, then the mean one, then the order."""
    every = np.array(list(itertools.permutations(range(9))), np.uint8)
    assert np.array_equal(orders(9), every)
    for k in (1, 8, 9, 10):
        distances = np.stack([(every != one).sum(1) for one in permutations(30)[:k]])
        best = np.lexsort((np.arange(len(every)), -distances.sum(0), -distances.min(0)))[0]
        assert np.array_equal(permutations(30)[k], every[best])


# Puzzles


@given(st.integers(0, 9), st.integers(0, 2**31))
def test_restoring_undoes_shuffling(count: int, seed: int) -> None:
    """In place k comes the tile of cell order[k]; the way back gives the original order."""
    generator = torch.Generator().manual_seed(seed)
    tiles = torch.rand(count, 9, 3, 2, 2, generator=generator)
    ways = torch.rand(count, 9, generator=generator).argsort(1)
    shuffled = shuffle(tiles, ways)
    assert all(torch.equal(shuffled[n, k], tiles[n, ways[n, k]]) for n in range(count) for k in range(9))
    assert torch.equal(restore(shuffled, ways), tiles)


@st.composite
def shapes(draw: st.DrawFn) -> JigsawConfig:
    """Puzzles of many proportions."""
    tile, shift = draw(st.sampled_from((4, 8, 12))), draw(st.integers(0, 2))
    cell = tile + 1 + 2 * shift + draw(st.integers(0, 4))
    size = -(-3 * cell // 4) * 4 + draw(st.sampled_from((0, 4, 8)))
    return replace(TINY, size=size, cell=cell, tile=tile, shift=shift)


@given(shapes(), st.integers(0, 2**31), st.sampled_from((0, 1)))
def test_no_two_tiles_touch(config: JigsawConfig, seed: int, axis: int) -> None:
    """Between neighbouring tiles, in any channel of either, lies a row or column of pixels at least that is in none."""
    torch.manual_seed(seed)
    tiles = cut(coordinates(4, config.size, axis), config).unflatten(1, (3, 3))
    assert tiles.shape == (4, 3, 3, 3, config.tile, config.tile)
    lines = tiles.movedim(1 + axis, 1).flatten(2)
    first, last = lines.amin(2), lines.amax(2)
    assert (first[:, 1:] - last[:, :-1] >= 2).all()
    assert first.min() >= 0 and last.max() < config.size
    along = tiles.diff(dim=axis - 2)
    assert (along == 1).all()


def test_tiles_lie_anywhere_in_their_cells() -> None:
    """Over many puzzles a tile takes every place that its cell has, and the window every place of the image."""
    torch.manual_seed(0)
    config = replace(TINY, size=28)
    corners = cut(coordinates(400, 28, 1), config)[..., 0, 0]
    assert set(corners[:, 0].flatten().tolist()) == set(range(config.slack + 28 - config.window + 1))


def test_channels_move_against_each_other_but_not_in_grey() -> None:
    """In coloured images by at most two shifts, in the grey 30 % not at all."""
    torch.manual_seed(0)
    corners = cut(coordinates(600, 24, 1), TINY)[..., 0, 0]
    spread = corners.amax(2) - corners.amin(2)
    still = (spread == 0).all(1)
    assert spread.max() == 2 * TINY.shift
    assert abs(still.float().mean().item() - GREY) < 0.06
    torch.manual_seed(0)
    tiles = cut(torch.rand(600, 3, 24, 24), TINY)
    grey = (tiles == tiles[:, :, :1]).flatten(1).all(1)
    assert abs(grey.float().mean().item() - GREY) < 0.06


def test_a_puzzle_is_its_label() -> None:
    """The permutation with that number restores what was cut; the images stay as they were."""
    images = coordinates(5, 24, 1) + 100 * coordinates(5, 24, 0)
    before = images.clone()
    torch.manual_seed(0)
    tiles, labels = puzzle(images, TINY)
    torch.manual_seed(0)
    assert torch.equal(restore(tiles, table(TINY, tiles.device)[labels]), cut(images, TINY))
    assert torch.equal(images, before)


def test_normalised_pictures() -> None:
    """Mean 0 and deviation 1 in each channel of each picture; a plain one becomes zeros, not noise."""
    pictures = normalise(torch.rand(2, 9, 3, 8, 8) * 0.3 + 0.5)
    torch.testing.assert_close(pictures.mean((-2, -1)), torch.zeros(2, 9, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(pictures.std((-2, -1), correction=0), torch.ones(2, 9, 3))
    assert normalise(torch.full((1, 3, 8, 8), 0.7)).abs().max() < 1e-4


def test_tiles_are_shown_row_by_row() -> None:
    """Tile k stands in row k // 3 and column k % 3 of the picture."""
    tiles = torch.arange(9.0).view(1, 9, 1, 1, 1).expand(1, 9, 3, 4, 4) / 10
    shown = assemble(tiles, 25)
    assert shown.shape == (1, 3, 25, 25)
    assert shown[0, 0, 4:24:8, 4:24:8].flatten().tolist() == tiles[0, :, 0, 0, 0].tolist()
    assert (shown[..., 24, :] == 0.5).all()


# Networks


def test_the_published_trunk() -> None:
    """1,376 channels in five convolutions, in AlexNet's groups, and 256 maps of 4 x 4 from a tile of 64 pixels."""
    trunk, config = Trunk(JigsawConfig()).eval(), JigsawConfig()
    assert (sum(config.channels), config.channels) == (1376, (96, 256, 384, 384, 256))
    maps = trunk.maps(torch.rand(1, 3, 64, 64))
    assert [layer.shape[-1] for layer in maps] == [32, 16, 8, 8, 8]
    assert trunk(torch.rand(1, 3, 64, 64)).shape == (1, 256, 4, 4)
    assert [part.groups for part in trunk.modules() if isinstance(part, nn.Conv2d)] == [1, 2, 1, 2, 2]


def test_a_picture_is_seen_as_its_parts_are() -> None:
    """Away from the borders, the maps of a crop are the crop of the maps, in every layer."""
    torch.manual_seed(0)
    trunk = Trunk(replace(TINY, width=4))
    trunk(torch.randn(20, 3, 16, 16))  # batch norm sees something
    trunk.eval()
    image = torch.randn(1, 3, 96, 96)
    whole, part = trunk.maps(image), trunk.maps(image[..., 16:80, 16:80])
    for large, small in zip(whole, part, strict=True):
        scale = 96 // large.shape[-1]
        here, there = slice(24 // scale, 40 // scale), slice(40 // scale, 56 // scale)
        torch.testing.assert_close(small[..., here, here], large[..., there, there], atol=1e-5, rtol=1e-4)


def test_nine_tiles_share_one_trunk() -> None:
    """A tile is seen the same in every place; the answer depends on the places."""
    torch.manual_seed(0)
    network, tiles = JigsawNetwork(TINY).eval(), torch.rand(2, 9, 3, 4, 4)
    seen: list[Tensor] = []
    network.trunk.register_forward_hook(lambda _module, _inputs, output: seen.append(output.unflatten(0, (2, 9))))
    order = torch.randperm(9)
    straight, mixed = network(tiles), network(tiles[:, order])
    torch.testing.assert_close(seen[1], seen[0][:, order])
    assert not torch.allclose(straight, mixed)


def test_fc8_starts_with_the_kinship_of_the_permutations() -> None:
    """Rows resemble each other as far as their permutations agree, and are as large as in any other start."""
    torch.manual_seed(0)
    config = replace(TINY, fc7=4096, permutations=200)
    rows = JigsawNetwork(config).solver.fc8.weight.detach()
    chosen = torch.tensor(permutations(200))
    agreement = (chosen[:, None] == chosen).float().mean(-1)
    torch.testing.assert_close(rows @ rows.T, agreement, atol=0.1, rtol=0)
    assert rows.std().item() == pytest.approx(4096**-0.5, rel=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "large"}, "jigsaw has no layout 'large'; choose cfn or small"),
        ({"cell": 9}, "a jigsaw of 24 pixels has no room for 3 cells of 9 pixels, .*; choose smaller tiles"),
        ({"tile": 7}, "a jigsaw of 24 pixels has no room for .* a tile of 7 and 3 to spare; choose smaller tiles"),
        ({"tile": 3}, "jigsaw cannot halve tiles of 3 .* down to steps of 4; choose multiples of 4"),
    ],
)
def test_a_shape_that_cannot_be(change: dict[str, int | str], message: str) -> None:
    """One sentence says why."""
    with pytest.raises(BackboneError, match=f"^{message}$"):
        replace(TINY, **change)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("size", [32, 64, 100, 128, 256])
def test_the_embedded_shape_at_other_sizes(size: int) -> None:
    """Cells, tiles and shifts stay in proportion."""
    config = EMBEDDED.at_size(size)
    assert EMBEDDED.at_size(64) == EMBEDDED
    assert config.size == size
    assert config.tile / size == pytest.approx(0.25, abs=0.02)
    assert config.window / size > 0.9


# Weights and record


@pytest.mark.parametrize("check", CHECKS)
def test_jigsaw_is_a_backbone(check: Callable[[Backbone], None], file: Path) -> None:
    """It passes every check, of a size that the file says."""
    check(JIGSAW.configure("", str(file)))


def test_the_embedded_and_the_published_trunk_are_aligned() -> None:
    """What happens in one place of the image happens there in the maps; before training too."""
    for config in (EMBEDDED, replace(JigsawConfig(), width=4)):
        check_aligned(Backbone("jigsaw", config.size, config.channels, load=partial(untrained, config, 0)))


def test_a_file_gives_the_network_back(file: Path) -> None:
    """Its shape stands in the metadata, its maps change by less than 0.2 %, and it is frozen."""
    torch.manual_seed(0)
    before, after = JigsawNetwork(TINY).eval().trunk, trained(file)
    images = clouds(2, 24)
    for old, new in zip(before.maps(normalise(images)), after(images), strict=True):
        assert (old - new).norm() < 0.002 * old.norm()
    assert not after.training and not any(p.requires_grad for p in after.parameters())
    with safe_open(file, framework="pt") as opened:
        assert json.loads(opened.metadata()["config"])["permutations"] == 10
        assert {key.split(".")[0] for key in opened.keys()} == {"trunk", "solver"}  # noqa: SIM118  # no mapping


@pytest.mark.parametrize("kind", ["missing", "foreign", "other"])
def test_a_file_that_is_none(tmp_path: Path, kind: str) -> None:
    """One sentence says what is wrong with it and what to do."""
    path = tmp_path / "w.safetensors"
    if kind != "missing":
        family, part = ("vae", "trunk") if kind == "foreign" else ("jigsaw", "solver")
        save(path, family, TINY, {part: nn.Linear(1, 1)}, {})
    says = {"missing": "there is no", "foreign": "holds no jigsaw of ours", "other": "holds another network"}
    with pytest.raises(BackboneError, match=says[kind]) as caught:
        JIGSAW.configure("", str(path)).load()
    assert "\n" not in str(caught.value)


def test_the_record() -> None:
    """The shipped shape is known without its file; a variant is an error; weights come with the name."""
    (backbone,) = jigsaw.partbench_backbones()
    assert (backbone.name, backbone.size, backbone.weights) == ("jigsaw", 64, JIGSAW.shipped)
    assert backbone.channels == (32, 64, 64, 96, 96, 96)
    with pytest.raises(
        BackboneError,
        match="jigsaw has no variant 'B'; write a size in pixels, as jigsaw:128, or name a weights file as jigsaw@FILE",
    ):
        JIGSAW.configure("B", "")


@torch.no_grad()
def test_it_reads_images_of_the_side_that_its_name_says() -> None:
    """The trunk is the same; its strides have to divide the side."""
    record, plain = JIGSAW.configure("96"), JIGSAW.configure()
    assert (record.name, record.size, record.weights) == ("jigsaw:96", 96, plain.weights)
    images = clouds(1, 96)
    maps = record.load()(images)
    assert [layer.shape[1] for layer in maps] == [*plain.channels]
    assert all(torch.equal(*pair) for pair in zip(maps, plain.load()(images), strict=True))
    with pytest.raises(BackboneError, match=r"images of 70 pixels down to steps of 4; choose multiples of 4$"):
        JIGSAW.configure("70")


def test_the_embedded_file_is_small(tmp_path: Path) -> None:
    """Trunk and solver take less than 2.6 MB."""
    save(tmp_path / "w.safetensors", "jigsaw", EMBEDDED, JigsawNetwork(EMBEDDED).parts(), {})
    assert (tmp_path / "w.safetensors").stat().st_size < 2.6e6


def test_listing_is_cheap() -> None:
    """Naming the backbone imports no torch."""
    use = "from partbench.backbones.jigsaw import JIGSAW; JIGSAW.configure()"
    code = f"import sys; {use}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_the_twin_is_the_network_of_its_seed(file: Path) -> None:
    """It differs from the trained and between seeds, is the same for one seed, and draws from nobody's numbers."""
    images, state = clouds(2, 24), torch.get_rng_state()
    backbone = JIGSAW.configure("", str(file))
    assert backbone.untrained is not None
    first, again, other = (backbone.untrained(seed)(images)[-1] for seed in (5, 5, 6))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, backbone.load()(images)[-1])


# Learning


def test_the_network_learns() -> None:
    """In 50 steps from guessing to most puzzles solved, and nearly all within five guesses."""
    trainer, images = learner(), clouds(4, 24).repeat(8, 1, 1, 1)
    losses = [trainer.step(images)["jigsaw"] for _ in range(50)]
    assert losses[0] > 2.0 and np.mean(losses[-5:]) < 1.0
    scores = trainer.measure(images.repeat(4, 1, 1, 1))
    assert scores["accuracy"] > 5 * scores["accuracy of chance"]
    assert scores["top-5"] > 0.9 and scores["tiles placed"] > 0.5


def test_a_measure_stands_beside_chance() -> None:
    """Chance is what guessing gets: 1 of the permutations, 5 of them, and the tiles in which two of them agree."""
    scores, chosen = JigsawLesson(TINY).measure(Always(), clouds(300, 24)), permutations(10)
    assert (scores["accuracy of chance"], scores["top-5 of chance"]) == (0.1, 0.5)
    assert scores["tiles placed of chance"] == pytest.approx((chosen[:, None] == chosen).mean())
    for name in ("accuracy", "top-5"):
        assert scores[name] == pytest.approx(scores[f"{name} of chance"], abs=0.1)
    assert scores["tiles placed"] == pytest.approx(scores["tiles placed of chance"], abs=0.05)


class Always(nn.Module):
    """The same guess for every puzzle."""

    def forward(self, tiles: Tensor) -> Tensor:
        return torch.arange(10.0).flip(0).expand(len(tiles), 10)


def test_looking_does_not_change_the_training() -> None:
    """A picture and a measure are the same each time, and leave the random numbers where they are."""
    trainer, images = learner(), clouds(32, 24)
    trainer.step(images)
    state = torch.get_rng_state()
    assert trainer.measure(images) == trainer.measure(images)
    assert torch.equal(trainer.picture(), trainer.picture())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_picture_shows_puzzle_solution_and_original() -> None:
    """In threes, as many as make a square; the solution has the tiles of the puzzle."""
    trainer, images = learner(), clouds(32, 24)
    trainer.step(images)
    shown = trainer.picture()
    assert shown.shape == (36, 3, 24, 24)
    assert shown.min() >= 0 and shown.max() <= 1
    assert torch.equal(shown[2::3], images[:12])
    flat = shown.flatten(1).sort(1).values
    assert torch.equal(flat[0::3], flat[1::3])


def test_a_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """Three steps, a checkpoint and three more are six, random numbers included."""
    images = clouds(32, 24)
    straight, resumed = learner(), learner(seed=9)
    for _ in range(3):
        straight.step(images)
    torch.save(straight.state_dict(), tmp_path / "checkpoint")
    first = [straight.step(images) for _ in range(3)]
    resumed.load_state_dict(torch.load(tmp_path / "checkpoint", weights_only=True))
    assert [resumed.step(images) for _ in range(3)] == first
    states = straight.result.state_dict(), resumed.result.state_dict()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_training_starts_at_any_size_and_is_saved(tmp_path: Path) -> None:
    """`partbench pretrain` gets a trainer, and what it saves is a backbone that says its size."""
    backbone = JIGSAW.configure("", "")
    assert backbone.trainer is not None
    trainer = backbone.trainer(32, "cpu", 0)
    assert trainer.step(clouds(2, 32))["jigsaw"] > 0
    trainer.save(tmp_path / "w.safetensors", {})
    saved = JIGSAW.configure("", str(tmp_path / "w.safetensors"))
    assert (saved.size, saved.channels) == (32, EMBEDDED.channels)
    assert [layer.shape[-1] for layer in saved.load()(clouds(1, 32))] == [32, 16, 16, 8, 8, 8]
