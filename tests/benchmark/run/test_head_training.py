"""A head learns by the paper's schedule, repeatably, from labelled pixels alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from partbench.benchmark.run import losses as fitting
from partbench.benchmark.run.head_training import (
    Trained,
    denormals_as_zero,
    fit,
    learn,
    predict,
    strategy,
)
from partbench.benchmark.run.losses import loss_of, losses, samples, strips
from partbench.benchmark.run.schedules import SCHEDULES, Schedule, Settling
from partbench.benchmark.run.stack_steps import Bank
from partbench.benchmark.run.stack_training import Lesson, learn_together
from partbench.datasets.dataset import IGNORE
from partbench.heads import partbench_heads
from partbench.heads.cnn import NETWORKS, Cnn
from partbench.heads.head import Head, HeadError
from partbench.heads.linear import Linear
from partbench.heads.mlp import Mlp, MlpWidths
from partbench.heads.stack import why_alone

CHANNELS, CLASSES, SIZE = (3, 2), 4, 8
SHORT = Schedule(steps=5, pixels=16)
SMALL = MlpWidths("no paper's", (6,))


class Dropping(nn.Module):
    """A head with dropout, as a third party's may be."""

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        self.inner = Linear(channels, classes)

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return self.inner([nn.functional.dropout(layer, 0.5, self.training) for layer in maps], size)


HEADS = [
    Head("linear", Linear),
    Head("mlp", partial(Mlp, network=SMALL)),
    Head("cnn", partial(Cnn, network=NETWORKS["S"])),
    Head("dropping", Dropping),
]


@pytest.fixture
def maps() -> list[Tensor]:
    """Of three images, at two sizes."""
    random = torch.Generator().manual_seed(0)
    return [
        torch.randn(3, channels, side, side, generator=random) for channels, side in zip(CHANNELS, (4, 8), strict=True)
    ]


@pytest.fixture
def masks() -> Tensor:
    """Of the same three images, with a row that is not labelled."""
    masks = torch.randint(CLASSES, (3, SIZE, SIZE), generator=torch.Generator().manual_seed(1))
    masks[:, 2] = IGNORE
    return masks


def chosen_of(module: nn.Module, pixels: int) -> Tensor | None:
    """Pixels of the three images that a head may learn from; None if it looks around each, or at all."""
    if not samples(module, pixels, SIZE):
        return None
    return torch.randint(SIZE * SIZE, (3, pixels), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_the_same_seed_gives_the_same_bits(head: Head, maps: list[Tensor], masks: Tensor) -> None:
    """Whatever ran before, and nothing after it is the wiser; another seed gives others."""
    trained = []
    for seed, before in ((7, 1), (7, 2), (8, 1)):
        torch.manual_seed(before)
        module = fit(head, CHANNELS, CLASSES, maps, masks, SHORT, seed)
        after = torch.rand(1)
        assert torch.equal(after, torch.rand(1, generator=torch.Generator().manual_seed(before)))
        trained.append(torch.cat([p.flatten() for p in module.parameters()]))
        assert not module.training
        assert not any(p.requires_grad for p in module.parameters())
    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("name", ["ridge", "prototype", "knn"])
def test_a_head_that_is_solved_takes_no_step(name: str, schedule: Schedule, maps: list[Tensor], masks: Tensor) -> None:
    """Under any schedule it is the same head, which is frozen, and draws under its seed alone."""
    head = next(one for one in partbench_heads() if one.name == name)
    trained = [
        learn(head, CHANNELS, CLASSES, lambda i: [m[i : i + 1] for m in maps], masks, given, 3)
        for given in (schedule, SHORT)
    ]
    first, other = (predict(one.module, maps, SIZE, CLASSES) for one in trained)
    assert torch.equal(first, other)
    assert all((one.steps, one.settled, one.module.training) == (0, None, False) for one in trained)
    assert strategy(trained[0].module, schedule, SIZE) == "solved"


@pytest.mark.parametrize("head", list(partbench_heads()), ids=lambda head: head.name)
def test_nothing_is_learnt_from_shots_without_a_label(head: Head, maps: list[Tensor], masks: Tensor) -> None:
    """Alone or in a stack: what it came to would be chance, with a loss of nothing."""
    nothing = torch.full_like(masks, IGNORE)
    with pytest.raises(HeadError, match="no labelled pixel"):
        fit(head, CHANNELS, CLASSES, maps, nothing, SHORT, 0)
    if why_alone(head) is None:
        with pytest.raises(HeadError, match="no labelled pixel"):
            learn_together(head, CHANNELS, CLASSES, Bank(maps, nothing), [Lesson([0], 0), Lesson([1], 1)], SHORT)


def test_the_paper_takes_every_image_a_thousand_times() -> None:
    """Section 4.2: Adam at 0.001, 1,000 epochs, the rate times 0.9 every 50 of them."""
    paper = SCHEDULES["paper"]
    assert (paper.rate, paper.weight_decay) == (1e-3, 1e-3)
    assert [paper.total(shots) for shots in (1, 5, 10)] == [1000, 5000, 10000]
    assert [paper.factor(step, 1) for step in (0, 49, 50, 99, 100)] == [1, 1, 0.9, 0.9, 0.9**2]
    assert [paper.factor(step, 10) for step in (0, 499, 500, 9999)] == [1, 1, 0.9, 0.9**19]


def test_a_training_ends_when_its_loss_has_settled(maps: list[Tensor], masks: Tensor) -> None:
    """A head that can learn nothing more stops early; one that is given too few steps has not settled, and says so."""
    settling = Settling(ceiling=400, window=6)

    def trained(ceiling: int) -> Trained:
        schedule = Schedule(rate=0.02, settling=replace(settling, ceiling=ceiling), pixels=SIZE * SIZE)
        return learn(HEADS[0], CHANNELS, CLASSES, lambda i: [m[i : i + 1] for m in maps], masks, schedule, 0)

    whole, cut = trained(400), trained(12)
    assert whole.settled and 3 * 6 < whole.steps < 200
    assert cut.settled is False and cut.steps == 12
    again = trained(400)
    assert again.steps == whole.steps
    for one, other in zip(whole.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_every_shot_is_seen_equally_often(maps: list[Tensor], masks: Tensor) -> None:
    """An epoch takes each image once, one a step."""
    seen: list[float] = []

    class Noting(Linear):
        def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
            seen.append(float(maps[0].sum()))
            return super().forward(maps, size)

    fit(Head("noting", Noting), CHANNELS, CLASSES, maps, masks, Schedule(steps=9, pixels=SIZE * SIZE), 0)
    assert len(seen) == 9
    assert all(len(set(seen[i : i + 3])) == 3 for i in (0, 3, 6))


@pytest.mark.parametrize("pixels", [16, SIZE * SIZE])
@pytest.mark.parametrize("head", HEADS[:3], ids=lambda head: head.name)
def test_what_is_not_labelled_is_not_learnt(head: Head, maps: list[Tensor], masks: Tensor, pixels: int) -> None:
    """The loss is the mean over labelled pixels; where there is none it is 0, and not NaN."""
    module = head.build(CHANNELS, CLASSES)
    part = masks.clone()
    part[:, 4:] = IGNORE

    def loss(masks: Tensor) -> Tensor:
        return loss_of(module, maps, masks, chosen_of(module, pixels))

    assert loss(torch.full_like(masks, IGNORE)) == 0
    assert torch.isfinite(loss(part))
    if pixels == SIZE * SIZE:
        logits = module(maps, SIZE).movedim(1, -1)
        labelled = part != IGNORE
        assert torch.allclose(loss(part), nn.functional.cross_entropy(logits[labelled], part[labelled]))


@pytest.mark.parametrize(("head", "reads"), [(HEADS[1], ["at"]), (HEADS[2], ["forward"])], ids=["mlp", "cnn"])
def test_only_a_head_that_reads_pixels_trains_on_a_few(
    head: Head, reads: list[str], maps: list[Tensor], masks: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CNN looks around each pixel, so it sees whole images."""
    module, called = head.build(CHANNELS, CLASSES), []
    for name in ("at", "forward"):
        if hasattr(module, name):
            inner = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, n=name, f=inner: called.append(n) or f(*a))
    loss_of(module, maps, masks, chosen_of(module, 16))
    assert called == reads


def test_a_prediction_is_the_best_class(maps: list[Tensor]) -> None:
    """Class indices (N, S, S) of the largest logit."""
    module = Linear(CHANNELS, CLASSES)
    with torch.no_grad():
        assert torch.equal(predict(module, maps, SIZE, CLASSES), module(maps, SIZE).argmax(1))


def test_logits_that_cannot_be_scored(maps: list[Tensor]) -> None:
    """A class too many, or NaN, is the head's fault and is said so."""
    module = Linear(CHANNELS, CLASSES + 1)
    with pytest.raises(HeadError, match=r"its logits have shape \(3, 5, 8, 8\); make them \(3, 4, 8, 8\)"):
        predict(module, maps, SIZE, CLASSES)
    nn.init.constant_(module.bias, float("nan"))
    with pytest.raises(HeadError, match="its logits have NaN or infinity in them"):
        predict(module, maps, SIZE, CLASSES + 1)


def test_denormals_are_zero_while_a_head_learns() -> None:
    """And are there again afterwards, as the rest of a program may need them."""
    tiny = torch.full((), 1e-39)
    with denormals_as_zero():
        assert tiny * 1 == 0
        with denormals_as_zero():
            pass
        assert tiny * 1 == 0
    assert (tiny * 1).item() > 0


def test_no_convolution_of_a_head_is_rounded_to_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it learns and where it is read; afterwards a program has what it had."""
    seen = []

    class Listening(Linear):
        def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
            seen.append(torch.backends.cudnn.allow_tf32)
            return super().forward(maps, size)

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    maps, masks = [torch.randn(1, 4, SIZE, SIZE)], torch.zeros(1, SIZE, SIZE, dtype=torch.int64)
    head = Head("listening", Listening)
    module = fit(head, (4,), 2, maps, masks, Schedule(steps=2, pixels=SIZE**2), 0)
    predict(module, maps, SIZE, 2)
    assert seen == [False] * 3 and torch.backends.cudnn.allow_tf32


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
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, c, side, side, generator=random) for c, side in ((3, 5), (2, 25))]
    masks = torch.randint(3, (2, size, size), generator=random.manual_seed(1))
    masks[:, :7] = 255
    record = next(head for head in partbench_heads() if head.name == name)
    trained = []
    for at_once, parts in ((size * size, 1), (6 * size, 5)):
        monkeypatch.setattr(fitting, "PIXELS_AT_ONCE", at_once)
        head = record.build(channels, 3)
        assert len(list(losses(head, [m[:1] for m in maps], masks[:1], None))) == parts
        trained.append(fit(record, channels, 3, maps, masks, Schedule(steps=3), 0))
    for one, other in zip(*(list(module.parameters()) for module in trained), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    assert torch.equal(*(predict(module, maps, size, 3) for module in trained))


def test_only_large_images_are_cut() -> None:
    """Up to 512 pixels a head sees an image whole, so that small scores are the same bits as ever."""
    assert [len(strips(size)) for size in (8, 64, 512, 1024)] == [1, 1, 1, 4]
    assert strips(700)[-1][1] == 700
