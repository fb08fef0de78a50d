"""The choice of timm's models is what timm says of them, and each lies on its image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm

from partbench.backbones.checks.alignment import check_aligned, check_shift
from partbench.backbones.timm_models import configure, parse_variant
from partbench.backbones.timm_models.curated import CURATED, Curated, members
from partbench.backbones.timm_models.features import build, config_of, layers_of, weightless

IDS = [model.variant for model in CURATED]
SIDES = {14: 112, 16: 128, 4: 128}
"""A side for each patch at which its maps are fine enough to be looked at."""


@pytest.mark.parametrize("model", CURATED, ids=IDS)
def test_a_row_is_what_timm_knows(model: Curated) -> None:
    """Repository, licence, size, patch and parameters; its channels are declared at its own size, without weights."""
    name = parse_variant(model.variant).model
    config, record = config_of(name), configure(model.variant, "")
    network = weightless(lambda: build(name))
    assert (config.hf_hub_id, config.hf_hub_filename) == (model.hub, None)
    assert (config.license, config.input_size[-1], record.size) == (model.licence, model.size, model.size)
    assert min(entry["reduction"] for entry in layers_of(network, name)) == model.patch
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == model.millions
    assert record.channels and record.licence == model.licence
    assert name in timm.list_pretrained()


@pytest.mark.parametrize("model", [m for m in CURATED if m.millions < 30], ids=lambda m: m.variant)
def test_its_maps_lie_on_the_image(model: Curated) -> None:
    """Before any training a change in the image is answered in its place, and moves as far in the maps."""
    backbone = configure(f"{model.variant},{SIDES[model.patch]},untrained", "")
    extractor = backbone.load()
    held = replace(backbone, load=lambda: extractor)
    check_aligned(held)
    check_shift(held)


def test_the_list_knows_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Weights are looked for where the hub's client keeps them, and not fetched."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert [row["here"] for row in members()] == [False] * len(CURATED)
    folder = tmp_path / f"models--{CURATED[0].hub.replace('/', '--')}"
    for part, text in {"refs/main": "0" * 40, f"snapshots/{'0' * 40}/model.safetensors": ""}.items():
        (folder / part).parent.mkdir(parents=True)
        (folder / part).write_text(text)
    assert [row["here"] for row in members()] == [True] + [False] * (len(CURATED) - 1)
