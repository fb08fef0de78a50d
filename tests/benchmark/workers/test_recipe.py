"""A recipe opens a run in any process, on any machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from partbench.benchmark.machine import CPU, MemoryLimit
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import ResultError
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.workers import recipe as recipe_module
from partbench.benchmark.workers.recipe import RunRecipe, Slot


def test_another_machine_has_the_same_images_or_ends(call: Callable[..., Any], tmp_path: Path) -> None:
    """Whatever the machine that began the run has seen: what lies elsewhere under the same path may be other."""
    sizes = ("--test", 4, "--pool", 2, "--shots", 1, "--draws", 1, "--size", 16)
    assert call("run", "--backbone", "copy", *sizes, "--device", "cpu", "--out", "run")[0] == 0
    folder = RunFolder(tmp_path / "run")
    plan, catalogue = folder.read_plan(), load_catalogue()
    recipe = RunRecipe(plan, folder, CPU, tmp_path / "cache", {})
    recipe = recipe.of(recipe.open(catalogue, Listener()))
    assert recipe.contents is not None
    assert recipe.open_elsewhere(catalogue, Listener()).left(Group("copy", (0,))) == []
    record = json.loads(folder.plan_file.read_text())
    name = next(iter(record["contents"]["test"]))
    record["contents"]["test"][name] = ["0" * 16] * 2
    record["data"] = "0" * 16
    folder.plan_file.write_text(json.dumps(record))
    with pytest.raises(ResultError, match="holds a run with"):
        recipe.open_elsewhere(catalogue, Listener())


def test_a_worker_elsewhere_measures_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, and shares it with those beside it; what the user set is shared out as it is."""
    monkeypatch.setattr(recipe_module, "free_memory", lambda device: 80)
    slot, given = Slot(share=2, device="cpu"), RunRecipe(None, None, CPU, Path(), {})  # type: ignore[arg-type]
    for room, most in ((MemoryLimit(CPU, 10), 40), (MemoryLimit(CPU, 10, asked=True), 5)):
        found = slot.recipe(replace(given, room=room)).room
        assert found and found.most == most
