"""Writes a new board: a repository that takes submissions, checks them and publishes their pages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

from ..files import write_atomic
from .layout import ROOT, BoardError

FILES = {
    "README.md": "README.md",
    "LICENSE": "LICENSE",
    ".gitattributes": "gitattributes",
    ".gitignore": "gitignore",
    f"{ROOT}/README.md": "submissions.md",
    "requirements.txt": "requirements.txt",
    "requirements-check.txt": "requirements-check.txt",
    ".github/CODEOWNERS": "CODEOWNERS",
    ".github/workflows/check.yml": "check.yml",
    ".github/workflows/site.yml": "site.yml",
    ".github/PULL_REQUEST_TEMPLATE.md": "pull_request.md",
    ".github/ISSUE_TEMPLATE/dispute.yml": "dispute.yml",
    ".github/ISSUE_TEMPLATE/dataset.yml": "dataset.yml",
}
"""The template of every file of a new board."""


def texts() -> dict[str, str]:
    """The text of every file, by its path on the board."""
    folder = files(__package__) / "templates"
    try:
        ours = version("partbench")
    except PackageNotFoundError:  # a checkout that is not installed
        ours = "0"
    return {
        path: (folder / f"{name}.template").read_text(encoding="utf-8").replace("@VERSION@", ours)
        for path, name in FILES.items()
    }


def write_board(folder: Path) -> list[str]:
    """Write a new board into a folder that is empty, but for git's own; the paths of its files."""
    if folder.exists() and (not folder.is_dir() or any(path.name != ".git" for path in folder.iterdir())):
        raise BoardError(f"{folder} is there already and not empty; choose another folder")
    written = texts()
    for path, text in written.items():
        write_atomic(folder / path, text.encode())
    return list(written)
