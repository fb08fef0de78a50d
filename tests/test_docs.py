"""Every hook, verb and metric has its page, and the pages are made from the program."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

from partbench.backbones import checks as backbone_checks
from partbench.benchmark.cli import app
from partbench.benchmark.metrics import METRICS
from partbench.benchmark.plan import Cell
from partbench.benchmark.plugins import HOOKS
from partbench.benchmark.results import CellResult, RunFolder
from partbench.datasets import checks as dataset_checks
from partbench.heads import checks as head_checks


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
    for name, metric in METRICS.items():
        assert f"## {name}\n\n`{metric.formula}`" in pages["metrics.md"]
        assert metric.source in pages["metrics.md"]


def test_every_hook_has_its_page(pages: dict[str, str]) -> None:
    """A page says how to implement it."""
    for hook in HOOKS:
        assert any(f"def {hook}()" in text for text in pages.values()), hook


def test_every_check_stands_on_the_page_of_the_contract(pages: dict[str, str]) -> None:
    """By its name, with the promise that it holds."""
    for module in (backbone_checks, head_checks, dataset_checks):
        for check in module.CHECKS:
            assert (
                f"| `{check.__name__.removeprefix('check_')}` | {' '.join(str(check.__doc__).split())} |"
                in (pages["contract.md"])
            )


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
