"""Every hook, verb and metric has its page, and the pages are made from the program."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from partbench.backbones import checks as backbone_checks
from partbench.backbones.backbone import Backbone
from partbench.benchmark.cli.main import app
from partbench.benchmark.metrics.definitions import METRICS
from partbench.benchmark.plan import Cell
from partbench.benchmark.plugins.catalogue import HOOKS
from partbench.benchmark.plugins.contract import checks_for
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets import checks as dataset_checks
from partbench.datasets.dataset import Dataset
from partbench.heads import checks as head_checks
from partbench.heads.head import Head

SHELVES = {
    "backbone": (backbone_checks, Backbone("mine", 64, (3,), load=lambda: list)),
    "head": (head_checks, Head("mine", build=list)),
    "dataset": (dataset_checks, Dataset("mine", ("background",), load=list)),
}
"""Where the checks of each noun stand, and a record that they are for."""


@pytest.fixture(scope="module")
def docs(repository: Path) -> ModuleType:
    """docs/generate.py as a module."""
    spec = importlib.util.spec_from_file_location("generate", repository / "docs/generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(docs: ModuleType, repository: Path) -> dict[str, str]:
    """Every page, written or made, by its path."""
    folder = repository / "docs/pages"
    written = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.md")}
    return written | docs.pages()


def test_every_verb_has_its_section(pages: dict[str, str]) -> None:
    """With its options and its example; the verbs below another one, too."""
    sections = re.findall(r"^## (.*)$", pages["verbs.md"], re.MULTILINE)
    assert list(dict.fromkeys(s.split()[0] for s in sections)) == list(get_command(app).commands)  # type: ignore[attr-defined]
    assert {"annotate export", "annotate import"} <= {*sections}
    assert pages["verbs.md"].count("Example:  partbench") >= len(sections)


def test_every_metric_has_its_section(pages: dict[str, str]) -> None:
    """With its formula and who defines it so."""
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", pages["metrics.md"], re.MULTILINE | re.DOTALL))
    assert list(sections) == list(METRICS)
    for name, metric in METRICS.items():
        assert f"`{metric.formula}`" in sections[name]
        assert f"Source: {metric.source}." in sections[name]


def test_every_hook_has_its_page(pages: dict[str, str]) -> None:
    """A page says how to implement it."""
    for hook in HOOKS:
        assert any(f"def {hook}()" in text for text in pages.values()), hook


@pytest.mark.parametrize("noun", SHELVES)
def test_every_check_stands_on_the_page_of_the_contract(noun: str, docs: ModuleType) -> None:
    """Under its noun, by the name that `partbench check` tells, with the promise that it holds: a whole sentence."""
    module, record = SHELVES[noun]
    rows = contract_rows(docs, noun)
    assert [name for name, _ in rows] == list(checks_for(record))
    for (name, promise), check in zip(rows, module.CHECKS, strict=True):
        assert promise.replace("\\|", "|").split() == check.__doc__.split(), name
        assert promise.endswith("."), name


def test_a_new_check_stands_there_too(docs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise of two lines with a bar in it is still one row of two cells."""

    def check_colour(head: Head) -> None:
        """A head | gives
        colours."""

    before = contract_rows(docs, "head")
    monkeypatch.setattr(head_checks, "CHECKS", (*head_checks.CHECKS, check_colour))
    assert contract_rows(docs, "head") == [*before, ("colour", r"A head \| gives colours.")]


def contract_rows(docs: ModuleType, noun: str) -> list[tuple[str, ...]]:
    """Name and promise in every row of the table under the heading of a noun."""
    sections = dict(re.findall(r"^## An? (\w+)\n(.*?)(?=^## |\Z)", docs.contract(), re.MULTILINE | re.DOTALL))
    assert list(sections) == list(SHELVES)
    rows = re.findall(r"^\| `(\w+)` \| ((?:[^|\n]|\\\|)+) \|$", sections[noun], re.MULTILINE)
    assert len(rows) == sections[noun].strip().count("\n") - 1  # all lines but the head of the table and its rule
    return rows


def test_every_page_can_be_found(pages: dict[str, str], repository: Path) -> None:
    """The navigation names all of them, and links lead somewhere."""
    config = (repository / "docs/mkdocs.yml").read_text()
    for path, text in pages.items():
        assert f": {path}" in config
        for target in re.findall(r"\]\(([\w/-]+\.md)[^)]*\)", text):
            assert target in pages, f"{path} links to {target}"


def test_the_reporter_of_the_docs_counts(pages: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The code that is shown is run."""
    (code,) = re.findall(r"```python\n(.*?)```", pages["write-a-reporter.md"], re.DOTALL)
    module = ModuleType("counting")
    exec(code, module.__dict__)
    (record,) = module.partbench_reporters()
    listener = record.open()
    listener.cell_finished(CellResult(Cell("vae", "linear", 1, 0), ("a",)))
    listener.cell_finished(CellResult(Cell("vae", "linear", 1, 1), ("a",), error="it broke"))
    listener.run_finished(RunFolder(Path("runs/faces")), True)
    assert capsys.readouterr().out == "1 cells scored into runs/faces\n"
