"""Heads in a stack compute what each computes alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from partbench.heads import cnn, partbench_heads
from partbench.heads.checks import training_of
from partbench.heads.head import Head, Solves
from partbench.heads.linear import Linear
from partbench.heads.stack import Stack, why_alone, why_predicts_alone

CHANNELS, CLASSES = (3, 2), 3
TRAINED = [head for head in partbench_heads() if not isinstance(head.build(CHANNELS, CLASSES), Solves)]


@pytest.mark.parametrize("head", TRAINED, ids=lambda head: head.name)
def test_every_head_of_the_paper_can_be_stacked(head: Head) -> None:
    """Each of those that learn in steps."""
    assert why_alone(head) is None


@pytest.mark.parametrize("name", ["cnn-s", "cnn-l"])
def test_rounding_is_no_reason_to_train_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CNNs as a GPU computes them lie further from themselves in a stack than on most CPUs, and are the same."""
    monkeypatch.setattr(cnn, "dilated", cnn.unfolded)
    (head,) = (head for head in TRAINED if head.name == name)
    assert why_alone.__wrapped__(head) is None


class Dropping(Linear):
    """Is random while it learns."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward([nn.functional.dropout(layer, 0.5, self.training) for layer in maps], size)


class Branching(Linear):
    """Asks the host for a number."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        logits = super().forward(maps, size)
        return logits if logits.sum() > 0 else -logits


class Remembering(Linear):
    """Keeps numbers where no stack sees them."""

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__(channels, classes)
        self.offset = torch.rand(())

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size) + self.offset


class Undefined(Linear):
    """Has no numbers for logits, of which none agrees with another."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size) * float("nan")


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (Dropping, "randomness"),
        (Branching, "vmap"),
        (Remembering, "stacked, its logits or gradients are others than alone"),
        (Undefined, "stacked, its logits or gradients are others than alone"),
    ],
)
def test_a_head_that_must_train_alone_says_why(build: type[nn.Module], why: str) -> None:
    """In one line."""
    said = why_alone(Head("theirs", build))
    assert said is not None and why in said and "\n" not in said
    assert training_of(Head("theirs", build)) == f"alone ({said})"


@pytest.mark.parametrize("head", [*partbench_heads()], ids=lambda head: head.name)
def test_every_head_of_ours_but_one_predicts_in_a_stack(head: Head) -> None:
    """Those too that are solved; the nearest neighbours ask how many pixels they know."""
    why = why_predicts_alone(head)
    assert why is None if head.name != "knn" else why is not None and "item" in why


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (Dropping, None),
        (Branching, "vmap"),
        (Remembering, "stacked, its logits are others than alone"),
        (Undefined, "stacked, its logits are others than alone"),
    ],
)
def test_what_is_random_only_while_it_learns_predicts_in_a_stack(build: type[nn.Module], why: str | None) -> None:
    """What asks the host, or keeps numbers aside, does not."""
    said = why_predicts_alone(Head("theirs", build))
    assert said is None if why is None else said is not None and why in said and "\n" not in said


def modules() -> list[nn.Module]:
    return [next(h for h in TRAINED if h.name == "cnn-s").build(CHANNELS, CLASSES).double() for _ in range(3)]


def test_gradients_are_those_of_each_alone() -> None:
    """Of convolutions too, whose weights lie channels last, and of which torch stacks only contiguous ones rightly."""
    heads, maps = modules(), [torch.randn(3, 1, c, s, s, dtype=torch.float64) for c, s in ((3, 4), (2, 16))]
    stack = Stack(heads)
    together = torch.autograd.grad(stack.each(lambda head, maps: head(maps, 16), maps).square().sum(), stack.trained)
    for place, head in enumerate(heads):
        alone = torch.autograd.grad(head([m[place] for m in maps], 16).square().sum(), list(head.parameters()))
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one[place], other, rtol=1e-9, atol=1e-9)


def test_members_leave_and_stay_what_they_are() -> None:
    """A stack goes on with some of its members, whose numbers are their own."""
    heads = modules()
    stack = Stack(heads)
    stack.keep(torch.tensor([2, 0]))
    for place, head in enumerate((heads[2], heads[0])):
        for one, other in zip(stack.member(place).parameters(), head.parameters(), strict=True):
            assert torch.equal(one, other)
