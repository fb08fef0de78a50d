"""An ensemble of per-pixel classifiers: how its members learn, how they vote, and where they disagree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from partbench.heads.pixelwise import Projection

FEW = 30
"""Classes below which the members are narrower, as in DDPM-seg."""
DEVIATION = 0.02
"""Of the initial weights."""
UNSURE = 0.1
"""Share of an image's pixels, the least sure ones, that its uncertainty is the mean of."""


class Member(nn.Module):
    """One classifier: two hidden layers at every pixel of eq. (1), each with ReLU and batch normalisation."""

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        one, two = (128, 32) if classes < FEW else (256, 128)
        self.first = Projection(channels, one)
        second, last = nn.Conv1d(one, two, 1), nn.Conv1d(two, classes, 1)
        self.rest = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(one), second, nn.ReLU(), nn.BatchNorm1d(two), last)
        for layer in (self.first, second, last):
            assert layer.bias is not None
            nn.init.normal_(layer.weight, std=DEVIATION)
            nn.init.zeros_(layer.bias)

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Logits (N, K, size·size) at every pixel."""
        logits: Tensor = self.rest(self.first(maps, size).flatten(2))
        return logits

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """Logits (N, K, P) at `pixels` (N, P)."""
        logits: Tensor = self.rest(self.first.at(maps, pixels, size))
        return logits


class Ensemble(nn.Module):
    """Several members that learn by themselves and answer together.

    In training every pixel is answered by one member, drawn at random, with its own logits: the cross entropy of what
    is returned is then the mean of the members' own losses, each on pixels of its own, and no gradient ties them.
    In use the logits are the logarithm of the share of votes for each class. Ties are what a count of whole votes is
    full of, so the mean of the members' probabilities is one more vote: it decides between equals, and never more.
    """

    def __init__(self, channels: Sequence[int], classes: int, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(Member(channels, classes) for _ in range(members))

    @property
    def voters(self) -> list[Member]:
        """The members; a ModuleList does not say what is in it."""
        return [member for member in self.members if isinstance(member, Member)]

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to logits (N, K, size, size)."""
        if self.training:
            every = torch.arange(size * size, device=maps[0].device).expand(len(maps[0]), -1)
            return self._learning(maps, every, size).reshape(len(every), -1, size, size)
        return vote(self._everyone(maps, size)).reshape(len(maps[0]), -1, size, size)

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """The same at `pixels` (N, P) alone: (N, K, P)."""
        if self.training:
            return self._learning(maps, pixels, size)
        return vote(torch.stack([member.at(maps, pixels, size).softmax(1) for member in self.voters]))

    @torch.no_grad()
    def uncertainty(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """How much the members disagree at every pixel, (N, size, size): 0 if all say the same; see `disagreement`."""
        return disagreement(self._everyone(maps, size)).reshape(-1, size, size)

    def _everyone(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Probabilities (M, N, K, size·size) that each member gives."""
        return torch.stack([member(maps, size).softmax(1) for member in self.voters])

    def _learning(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """Logits (N, K, P), each from one member; as many members as get the two pixels that a variance needs."""
        order = torch.randperm(pixels.shape[1]).to(pixels.device)
        busy = min(len(self.members), max(1, len(order) // 2))
        chosen = torch.randperm(len(self.members))[:busy].tolist()
        shares = order.tensor_split(busy)
        said = [self.voters[i].at(maps, pixels[:, share], size) for i, share in zip(chosen, shares, strict=True)]
        return torch.cat(said, dim=2)[:, :, order.argsort()]


def vote(probabilities: Tensor) -> Tensor:
    """Logits (N, K, P) of the probabilities (M, N, K, P): log of the votes, the mean probability being one of them."""
    members, _, classes, _ = probabilities.shape
    choices: Tensor = nn.functional.one_hot(probabilities.argmax(2), classes).movedim(-1, 2)
    return ((choices.sum(0) + probabilities.mean(0)) / (members + 1)).clamp(min=1e-12).log()


def disagreement(probabilities: Tensor) -> Tensor:
    """The Jensen-Shannon divergence (N, P) of probabilities (M, N, K, P), nats: from 0 to the log of M or of K.

    The entropy of the members' mean, less the mean of their entropies: what the members know of one another.
    """
    return _entropy(probabilities.mean(0)) - _entropy(probabilities).mean(0)


def image_uncertainty(uncertainty: Tensor) -> Tensor:
    """One number per image (N,) from (N, S, S): the mean over its least sure tenth, by which DDPM-seg ranks images."""
    flat = uncertainty.flatten(1)
    return flat.topk(max(1, round(UNSURE * flat.shape[1])), dim=1).values.mean(1)


def _entropy(probabilities: Tensor) -> Tensor:
    """Over the classes, the last dimension but one."""
    entropy: Tensor = torch.special.entr(probabilities).sum(-2)
    return entropy
