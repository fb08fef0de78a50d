"""A dozen models of timm that a reader looks for today, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .hub import cached

DINOV3 = "dinov3-license"
"""Meta's, which restricts use; timm's copies ask for no registration, those of Meta do."""

NVIDIA = "nvidia-open-model-license"


@dataclass(frozen=True)
class Curated:
    """A model with its reading, as it may follow `timm:`; tests hold every field against timm."""

    variant: str
    licence: str
    millions: float
    """Parameters without a classifier."""
    size: int
    """Side of the images that it was made for, pixels."""
    patch: int
    """Side of a cell of its finest map, pixels."""

    @property
    def hub(self) -> str:
        """Its repository on the hub."""
        return f"timm/{self.variant.partition(',')[0]}"


CURATED = (
    Curated("vit_small_patch16_dinov3.lvd1689m,four-even", DINOV3, 21.6, 256, 16),
    Curated("vit_base_patch16_dinov3.lvd1689m,four-even", DINOV3, 85.6, 256, 16),
    Curated("vit_large_patch16_dinov3.lvd1689m,four-even", DINOV3, 303.1, 256, 16),
    Curated("convnext_tiny.dinov3_lvd1689m,four-even", DINOV3, 27.8, 224, 4),
    Curated("vit_small_patch14_reg4_dinov2.lvd142m,four-even", "apache-2.0", 22.1, 518, 14),
    Curated("vit_base_patch14_reg4_dinov2.lvd142m,last+norm", "apache-2.0", 86.6, 518, 14),
    Curated("vit_pe_spatial_small_patch16_512.fb,last", "apache-2.0", 22.0, 512, 16),
    Curated("vit_pe_spatial_base_patch16_512.fb,last", "apache-2.0", 86.4, 512, 16),
    Curated("samvit_base_patch16.sa1b,last+norm", "apache-2.0", 89.7, 1024, 16),
    Curated("sam2_hiera_tiny.fb_r896_2pt1,four-even", "apache-2.0", 26.9, 896, 4),
    Curated("vit_base_patch16_siglip_512.v2_webli,last+norm", "apache-2.0", 93.5, 512, 16),
    Curated("vit_so400m_patch16_radio_v4.c_radio,last", NVIDIA, 413.5, 512, 16),
)
"""None of them has weights that the hub gives only to those who registered."""


def members() -> Iterator[dict[str, object]]:
    """A row of each for `partbench list --family timm`."""
    for model in CURATED:
        path = cached(model.hub)
        yield {
            "name": f"timm:{model.variant}",
            "hub": model.hub,
            "licence": model.licence,
            "gated": False,
            "parameters": f"{model.millions} M",
            "pixels": model.size,
            "patch": model.patch,
            "reading": model.variant.partition(",")[2],
            "here": path is not None,
        }
