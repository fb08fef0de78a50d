"""A recipe opens a run in any process, on any machine."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from partbench.backbones.jigsaw import JIGSAW
from partbench.benchmark.file_cache import FileCache
from partbench.benchmark.machine import CPU, MemoryLimit
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import ResultError
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.workers import recipe as recipe_module
from partbench.benchmark.workers.needs import NeedError
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


def test_another_machine_reads_the_same_weights_or_ends(call: Callable[..., Any], tmp_path: Path) -> None:
    """Before anything is computed; what a name has behind its '@' is read from wherever the machine has it."""
    shutil.copy(JIGSAW.shipped, "mine.safetensors")
    sizes = ("--test", 1, "--pool", 2, "--shots", 1, "--draws", 1, "--size", 16, "--head", "prototype")
    name = "jigsaw@mine.safetensors"
    assert call("run", "--backbone", name, *sizes, "--device", "cpu", "--out", "run")[0] == 0
    folder, catalogue = RunFolder(tmp_path / "run"), load_catalogue()
    recipe = RunRecipe(folder.read_plan(), folder, CPU, tmp_path / "cache", {})
    recipe = recipe.for_elsewhere(recipe.open(catalogue, Listener()))
    (need,) = recipe.needs[name]
    FileCache.here().keep(need.content, lambda part: shutil.copy(need.word, part))
    Path(need.word).unlink()
    there = pickle.loads(pickle.dumps(recipe)).here(name)
    runner = there.open_elsewhere(catalogue, Listener())
    assert runner.left(Group(name, (0,))) == [] and there.needs == {}
    assert runner.backbones[name].record.weights == FileCache.here().stored(need.content)
    assert [*recipe.here("copy").open(catalogue, Listener()).backbones] == []
    other = replace(there, weights={name: "0" * 16})
    with pytest.raises(NeedError, match=f"has other weights of {name} than this run reads"):
        other.open_elsewhere(catalogue, Listener())


def test_another_machine_without_the_images_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    recipe = RunRecipe(Plan("folder:nowhere", ("copy",), ("linear",)), RunFolder(tmp_path), CPU, tmp_path, {})
    with pytest.raises(NeedError, match=r"cannot open folder:nowhere \(.*nowhere.*\); bring it there"):
        recipe.open_elsewhere(load_catalogue(), Listener())
