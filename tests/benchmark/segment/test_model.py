"""The segmenter is the U-Net of Table A, learns from masks as from logits, and its file holds what was scored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from partbench.benchmark.run.head_training import SCHEDULES
from partbench.benchmark.segment.augmentation import Augmentation, draw_places, move
from partbench.benchmark.segment.model import Segmenter, SegmenterError, train_segmenter
from partbench.benchmark.segment.network import UNet
from partbench.benchmark.segment.pairs import TensorPairs
from partbench.benchmark.segment.recipe import RECIPES, SegmenterRecipe
from partbench.benchmark.segment.training import Training, augment, split_rows, target_loss, train_unet
from partbench.datasets.dataset import IGNORE

CLASSES = ("background", "bright", "red")
CPU = torch.device("cpu")
SHORT = SegmenterRecipe(width=4, steps=40, batch=8, rate=1e-2, moved=0.5)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pairs() -> TensorPairs:
    """Dark pictures with a bright square, whose right half is red."""
    images, masks = torch.rand(12, 3, 32, 32, generator=random()) * 0.2, torch.zeros(12, 32, 32, dtype=torch.uint8)
    for i in range(12):
        y, x = (int(v) for v in torch.randint(4, 12, (2,), generator=random(i)))
        images[i, :, y : y + 14, x : x + 14], masks[i, y : y + 14, x : x + 14] = 0.9, 1
        images[i, 1:, y : y + 14, x + 7 : x + 14], masks[i, y : y + 14, x + 7 : x + 14] = 0.1, 2
    return TensorPairs((images * 255).byte(), masks)


@pytest.fixture(scope="module")
def segmenter(pairs: TensorPairs) -> Segmenter:
    """One that has learnt them."""
    return train_segmenter(pairs, CLASSES, SHORT, 0, card={"made": "for a test"})


def accuracy(segmenter: Segmenter, pairs: TensorPairs) -> float:
    images, masks = pairs.read(range(len(pairs)))
    return (segmenter(images).argmax(1) == masks).float().mean().item()


def test_the_layers_are_those_of_table_a() -> None:
    """3x3 convolutions of these channels, each with batch norm and ReLU; the last is 1x1 to the classes."""
    network = UNet(10)
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    outputs = [64, 64, 128, 128, 256, 256, 512, 512, 512, 512]
    assert [conv.out_channels for conv in convs[:10]] == outputs
    # Behind every upsampling stands a concatenation, with the channels that Table A gives it.
    assert [conv.in_channels for conv in convs[10:18:2]] == [1024, 512, 256, 128]
    assert [conv.out_channels for conv in convs[10:18:2]] == [512, 256, 128, 64]
    assert convs[18].in_channels == 64 and convs[18].out_channels == 10
    assert [conv.kernel_size[0] for conv in convs] == [3] * 18 + [1]
    kinds = [type(layer) for layer in network.modules() if not list(layer.children())]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 18 + [nn.Conv2d]


@pytest.mark.parametrize("sides", [(32, 32), (17, 40), (1, 1), (33, 16)])
def test_images_of_any_sides_go_through(sides: tuple[int, int]) -> None:
    """The logits have the sides of the images, and what makes them a multiple of 16 is no black border."""
    network = UNet(3, 4).eval()
    logits = network(torch.rand(2, 3, *sides, generator=random()))
    assert logits.shape == (2, 3, *sides)
    flat = network(torch.full((1, 3, *sides), 0.5))
    more = network(torch.full((1, 3, sides[0] + -sides[0] % 16, sides[1] + -sides[1] % 16), 0.5))
    assert torch.allclose(flat, more[..., : sides[0], : sides[1]], atol=1e-5)


def test_the_paper_s_numbers() -> None:
    """Section 4.3 and 5.1: 5,000 images, Adam at 0.001, 300 epochs, a tenth of the rate after 20 without gain."""
    paper, place = RECIPES["paper"], Augmentation()
    assert (paper.images, paper.rate, paper.epochs, paper.decay, paper.patience) == (5000, 1e-3, 300, 0.1, 20)
    assert (place.scales, place.rotation, place.translation) == ((0.5, 2.0), 10.0, 0.5)
    assert RECIPES.keys() == SCHEDULES.keys() and paper.moved == 1.0


@given(st.integers(0, 2**31), st.floats(1.0, 3.0), st.floats(0.0, 45.0), st.floats(0.0, 0.5))
def test_places_are_similarities_within_their_ranges(seed: int, most: float, degrees: float, shift: float) -> None:
    """Scale, angle and shift of every map lie in the augmentation's ranges, and all that else changes is the side."""
    ranges = Augmentation(0.5, (1 / most, most), degrees, shift)
    linear, offset = draw_places(ranges, 16, random(seed)).split([2, 1], 2)
    scale = 1 / linear.det().abs().sqrt()
    assert torch.allclose(linear @ linear.mT, torch.eye(2) / scale[:, None, None] ** 2, atol=1e-4)
    assert (scale >= 1 / most - 1e-4).all() and (scale <= most + 1e-4).all()
    angle = torch.atan2(-linear[:, 1, 0], linear[:, 1, 1]).rad2deg()
    assert (angle.abs() <= degrees + 1e-3).all()
    center = torch.linalg.solve(linear, -offset)  # where the old picture's centre comes to lie
    assert (center.abs() <= 2 * shift + 1e-3).all()


def test_both_sides_come_up_and_all_ranges_are_used() -> None:
    """About half of the pictures are mirrored, half are larger, and shifts and turns go either way."""
    places = draw_places(Augmentation(), 2000, random())
    assert 0.45 < (places[:, :, :2].det() < 0).float().mean() < 0.55
    assert 0.45 < (places[:, :, :2].det().abs() < 1).float().mean() < 0.55
    assert places[:, :, :2].det().abs().min() < 0.26 and places[:, :, :2].det().abs().max() > 3.9


def test_a_target_moves_with_its_image() -> None:
    """A mask, logits and the picture they belong to are moved to the same place, by any map."""
    masks = torch.randint(3, (6, 4, 4), generator=random()).repeat_interleave(8, 1).repeat_interleave(8, 2)
    logits = F.one_hot(masks, 3).permute(0, 3, 1, 2).float()
    places = draw_places(Augmentation(), 6, random(1))
    images, moved = augment(logits, masks, places)
    again, soft = augment(logits, logits, places)
    assert torch.equal(images, again) and torch.equal(images, soft)
    clear = images.max(1).values > 0.99
    assert clear.float().mean() > 0.3
    assert torch.equal(images.argmax(1)[clear], moved[clear])


def test_the_identity_moves_nothing() -> None:
    """And a flip is a flip."""
    picture = torch.rand(1, 2, 8, 8, generator=random())
    same = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    assert torch.allclose(move(picture, same), picture, atol=1e-6)
    assert torch.allclose(move(picture, same * torch.tensor([[-1.0], [1.0]])), picture.flip(3), atol=1e-6)


def test_logits_that_are_sure_are_one_hot() -> None:
    """The loss on logits goes over into the cross entropy on their classes, and counts their doubt otherwise."""
    logits = torch.randn(2, 3, 4, 4, generator=random())
    masks = torch.randint(3, (2, 4, 4), generator=random())
    sure = 100 * F.one_hot(masks, 3).permute(0, 3, 1, 2).float()
    assert target_loss(logits, sure).item() == pytest.approx(F.cross_entropy(logits, masks).item(), rel=1e-5)
    probabilities = (sure / 100).softmax(1)
    expected = -(probabilities * logits.log_softmax(1)).sum(1).mean().item()
    assert target_loss(logits, sure / 100).item() == pytest.approx(expected, rel=1e-5)


def test_pixels_without_label_teach_nothing() -> None:
    """A mask that is ignored nearly everywhere has the loss of its only labelled pixel."""
    logits, masks = torch.randn(1, 3, 4, 4, generator=random()), torch.full((1, 4, 4), IGNORE)
    masks[0, 1, 2] = 1
    expected = F.cross_entropy(logits[:, :, 1, 2], torch.tensor([1])).item()
    assert target_loss(logits, masks).item() == pytest.approx(expected, rel=1e-5)


def test_it_learns_what_it_is_shown(segmenter: Segmenter, pairs: TensorPairs) -> None:
    """From masks; most of the pixels are right after a few steps."""
    assert accuracy(segmenter, pairs) > 0.9


def test_it_learns_from_logits(pairs: TensorPairs) -> None:
    """As from masks."""
    logits = 4 * F.one_hot(pairs.targets.long(), 3).permute(0, 3, 1, 2).half()
    taught = train_segmenter(TensorPairs(pairs.images, logits), CLASSES, SHORT, 0)
    assert accuracy(taught, pairs) > 0.9


def test_the_same_seed_gives_the_same_network(pairs: TensorPairs) -> None:
    """Whatever ran before; another seed gives another, and nobody else's random numbers move."""
    few, found = SegmenterRecipe(width=2, steps=2, batch=4), []
    for seed, before in ((3, 1), (3, 2), (4, 1)):
        torch.manual_seed(before)
        network = train_unet(pairs, 3, few, seed, CPU)
        assert torch.equal(torch.rand(1), torch.rand(1, generator=random(before)))
        found.append(torch.cat([p.flatten() for p in network.parameters()]))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_the_rate_falls_where_nothing_is_gained(pairs: TensorPairs) -> None:
    """`patience` epochs without a better validation loss make it a tenth, and held pairs are never learnt from."""
    recipe = SegmenterRecipe(width=2, batch=4, epochs=6, patience=1, held=0.34, rate=1e-3)
    seen: list[int] = []

    class Watched(TensorPairs):
        def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
            seen.extend(rows)
            return super().read(rows)

    training = Training(UNet(3, 2), Watched(pairs.images, pairs.targets), recipe, 0, CPU)
    training.validate = lambda: 1.0  # type: ignore[method-assign]
    assert training.total == 6 * 2
    assert len(list(training)) == training.total
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(1e-5)
    assert set(seen) == set(training.split.learnt.tolist())
    assert len(set(seen)) == 8 and not set(seen) & set(training.split.held.tolist())


@given(st.integers(1, 60), st.floats(0.0, 0.5))
def test_rows_are_learnt_from_or_held(count: int, share: float) -> None:
    """Never both where there are enough; with too few to hold one, all are both."""
    recipe = SegmenterRecipe(held=share)
    split = split_rows(count, recipe.learnt(count), random())
    learnt, held = set(split.learnt.tolist()), set(split.held.tolist())
    assert learnt and held and learnt | held == set(range(count))
    assert not learnt & held or (learnt == held and int(count * share) == 0)
    assert replace(recipe, steps=7).learnt(count) == count and replace(recipe, steps=7).total(count) == 7


def test_a_file_gives_the_segmenter_back(segmenter: Segmenter, pairs: TensorPairs, tmp_path: Path) -> None:
    """Bit by bit, with its classes, its size and how it was made."""
    segmenter.save(tmp_path / "s.safetensors")
    again = Segmenter.load(tmp_path / "s.safetensors")
    images, _ = pairs.read([0, 1])
    assert torch.equal(again(images), segmenter(images))
    assert (again.classes, again.size, again.card) == (CLASSES, 32, {"made": "for a test"})
    assert again.network.width == SHORT.width and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "there is no segmenter"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read as a segmenter"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "holds no segmenter"),
        (
            lambda path: save_file(
                {"a": torch.zeros(1)},
                path,
                {"kind": "partbench segmenter 1", "classes": json.dumps(CLASSES), "width": "4"},
            ),
            "cannot be read as a segmenter",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(segmenter: Segmenter, tmp_path: Path, spoil: object, said: str) -> None:
    """In one sentence, whatever is wrong with it."""
    path = tmp_path / "s.safetensors"
    segmenter.save(path)
    spoil(path)  # type: ignore[operator]
    with pytest.raises(SegmenterError, match=said) as caught:
        Segmenter.load(path)
    assert "\n" not in str(caught.value)
