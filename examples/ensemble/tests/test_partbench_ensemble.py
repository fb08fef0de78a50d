"""`mlp-ensemble` votes, learns member by member, knows where it is unsure, and keeps the contract of a head."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import pytest
import torch
from partbench_ensemble import MEMBERS, partbench_heads
from partbench_ensemble_network import Ensemble, disagreement, image_uncertainty, vote
from torch import Tensor

from partbench.benchmark.run.head_training import fit
from partbench.benchmark.run.schedules import Schedule
from partbench.heads.checks import CHECKS
from partbench.heads.head import Head
from partbench.heads.pixelwise import dense

(HEAD,) = partbench_heads()


def maps_of(count: int, seed: int = 0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(count, 6, 8, 8, generator=random), torch.randn(count, 4, 16, 16, generator=random)]


@pytest.fixture
def ensemble() -> Ensemble:
    torch.manual_seed(0)
    return Ensemble((6, 4), 5, MEMBERS).eval()


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check: Callable[[Head], None]) -> None:
    check(HEAD)


def test_a_member_is_the_papers_network(ensemble: Ensemble) -> None:
    """128 and 32 hidden units below thirty classes, else 256 and 128; at every pixel of eq. (1)."""
    assert [tuple(p.shape) for n, p in ensemble.members[0].named_parameters() if p.ndim > 1] == [
        (128, 10, 1, 1), (32, 128, 1), (5, 32, 1),
    ]  # fmt: skip
    wide = Ensemble((3,), 34, 1).members[0]
    assert [p.shape[0] for p in wide.parameters() if p.ndim > 1] == [256, 128, 34]
    member, maps = ensemble.members[0], maps_of(2)
    pixels = dense(maps, 16).permute(0, 2, 3, 1).reshape(-1, 10)
    first, _, norm, second, _, norm_2, last = (member.first, *member.rest)
    hidden = norm((pixels @ first.weight[:, :, 0, 0].T + first.bias).relu()[..., None])
    by_hand = last(norm_2(second(hidden).relu()))[..., 0].reshape(2, 256, 5).permute(0, 2, 1)
    torch.testing.assert_close(member(maps, 16), by_hand, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_the_class_with_most_votes_wins(ensemble: Ensemble) -> None:
    """Wherever one has more votes than any other; between equals the mean probability decides. The shares sum to 1."""
    maps = maps_of(2)
    said = torch.stack([member(maps, 16).argmax(1) for member in ensemble.members])
    counts = torch.stack([(said == k).sum(0) for k in range(5)], dim=1)
    best = counts.topk(2, dim=1).values
    clear = best[:, 0] > best[:, 1]
    logits = ensemble(maps, 16).flatten(2)
    assert 0.1 < clear.float().mean() < 1
    assert torch.equal(logits.argmax(1)[clear], counts.argmax(1)[clear])
    torch.testing.assert_close(logits.exp().sum(1), torch.ones(2, 256))
    tied = torch.tensor([[0.6, 0.4, 0.0], [0.05, 0.95, 0.0]])[:, None, :, None]
    assert vote(tied).argmax(1).item() == 1


def test_members_learn_apart(ensemble: Ensemble) -> None:
    """A step on one pixel's answer moves the member that gave it, and no other."""
    ensemble.train()
    pixels = torch.randint(256, (1, 40), generator=torch.Generator().manual_seed(1))
    ensemble.at(maps_of(1), pixels, 16)[0, :, 0].sum().backward()
    moved = [member for member in ensemble.members if member.first.weight.grad is not None]
    assert sum(bool(member.first.weight.grad.any()) for member in moved) == 1


def test_answers_in_training_stand_at_their_pixels(ensemble: Ensemble) -> None:
    """However they were shared out: with one member and its statistics fixed, they are what it always says."""
    alone = Ensemble((6, 4), 5, 1).train()
    alone.members.eval()
    pixels = torch.randint(256, (2, 30), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(alone.at(maps_of(2), pixels, 16), alone.members[0].at(maps_of(2), pixels, 16))


def test_disagreement_has_its_limits() -> None:
    """None where all say the same, the logarithm of two where two halves are sure of different classes."""
    same = torch.rand(1, 1, 3, 7).softmax(2).expand(4, -1, -1, -1)
    torch.testing.assert_close(disagreement(same), torch.zeros(1, 7), rtol=0, atol=1e-6)
    split = torch.eye(3)[[0, 0, 2, 2]][:, None, :, None]
    assert disagreement(split).item() == pytest.approx(log(2))


def test_an_image_is_as_unsure_as_its_least_sure_tenth() -> None:
    ramp = torch.arange(100.0).view(1, 10, 10)
    assert image_uncertainty(ramp).tolist() == [94.5]


def test_it_is_unsure_where_it_is_wrong() -> None:
    """Trained on one image as partbench trains a head, its wrong pixels on another have more disagreement."""
    direction = torch.randn(10, 3, generator=torch.Generator().manual_seed(5))

    def truth(maps: list[Tensor]) -> Tensor:
        return torch.einsum("nchw,ck->nkhw", dense(maps, 16), direction).argmax(1)

    told, asked = maps_of(1), maps_of(4, seed=9)
    module = fit(HEAD, (6, 4), 3, told, truth(told), Schedule(epochs=150), seed=0)
    assert isinstance(module, Ensemble)
    right = module(asked, 16).argmax(1) == truth(asked)
    unsure = module.uncertainty(asked, 16)
    assert right.float().mean() > 0.6
    assert unsure[~right].mean() > 1.3 * unsure[right].mean()
