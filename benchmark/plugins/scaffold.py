"""Generates a new plugin package that passes its checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from ... import UserError

NOUNS = ("backbone", "head", "dataset")
USES = {
    "backbone": "partbench run --backbone $name --backbone pixels --head linear",
    "head": "partbench run --backbone jigsaw --head $name --head linear",
    "dataset": "partbench run --dataset $name --backbone pixels --head linear",
}
"""What one does with it first."""
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class ScaffoldError(UserError):
    """A package that cannot be written, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Scaffold:
    """The plugin package to generate."""

    noun: str
    name: str

    def __post_init__(self) -> None:
        if self.noun not in NOUNS:
            raise ScaffoldError(f"there is no template for a {self.noun!r}; choose {', '.join(NOUNS)}")
        if not NAME.fullmatch(self.name):
            what = f"{self.name!r} cannot be the name of a {self.noun} and of a package"
            raise ScaffoldError(f"{what}; write lower-case letters, digits and single hyphens, as my-net")

    @property
    def project(self) -> str:
        return f"partbench-{self.name}"

    @property
    def module(self) -> str:
        return self.project.replace("-", "_")

    def texts(self) -> dict[str, str]:
        """The text of every file, by its path in the package."""
        names = {
            "name": self.name,
            "project": self.project,
            "module": self.module,
            "summary": f"the {self.noun} {self.name} for partbench",
        }
        names["use"] = Template(USES[self.noun]).substitute(names)
        sources = {
            "pyproject.toml": "shared/pyproject.toml",
            "README.md": "shared/README.md",
            ".github/workflows/test.yml": "shared/test.yml",
            f"{self.module}.py": f"{self.noun}/module.py",
            f"tests/test_{self.module}.py": f"{self.noun}/test.py",
        }
        folder = files(__package__) / "templates"
        return {
            path: Template((folder / f"{source}.template").read_text()).substitute(names)
            for path, source in sources.items()
        }

    def write(self, parent: Path) -> Path:
        """Write the package as a folder in `parent`; nothing that is there is touched."""
        folder = parent / self.project
        if folder.exists():
            raise ScaffoldError(f"{folder} is there already; choose another name, or another --out")
        for path, text in self.texts().items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder
