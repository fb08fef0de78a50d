"""The pages that are made from the program itself, so that none of them can be out of date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VERB_HEAD = "# Verbs\n\nWhat `partbench VERB --help` prints.\n"
METRIC_HEAD = """# Definitions of a score

What one paper calls mean IoU is not what the next one does, so each definition has a name. With I, P and T the pixels
of a class in the intersection, in the prediction and in the truth, IoU = I / (P + T - I). All are computed from the
confusions that a run keeps of every test image: `partbench leaderboard RUN --metric mean,image_mean` runs nothing again
and shows how ranks move between definitions.

Behind a name, `+bg` counts the background among the classes and `-bg` leaves it out; without either, the definition
decides, and where it does not, the dataset.
"""
CONTRACT_HEAD = """# The contract

What everybody's backbones, heads and datasets promise, ours too, as one list of named checks. `partbench check NAME`
runs them; so does a test of three lines in a package of your own:

```python
import pytest
from partbench.benchmark.plugins.contract import cases

from my_package import partbench_backbones


@pytest.mark.parametrize(("check", "backbone"), cases(partbench_backbones()))
def test_the_contract_is_kept(check, backbone):
    check(backbone)
```

**A known failure is declared, with its reason, and never left out.** The record says so:

```python
Backbone("mine", 224, (64,), load, known_failures={"aligned": "its tokens are in Hilbert order"})
```

Then `partbench check` shows the failure and the reason and exits 0, and the test expects it to fail. A declared
failure that passes is an error, and so is a reason that is missing or the name of no check.

**The result is a sign-off**: a JSON file with every outcome, the package and its version, the hash of the weights,
the hash of the list of checks, the version of partbench and the date, under a seal that shows whether it was edited.
It is kept in the cache of partbench (`$PARTBENCH_CACHE/checks`); `--out FILE` writes it somewhere else as well.
`partbench run` puts a copy into the run's folder, and one line under each leaderboard says what is checked, what
fails, what is known to, what nobody has checked, and which sign-off is stale: the package, the weights or the list of
checks has changed since. `partbench leaderboard RUN --checks` says it in full, with `--format json` for a program;
the report shows it beside the weights."""
REFERENCE = (
    "backbones.backbone",
    "backbones.training.trainer",
    "backbones.hooks",
    "backbones.maps",
    "backbones.checks",
    "backbones.checks.behaviour",
    "backbones.checks.alignment",
    "heads.head",
    "heads.pixelwise",
    "heads.gram",
    "heads.checks",
    "heads.checks.solving",
    "datasets.dataset",
    "datasets.checks",
    "benchmark.results",
    "benchmark.metrics.definitions",
    "benchmark.metrics.estimate",
    "benchmark.metrics.significance",
    "benchmark.metrics.power",
    "benchmark.metrics.lottery",
    "benchmark.reporter",
    "benchmark.plugins.contract",
    "benchmark.plugins.signoff",
)
"""Modules that others build on, in the order in which they are told."""


def verbs() -> str:
    """One section per verb, with its help as it is printed."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from partbench.benchmark.cli.main import app

    parts = [VERB_HEAD]
    for words in named(get_command(app)):
        told = CliRunner().invoke(app, [*words, "--help"], prog_name="partbench").output
        parts.append(f"## {' '.join(words)}\n\n```text\n{told.strip()}\n```\n")
    return "\n".join(parts)


def named(group: Any, *before: str) -> Iterator[tuple[str, ...]]:
    """The words that call each verb: `run`, `annotate export`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from named(command, *before, name)
        else:
            yield (*before, name)


def metrics() -> str:
    """One section per definition."""
    from partbench.benchmark.metrics.definitions import METRICS

    background = {None: "as the dataset says", True: "counted among the classes", False: "left out"}
    parts = [METRIC_HEAD]
    for metric in METRICS.values():
        parts.append(f"## {metric.name}\n\n`{metric.formula}`\n")
        parts.append(f"Background: {background[metric.background]}. Source: {metric.source}.\n")
    return "\n".join(parts)


def own(noun: str) -> str:
    """How to bring a thing of one's own: what `partbench new` writes, which passes its checks."""
    from partbench.benchmark.plugins.scaffold import Scaffold

    texts = Scaffold(noun, f"my-{noun}").texts()
    module = f"partbench_my_{noun}.py"
    lines = [
        f"# Write a {noun}",
        "",
        f"`partbench new {noun} my-{noun}` writes a package that can be installed and passes its checks as it is:",
        "",
        f"```sh\npartbench new {noun} my-{noun}\npip install ./partbench-my-{noun}\npartbench check my-{noun}\n```",
        "",
        f"Then make `{module}` yours. This is all of it; the hook `partbench_{noun}s` is how partbench finds it:",
        "",
        f"```python\n{texts[module]}```",
        "",
        "The entry point in `pyproject.toml` is what makes it a plugin. Without any packaging, the same file does as",
        "`partbench_plugins.py` in the folder where `partbench` is started.",
        "",
        f"```toml\n{texts['pyproject.toml']}```",
        "",
        f"The record is described in [`partbench.{noun}s.{noun}`](reference.md), and [the contract](contract.md) lists",
        "its checks. `partbench check` runs them, and so does the three-line test that the package has:",
        "",
        f"```python\n{texts[f'tests/test_partbench_my_{noun}.py']}```",
    ]
    return "\n".join(lines) + "\n"


def contract() -> str:
    """Every check of every shelf by its name, with what it holds."""
    from importlib import import_module

    parts = [CONTRACT_HEAD]
    for noun in ("backbone", "head", "dataset"):
        module = import_module(f"partbench.{noun}s.checks")
        parts += [f"## A {noun}", "", "| check | what it holds |", "|---|---|"]
        for check in module.CHECKS:
            held = " ".join(check.__doc__.split()).replace("|", "\\|")
            parts.append(f"| `{check.__name__.removeprefix('check_')}` | {held} |")
        parts.append("")
    return "\n".join(parts)


def reference() -> str:
    """The modules that others build on, from their docstrings."""
    parts = ["# Reference\n"]
    parts += [f"## partbench.{module}\n\n::: partbench.{module}\n" for module in REFERENCE]
    return "\n".join(parts)


def pages() -> dict[str, str]:
    """Every page that is made, by its path."""
    return {
        "verbs.md": verbs(),
        "metrics.md": metrics(),
        "reference.md": reference(),
        "contract.md": contract(),
        **{f"write-a-{noun}.md": own(noun) for noun in ("backbone", "head", "dataset")},
    }


def on_files(files: Any, config: Any) -> Any:
    """Add the pages; mkdocs calls this."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files
