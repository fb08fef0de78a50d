"""The segmenter is the U-Net of Table A, learns from masks as from logits, and its file holds what was scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from partbench.benchmark.run.schedules import SCHEDULES
from partbench.benchmark.segment.augmentation import Augmentation
from partbench.benchmark.segment.model import Segmenter, SegmenterError, train_segmenter
from partbench.benchmark.segment.network import UNet
from partbench.benchmark.segment.pairs import TensorPairs
from partbench.benchmark.segment.recipe import RECIPES, SegmenterRecipe

CLASSES = ("background", "bright", "red")
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


def test_it_learns_what_it_is_shown(segmenter: Segmenter, pairs: TensorPairs) -> None:
    """From masks; most of the pixels are right after a few steps."""
    assert accuracy(segmenter, pairs) > 0.9


def test_it_learns_from_logits(pairs: TensorPairs) -> None:
    """As from masks."""
    logits = 4 * F.one_hot(pairs.targets.long(), 3).permute(0, 3, 1, 2).half()
    taught = train_segmenter(TensorPairs(pairs.images, logits), CLASSES, SHORT, 0)
    assert accuracy(taught, pairs) > 0.9


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


def test_every_flipped_bit_of_a_segmenter_is_noticed(segmenter: Segmenter, tmp_path: Path) -> None:
    """What labels pictures is what was scored."""
    path = tmp_path / "s.safetensors"
    segmenter.save(path)
    whole = path.read_bytes()
    for place in range(0, 8 * len(whole), 8 * len(whole) // 300):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(SegmenterError):
            Segmenter.load(path)
