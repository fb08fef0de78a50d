"""The VAE's loss: reconstruction, and KL divergence from the prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..training.learner import SHOWN, AdamRecipe
from .config import VAEConfig
from .networks import VAE, draw
from .perceptual import perceptual_distance, pixel_distance
from .weights import restore, save

CHUNK = 32
"""Images measured at once, so that memory does not grow with their number."""


@dataclass(frozen=True)
class VAELossWeights:
    """How much each term counts; the paper gives no weights."""

    pixel: float = 1.0
    """Of the mean absolute difference of colours in [0, 1]."""
    perceptual: float = 0.05
    """Of a distance that is about 1 between unrelated pictures.

    For the random VGG19, above 0.07 the mean face with noise on it would count less than the mean face (both measured
    on `faces`): its deep layers see that there is contrast before they see where. At 1, a small network learned noise.
    """
    beta: float = 0.1
    """Of the KL divergence, in nats per number of the image.

    Were pixels off by Laplace noise of this scale, `pixel + kl` would be the negative evidence lower bound times the
    scale, per number; a tenth of the range is about what a small VAE errs by. At 64 pixels a nat then costs 8e-6:
    keeping a dimension of the code is cheap, so that none falls silent (posterior collapse).
    """


class VAELesson:
    """Reconstruction by a perceptual and a pixel distance, and the divergence of the codes from the prior."""

    def __init__(
        self,
        config: VAEConfig,
        vgg: Path | None = None,
        recipe: AdamRecipe | None = None,
        terms: VAELossWeights | None = None,
    ) -> None:
        self.network: nn.Module = VAE(config)
        self.recipe, self.terms = recipe or AdamRecipe(batch=16, rate=2e-3), terms or VAELossWeights()
        self.perceptual = perceptual_distance(vgg)

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        vae = _of(network)
        mean, log_variance = vae.encoder(images)
        given_back = vae.decoder(draw(mean, log_variance))
        distance = self.perceptual.to(images.device)
        return {
            "perceptual": self.terms.perceptual * distance(given_back, images).mean(),
            "pixel": self.terms.pixel * pixel_distance(given_back, images).mean(),
            "kl": self.terms.beta * divergence(mean, log_variance).mean() / images[0].numel(),
        }

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        """Originals and what became of them in turn, then as many images from the prior."""
        vae, half = _of(network), images[: SHOWN // 2]
        pairs = torch.stack([half, vae(half)], 1).flatten(0, 1)
        random = torch.Generator().manual_seed(0)
        codes = torch.randn(len(pairs), vae.config.latent, generator=random).to(images)
        return torch.cat([pairs, vae.decoder(codes)])

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        """Squared error and perceptual distance of what is given back, beside those of the images' mean; KL in nats."""
        vae, mean_image = _of(network), images.mean(0, keepdim=True)
        scores = torch.cat([self._scores(vae, chunk, mean_image) for chunk in images.split(CHUNK)], 1)
        names = ("mse", "mse of the mean image", "perceptual", "perceptual of the mean image", "kl")
        return dict(zip(names, scores.mean(1).tolist(), strict=True))

    def _scores(self, vae: VAE, images: Tensor, mean_image: Tensor) -> Tensor:
        """(5, N), in the order of `measure`."""
        mean, log_variance = vae.encoder(images)
        given_back, distance = vae.decoder(mean), self.perceptual.to(images.device)
        answers = (given_back, mean_image.expand_as(images))
        errors = [(answer - images).square().mean((1, 2, 3)) for answer in answers]
        distances = [distance(answer, images) for answer in answers]
        return torch.stack([*errors, *distances, divergence(mean, log_variance)])

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str]) -> None:
        save(path, _of(network), {**card, "perceptual": self.perceptual.name})

    def restore(self, network: nn.Module, path: Path) -> None:
        restore(path, _of(network))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of codes (N, latent) from the standard normal distribution, in nats, (N,).

    Equation 10 and appendix B of Kingma and Welling (2014).
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def _of(network: nn.Module) -> VAE:
    assert isinstance(network, VAE), "the lesson is the VAE's"
    return network
