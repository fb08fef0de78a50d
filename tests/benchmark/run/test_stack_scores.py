"""Heads that predict together are counted as each alone is, whoever predicts beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from partbench.benchmark.machine import CPU, MemoryLimit
from partbench.benchmark.run.head_training import read
from partbench.benchmark.run.stack_scores import Counted, SliceReading
from partbench.benchmark.run.target_masks import Truth
from partbench.datasets.dataset import IGNORE
from partbench.heads import cnn, conv_window, partbench_heads
from partbench.heads.head import HeadError, Solves
from partbench.heads.linear import Linear
from partbench.heads.stack import Stack

HEADS = {head.name: head for head in partbench_heads()}
CHANNELS, SIDES = (5, 3), (3, 6)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def reading(images: int, size: int, classes: int, seed: int = 0) -> SliceReading:
    """Images whose masks say nothing of some pixels."""
    random = torch.Generator().manual_seed(seed)
    maps = [torch.randn(images, c, s, s, generator=random) for c, s in zip(CHANNELS, SIDES, strict=True)]
    masks = torch.randint(classes, (images, size, size), generator=random)
    masks[torch.rand(masks.shape, generator=random) < 0.2] = IGNORE
    task: Any = SimpleNamespace(
        plan=SimpleNamespace(size=size, native=False),
        dataset=SimpleNamespace(classes=tuple(map(str, range(classes))), fit="crop"),
        scored=SimpleNamespace(masks=lambda rows, size: masks),
    )
    return SliceReading(maps, Truth(task, range(images)))


def heads(name: str, classes: int, members: int) -> list[nn.Module]:
    """Heads of one kind, each with numbers of its own."""
    modules = []
    for seed in range(members):
        torch.manual_seed(seed)
        module = HEADS[name].build(CHANNELS, classes)
        if isinstance(module, Solves):
            shots = [torch.randn(1, c, s, s) for c, s in zip(CHANNELS, SIDES, strict=True)]
            module.solve(lambda _, shots=shots: shots, torch.randint(classes, (1, 8, 8)))
        modules.append(module.requires_grad_(False).eval())
    return modules


def alone(images: SliceReading, modules: Sequence[nn.Module]) -> list[Counted]:
    return [images.counted(images.alone(module), shown=True) for module in modules]


def agree(one: Counted | HeadError, other: Counted) -> bool:
    assert isinstance(one, Counted) and one.guess is not None and other.guess is not None
    return bool((one.confusion == other.confusion).all()) and torch.equal(one.guess, other.guess)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("own_kernel", [False, True], ids=["as a CPU", "as a GPU"])
@pytest.mark.parametrize("name", ["linear", "ridge", "prototype", "mlp-2", "cnn-s", "cnn-s-3x3"])
@settings(max_examples=5, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    members=st.integers(1, 5), images=st.integers(1, 3), size=st.integers(2, 9), classes=st.integers(2, 5),
    seed=st.integers(0, 2**16),
)  # fmt: skip
def test_a_count_does_not_depend_on_who_predicts_beside_it(
    name: str, own_kernel: bool, members: int, images: int, size: int, classes: int, seed: int
) -> None:
    """Of any number of heads, images, pixels and classes: every pixel, and to 1e-9 in float64 every logit."""
    here, modules = reading(images, size, classes, seed), heads(name, classes, members)
    with pytest.MonkeyPatch.context() as patch:
        if own_kernel:
            patch.setattr(conv_window, "one_product", lambda layer: True)
            patch.setattr(cnn, "dilated", cnn.unfolded)
        together = here.together(modules, [True] * members)
        logits = Stack(modules).each(lambda head: read(head, here.maps, size, classes))
    for found, module, one, other in zip(together, modules, logits, alone(here, modules), strict=True):
        torch.testing.assert_close(one, here.alone(module), rtol=1e-9, atol=1e-9)
        assert agree(found, other)


def test_only_those_that_are_shown_have_guesses() -> None:
    """The others' stay where they were made."""
    for shown in ([False, True, False], [False] * 3):
        found = reading(2, 6, 3).together(heads("linear", 3, 3), shown)
        assert [isinstance(one, Counted) and one.guess is not None for one in found] == shown


def test_one_that_predicts_no_numbers_fails_alone() -> None:
    """With the sentence that it has by itself, and the others count as they do alone."""
    here, modules = reading(2, 6, 3), heads("linear", 3, 3)
    modules[1].bias[0] = float("nan")  # type: ignore[operator]
    first, wrong, last = here.together(modules, [True] * 3)
    assert agree(first, alone(here, modules[:1])[0]) and agree(last, alone(here, modules[2:])[0])
    with pytest.raises(HeadError) as caught:
        here.alone(modules[1])
    assert isinstance(wrong, HeadError) and str(wrong) == str(caught.value)


def test_more_than_memory_holds_predict_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of what is left; one that still is too large is halved, and a head that is too large by itself ends it."""
    here, modules, sizes = reading(2, 6, 3), heads("linear", 3, 7), []
    expected, all_of_it = alone(here, modules), SliceReading._read

    def small(self: SliceReading, some: Sequence[nn.Module], shown: Sequence[bool]) -> list[Counted | HeadError]:
        sizes.append(len(some))
        if len(some) > 2:
            raise torch.OutOfMemoryError
        return all_of_it(self, some, shown)

    monkeypatch.setattr(SliceReading, "_read", small)
    monkeypatch.setattr(SliceReading, "most", lambda self, module: 4)
    assert all(map(agree, here.together(modules, [True] * 7), expected))
    assert sizes == [4, 2, 2, 3, 2, 1]
    monkeypatch.setattr(SliceReading, "_read", lambda *given: (_ for _ in ()).throw(torch.OutOfMemoryError))
    with pytest.raises(torch.OutOfMemoryError):
        here.together(modules[:1], [False])


def test_what_a_head_needs_is_known_before() -> None:
    """Without a limit all go at once; with one as many as fit, in proportion to it, and never none."""
    here, (small,), (large,) = reading(2, 64, 3), heads("linear", 3, 1), heads("mlp-1", 3, 1)
    assert here.most(small) == sys.maxsize

    def most(module: nn.Module, gib: float) -> int:
        room = SimpleNamespace(left=lambda: int(gib * 2**30))
        return SliceReading(here.maps, here.truth, room).most(module)  # type: ignore[arg-type]

    assert most(small, 8) in range(2 * most(small, 4) - 1, 2 * most(small, 4) + 2)
    assert most(large, 4) < most(small, 4) / 20
    assert most(large, 1e-6) == 1
    # The hidden layer of 2,000, twice, of two images of 64 x 64 pixels as float32, out of half of what is left.
    assert most(large, 4) <= 2**31 // (2 * 2000 * 2 * 64 * 64 * 4)
    assert SliceReading(here.maps, here.truth, MemoryLimit(CPU)).most(small) == sys.maxsize


class Cropped(Linear):
    """A head that gives too few pixels."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return super().forward(maps, size - 1)


def test_logits_of_another_shape_are_refused_as_of_one_alone() -> None:
    """Nothing is counted of them."""
    with pytest.raises(HeadError, match=r"its logits have shape \(2, 3, 5, 5\); make them \(2, 3, 6, 6\)"):
        reading(2, 6, 3).together([Cropped(CHANNELS, 3), Cropped(CHANNELS, 3)], [False] * 2)
