"""A record is its code: an edit of a file that makes it what it is makes another one, an edit elsewhere does not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import partbench
from partbench.benchmark.plugins.catalogue import Catalogue, load_catalogue
from partbench.benchmark.plugins.code_identity import code_hash
from partbench.benchmark.plugins.names import find_backbone

PLUGIN = """
from partbench import hookimpl
from partbench.backbones.backbone import Backbone

def load():
    from toy_network import extract
    return extract

@hookimpl
def partbench_backbones():
    yield Backbone("toy", 8, (3,), load)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The hash of a plugin in the working folder, which imports a file beside it."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    (tmp_path / "toy_network.py").write_text("def extract(images): return [images]\n")
    (tmp_path / "notes.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return lambda: code_hash(load_catalogue().backbones["toy"])


@pytest.mark.parametrize(("file", "counts"), [("partbench_plugins", True), ("toy_network", True), ("notes", False)])
def test_an_edit_of_a_plugin_makes_another(toy: Callable[[], str], file: str, counts: bool) -> None:
    """Also of what it imports only when it is loaded; a file that it never imports is none of it."""
    before = toy()
    assert toy() == before
    with Path(f"{file}.py").open("a") as opened:
        opened.write("# edited\n")
    assert (toy() != before) == counts


def test_a_copy_elsewhere_is_the_same(toy: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the files lie says nothing of what they do."""
    before = toy()
    shutil.copytree(tmp_path, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.syspath_prepend(tmp_path / "copy")
    assert toy() == before


def test_another_version_of_a_provider_is_another(toy: Callable[[], str]) -> None:
    """Its other files may have changed, or what it was built from."""
    offer = load_catalogue().backbones["toy"]
    assert code_hash(offer) != code_hash(replace(offer, provider="toys 2.0"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


ROOT = Path(partbench.__file__).parent


@pytest.mark.parametrize(
    ("edited", "changed"),
    [
        ("heads/mlp.py", {"mlp-2"}),
        ("heads/pixelwise.py", {"linear", "mlp-2", "cnn-l"}),
        ("heads/__init__.py", set()),
        ("backbones/vae/networks.py", {"vae", "random:vae", "vae+position"}),
        ("backbones/vae/loss.py", set()),
        ("backbones/controls/wrapped.py", {"vae+position"}),
        ("benchmark/run/runner.py", set()),
    ],
)
def test_of_ours_the_files_of_a_family_count(
    catalogue: Catalogue, edited: str, changed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither another family nor a training nor what runs them; `PROTOCOL` stands for that."""
    names = ("linear", "mlp-2", "cnn-l", "vae", "random:vae", "vae+position", "pixels")
    offers: dict[str, Any] = {name: catalogue.heads.get(name) or find_backbone(catalogue, name) for name in names}
    before, read = {name: code_hash(offer) for name, offer in offers.items()}, Path.read_bytes
    changes = {(ROOT / edited).resolve()}
    monkeypatch.setattr(Path, "read_bytes", lambda p: read(p) + b"# edited\n" * (p.resolve() in changes))
    assert {name for name, offer in offers.items() if code_hash(offer) != before[name]} == changed


def test_heads_of_one_file_are_told_apart(catalogue: Catalogue) -> None:
    """By what they are made with."""
    assert len({code_hash(catalogue.heads[name]) for name in ("cnn-s", "cnn-m", "cnn-l", "cnn-l-3x3")}) == 4


def test_coordinates_behind_the_maps_invert_nothing(catalogue: Catalogue) -> None:
    """So that codes of images serve a backbone with and without them."""
    with_them, without = (find_backbone(catalogue, name) for name in ("stylegan2+position", "stylegan2"))
    assert code_hash(with_them) != code_hash(without)
    assert code_hash(with_them, wrapped=False) == code_hash(without, wrapped=False)
