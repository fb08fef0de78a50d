"""The repository root is the package, and these are the rules that make it safe."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import partbench

SHELVES = ("backbones", "heads", "datasets", "benchmark")
HEAVY = ("torch", "torchvision", "timm", "pandas")
BOARD = "board"
"""The example that is data, and no distribution."""
INSTALLED_AS = {"PIL": "pillow"}
EVERYTHING = """
import importlib, importlib.util, pkgutil, sys, partbench
for module in pkgutil.walk_packages(partbench.__path__, "partbench."):
    importlib.import_module(module.name)
for name, module in list(sys.modules.items()):
    if getattr(module, "__file__", None):
        print("module", name, module.__file__, sep="\t")
for name in {shelves!r}:
    spec = importlib.util.find_spec(name)
    if spec is not None:
        print("bare", name, *([spec.origin] if spec.origin else spec.submodule_search_locations or []), sep="\t")
"""
"""Imports all of the package, and tells the file of every module and where a shelf's bare name leads."""
ASK = """
import sys
from partbench.benchmark.cli.main import main
sys.argv = ["partbench", {argument!r}]
try:
    code = main()
except SystemExit as stop:
    code = stop.code
assert not code, code
print("heavy:", *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.fixture(scope="module")
def config(repository: Path) -> ConfigParser:
    """setup.cfg."""
    parser = ConfigParser(interpolation=None)
    parser.read(repository / "setup.cfg", encoding="utf-8")
    return parser


def packages(root: Path, name: str = "partbench") -> Iterator[tuple[str, Path]]:
    """Every folder with an `__init__.py`, however deep, and the package that it is."""
    yield name, root
    for folder in sorted(root.iterdir()):
        if (folder / "__init__.py").is_file() and not folder.name.startswith("."):
            yield from packages(folder, f"{name}.{folder.name}")


def imports(path: Path) -> Iterator[str]:
    """The top-level names that a module imports from elsewhere, early or late."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def test_every_package_is_listed(repository: Path, config: ConfigParser) -> None:
    """setup.cfg lists each package once; one that it forgot would be missing from the wheel."""
    assert sorted(config["options"]["packages"].split()) == sorted(name for name, _ in packages(repository))


def test_every_module_lies_in_a_package(repository: Path) -> None:
    """A folder of modules has an `__init__.py`, or nothing would pack it."""
    folders = {folder for _, folder in packages(repository)}
    strays = [path for shelf in SHELVES for path in (repository / shelf).rglob("*.py") if path.parent not in folders]
    assert strays == []


def test_all_data_is_packed(repository: Path, config: ConfigParser) -> None:
    """Weights and model cards beside the code match package_data."""
    globs = config["options.package_data"]["partbench"].split()
    packed = {path for glob in globs for path in repository.glob(glob)}
    files = {path for shelf in SHELVES for path in (repository / shelf).rglob("*") if path.is_file()}
    assert {path for path in files - packed if path.suffix not in {".py", ".pyc"}} == set()


def test_every_import_is_declared(repository: Path, config: ConfigParser) -> None:
    """The package imports what it requires, or an extra for users; what only the tests need may be missing."""
    extras = [lines for extra, lines in config["options.extras_require"].items() if extra != "test"]
    lines = " ".join([config["options"]["install_requires"], *extras]).split()
    declared = {re.split(r"[<>=]", line)[0] for line in lines}
    names = {name for shelf in SHELVES for path in (repository / shelf).rglob("*.py") for name in imports(path)}
    assert {INSTALLED_AS.get(name, name) for name in names - sys.stdlib_module_names - {"partbench"}} <= declared


def test_no_other_module_lies_in_the_root(repository: Path) -> None:
    """It would be packed as a part of partbench."""
    assert [path.name for path in repository.glob("*.py")] == ["__init__.py"]


def test_examples_are_distributions_of_their_own(repository: Path) -> None:
    """Each has what an installer needs, and none is packed with partbench: no folder of theirs is a package."""
    folders = [path for path in (repository / "examples").iterdir() if path.is_dir() and path.name != BOARD]
    assert len(folders) >= 4
    for folder in folders:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
        assert "[project.entry-points.partbench]" in text
        assert (folder / "README.md").is_file() and list((folder / "tests").glob("test_*.py"))
        modules = set(re.findall(r'"(\w+)"', text.partition("py-modules")[2].partition("]")[0]))
        assert modules == {path.stem for path in folder.glob("*.py")}
    assert list((repository / "examples").rglob("__init__.py")) == []


def test_tests_are_no_package(repository: Path) -> None:
    """Tests import partbench as everybody does."""
    assert list((repository / "tests").rglob("__init__.py")) == []


def test_the_root_has_no_relative_import() -> None:
    """Whoever imports the root under the name of its folder gets no second copy of the package."""
    tree = ast.parse(Path(partbench.__file__).read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level] == []


def test_there_is_one_partbench() -> None:
    """No shelf is importable by its bare name, here or in a program, and of all modules none is there twice."""
    root = Path(partbench.__file__).resolve().parent
    code = EVERYTHING.format(shelves=SHELVES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told = [line.split("\t") for line in done.stdout.splitlines()]
    names: dict[Path, list[str]] = {}
    for kind, name, *paths in told:
        for path in (Path(path).resolve() for path in paths):
            if path == root / "__init__.py" or any(root / shelf in path.parents for shelf in SHELVES):
                assert kind == "module", f"{name} leads to {path}"
                names.setdefault(path, []).append(name)
    sources = {path for shelf in SHELVES for path in (root / shelf).rglob("*.py")}
    assert names.keys() == sources | {root / "__init__.py"}
    assert all(len(twins) == 1 and (twins[0] + ".").startswith("partbench.") for twins in names.values()), names
    for shelf in SHELVES:
        spec = importlib.util.find_spec(shelf)
        assert spec is None or root not in Path(spec.origin or "/").resolve().parents


def test_the_type_hints_are_announced() -> None:
    """py.typed travels with the package."""
    assert (Path(partbench.__file__).parent / "py.typed").is_file()


def test_the_version_is_that_of_the_changelog(repository: Path) -> None:
    """The changelog's first version is the one in setup.cfg."""
    lines = (repository / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    latest = next(line for line in lines if line.startswith("## "))
    assert latest.startswith(f"## {version('partbench')}")


def test_the_command_is_installed() -> None:
    """`partbench` on the command line is `partbench.benchmark.cli.main.main`."""
    (script,) = entry_points(group="console_scripts", name="partbench")
    assert script.value == "partbench.benchmark.cli.main:main"


@pytest.mark.parametrize("argument", ["--help", "list"])
def test_the_command_line_answers_at_once(argument: str) -> None:
    """Nothing heavy is imported before it is needed."""
    code = ASK.format(argument=argument, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"
