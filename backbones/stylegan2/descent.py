"""The descent of codes towards images: one step for all of them, each at a rate and with an end of its own.

Whatever a step reads and changes lies in tensors that stay where they are, and nothing is read back to the host, so
that one CUDA graph can be the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .networks import StyleGAN2Generator
from .perceptual import Target
from .schedule import ProjectionSettings, learning_rate

WINDOW = 10
"""Steps between two looks at what an image has gained."""
EPSILON = 1e-8
"""Of Adam."""


def noise_penalty(noise: list[Tensor]) -> Tensor:
    """Squared correlation of the noise with itself, shifted by one pixel, at every scale of 8 pixels and more, (N,)."""
    total = noise[0].new_zeros(len(noise[0]))
    for level in noise:
        while True:
            for axis in (2, 3):
                total = total + (level * level.roll(1, axis)).mean((1, 2, 3)).square()
            if level.shape[-1] <= 8:
                break
            level = F.avg_pool2d(level, 2) * 2
    return total


@torch.no_grad()
def normalise(noise: list[Tensor], going: Tensor) -> None:
    """Bring the noise maps of the images that are `going` (N,) back to zero mean and unit variance."""
    for level in noise:
        centred = level - level.mean((1, 2, 3), keepdim=True)
        unit = centred * torch.rsqrt(centred.square().mean((1, 2, 3), keepdim=True) + 1e-8)
        level.copy_(torch.where(going[:, None, None, None], unit, level))


@dataclass(frozen=True)
class Tables:
    """What every step uses, by its number; a last one has a rate of 0."""

    rate: Tensor
    """(steps + 1,)"""
    first: Tensor
    """Shares of Adam's two moments that are there so far, (steps + 1,)."""
    second: Tensor
    shake: Tensor | None
    """What is added to w, (steps + 1, 1 or L, latent); None: nothing."""

    @classmethod
    def of(cls, projection: ProjectionSettings, like: Tensor, sigma: float) -> Tables:
        """Those of a projection, for codes `like` (N, 1 or L, latent) and w with a deviation of `sigma`."""
        steps = range(projection.steps)
        rates = [learning_rate(projection, step) for step in steps]
        first, second = ([1 - beta ** (step + 1) for step in (*steps, projection.steps)] for beta in projection.betas)
        rate, one, two = (
            torch.tensor(values, dtype=torch.float64).to(like) for values in ([*rates, 0.0], first, second)
        )
        return cls(rate, one, two, _shakes(projection, like, sigma) if sigma else None)


def _shakes(projection: ProjectionSettings, like: Tensor, sigma: float) -> Tensor:
    random = torch.Generator().manual_seed(0)
    decays = [max(0.0, 1 - step / projection.steps / projection.jitter_until) ** 2 for step in range(projection.steps)]
    shape = like.shape[1:]
    drawn = [torch.randn(shape, generator=random) * (projection.jitter * sigma * decay) for decay in decays]
    return torch.stack([*drawn, torch.zeros(shape)]).to(like)


@dataclass(frozen=True)
class Descent:
    """Images on their way down: the first dimension of every tensor but those of `tables` and `taken` counts them."""

    generator: StyleGAN2Generator
    projection: ProjectionSettings
    tables: Tables
    target: Target
    code: Tensor
    """w (N, 1, latent) or w+ (N, L, latent)."""
    noise: list[Tensor]
    moments: list[Tensor]
    """Of Adam: the first of all that is free, then the second."""
    at: Tensor
    """The step at which each image is, int64 (N,); it has ended at the number of steps."""
    best: Tensor
    """The least distance of each image, and what that was `WINDOW` steps ago or fewer, (2, N)."""
    taken: Tensor
    """Steps that were taken, int64 (1,)."""

    @classmethod
    def begin(
        cls,
        generator: StyleGAN2Generator,
        projection: ProjectionSettings,
        tables: Tables,
        target: Target,
        code: Tensor,
        noise: list[Tensor],
    ) -> Descent:
        """Before the first step."""
        free = [code, *(noise if projection.noise else [])]
        moments = [torch.zeros_like(x) for _ in projection.betas for x in free]
        at = torch.zeros(len(code), dtype=torch.int64, device=code.device)
        best = torch.full((2, len(code)), float("inf"), dtype=code.dtype, device=code.device)
        return cls(generator, projection, tables, target, code, noise, moments, at, best, torch.zeros_like(at[:1]))

    def rows(self, kept: Tensor) -> Descent:
        """The images `kept`, int64 (n,), in tensors of their own."""
        parts = (self.code[kept], [level[kept] for level in self.noise], [m[kept] for m in self.moments])
        last = (self.at[kept], self.best[:, kept], self.taken.clone())
        return Descent(self.generator, self.projection, self.tables, self.target.rows(kept), *parts, *last)

    @property
    def free(self) -> list[Tensor]:
        """What is optimised."""
        return [self.code, *(self.noise if self.projection.noise else [])]

    @property
    def state(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self.free, *self.moments, self.at, self.best, self.taken]

    def pause(self, going: Tensor) -> int:
        """Steps until an image may end, or be sent to the rampdown."""
        ends = self.projection.steps - int(self.at[going].max())
        return min(ends, WINDOW - int(self.taken) % WINDOW)

    def step(self) -> Tensor:
        """One step down for every image that has not ended; their distances (N,) before it."""
        with torch.enable_grad():
            free = [x.detach().requires_grad_() for x in self.free]  # the same memory
            distance, loss = self._loss(free)
            gradients = torch.autograd.grad(loss, free)
        with torch.no_grad():
            self._adam(gradients)
            going = self.at < self.projection.steps
            if self.projection.noise:
                normalise(self.noise, going)
            self.at.add_(going)
            self.taken.add_(1)
            self._look(distance)
        return distance.detach()

    def _loss(self, free: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The distance of every image (N,), and the sum that is minimised: images do not influence each other in it."""
        code, noise = free[0], free[1:] or self.noise
        if self.tables.shake is not None:
            code = code + self.tables.shake[self.at]
        rebuilt = self.generator.synthesis(code.expand(-1, self.generator.styles, -1), noise)[0]
        distance = self.target(rebuilt)
        penalty = self.projection.noise_weight * noise_penalty(noise).sum() if self.projection.noise else 0.0
        return distance, distance.sum() + penalty

    def _adam(self, gradients: tuple[Tensor, ...]) -> None:
        """A step of Adam on each number alone, at the rate of its image."""
        rate, (first, second) = self.tables.rate[self.at], (self.tables.first, self.tables.second)
        one, two = self.projection.betas
        for x, g, m, v in zip(self.free, gradients, self.moments, self.moments[len(gradients) :], strict=False):
            m.lerp_(g, 1 - one)
            v.lerp_(g.square(), 1 - two)
            change = (m / first[self.taken]) / ((v / second[self.taken]).sqrt() + EPSILON)
            x.sub_(rate.view(-1, *[1] * (x.dim() - 1)) * change)

    def _look(self, distance: Tensor) -> None:
        """Every `WINDOW` steps, send images that gained too little to the rampdown."""
        best, mark = self.best
        best.copy_(torch.minimum(best, distance))
        due = self.taken % WINDOW == 0
        slow = due & (best > mark * (1 - self.projection.settled))
        self.at.masked_fill_(slow & (self.at < self.projection.fall), self.projection.fall)
        mark.copy_(torch.where(due, best, mark))
