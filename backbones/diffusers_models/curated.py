"""Networks of diffusers on the hub that a reader looks for today, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from ..weights.hub import HUB, cached
from .reading import FAMILY
from .sources import TEXT_WEIGHTS, WEIGHTS

PIPELINE = (f"unet/{WEIGHTS}", f"vae/{WEIGHTS}", f"text_encoder/{TEXT_WEIGHTS}")
"""The weights of a latent diffusion model."""


@dataclass(frozen=True)
class Curated:
    """A repository with its reading."""

    reading: str
    repository: str
    licence: str
    files: tuple[str, ...] = (WEIGHTS,)
    """Of the repository, what the reading takes."""


CURATED = (
    Curated("dift", "stabilityai/stable-diffusion-2-1", "openrail++", PIPELINE),
    Curated("vae", "stabilityai/sd-vae-ft-mse", "mit"),
    Curated("ddpm", "google/ddpm-celebahq-256", "apache-2.0"),
)


def members() -> Iterator[dict[str, object]]:
    """A row of each for `partbench list --family diffusers`."""
    installed = find_spec("diffusers") is not None
    for model in CURATED:
        yield {
            "name": f"{FAMILY}:{model.reading}@{HUB}{model.repository}",
            "licence": model.licence,
            "needs": "partbench[diffusers]",
            "here": installed and all(cached(model.repository, file) for file in model.files),
        }
