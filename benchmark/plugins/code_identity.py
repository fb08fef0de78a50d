"""The code of a record: the source files that make it what it is, and a hash of them.

They are the file of the module that offers it, those of the modules that its functions come from, and whatever these
import that is no other distribution's: modules of the same package, files beside it, and the shelves of partbench.
What partbench itself does with a record is not among them: `PROTOCOL` is raised where that changes.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from functools import cache, partial
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from ...backbones.controls import derived
from .catalogue import Offer
from .discovery import PROJECT

SHELVES = tuple(f"{PROJECT}.{shelf}" for shelf in ("backbones", "heads", "datasets"))
TRAINER = "Trainer"
"""What a function returns that starts a training, of which the weights are the result."""
OTHERS = {"site-packages", "dist-packages"}
"""Folders of installed distributions, which a provider's version stands for."""


def code_hash(offer: Offer[Any], wrapped: bool = True) -> str:
    """Tells the code behind an offer from every other; a provider whose sources cannot be read by its version alone.

    `wrapped` says whether what is done with its maps counts, which no code of an image comes from.
    """
    functions = [function for name in ("load", "build") if (function := getattr(offer.record, name, None))]
    doors = [part for function in functions for part in _parts(function)]
    if not wrapped:
        doors = [part for part in doors if getattr(part, "__module__", "") != derived.__name__]
    roots = {offer.module, *(part.__module__ for part in doors if callable(part))} - {"", *SHELVES}
    texts = _files(roots) | _of_shelf(doors)
    ours = offer.provider.split()[0] == PROJECT and texts
    digest = hashlib.sha256(b"" if ours else offer.provider.encode())
    for name in sorted(texts):
        digest.update(f"{name} {len(texts[name])}\n".encode() + texts[name])
    return digest.hexdigest()[:16]


def _parts(function: Any) -> Iterator[Any]:
    """The functions that a function is made of, and words and numbers that they are made with."""
    if isinstance(function, partial):
        for part in (function.func, *function.args, *function.keywords.values()):
            yield from _parts(part)
    elif inspect.ismethod(function):
        yield from (type(function.__self__), function.__func__)
    elif callable(function):
        yield function if hasattr(function, "__module__") else type(function)
    elif isinstance(function, (str, int, float)):
        yield function


def _of_shelf(doors: list[Any]) -> dict[str, bytes]:
    """Of what a shelf itself offers, which are many records: the functions of one, and what these import."""
    texts: dict[str, bytes] = {}
    ours = [part for part in doors if callable(part) and part.__module__ in SHELVES]
    for part in ours:
        source = textwrap.dedent(inspect.getsource(part))
        texts[f"{part.__module__} {part.__qualname__}"] = source.encode()
        texts |= _files(set(_imports(ast.parse(source), part.__module__)) - {*SHELVES})
    if ours:
        texts["made with"] = repr([part for part in doors if not callable(part)]).encode()
    return texts


def _files(modules: set[str]) -> dict[str, bytes]:
    """The sources of modules, and of all that they import, by name."""
    own = {name.partition(".")[0] for name in modules} - {PROJECT}
    found: dict[str, bytes] = {}
    left = sorted(modules)
    while left:
        name = left.pop()
        file = None if name in found else _file(name, own)
        if file is None:
            continue
        found[name] = file.read_bytes()
        left += _imported(found[name], name if file.name == "__init__.py" else name.rpartition(".")[0])
    return found


@cache
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    """What a module of a package imports; nothing where it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    return tuple(_imports(tree, package))


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Names of modules that are imported anywhere but for type hints, or by a function that starts a training."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.FunctionDef) and child.returns and ast.unparse(child.returns) == TRAINER:
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            module = "." * child.level + (child.module or "")
            base = resolve_name(module, package) if child.level and package else module
            yield from (base, *(f"{base}.{alias.name}" for alias in child.names))
        else:
            yield from _imports(child, package)


def _file(name: str, own: set[str]) -> Path | None:
    """The source of a module, if it belongs to the record; nothing is imported to find it."""
    top, *rest = name.split(".")
    if (top == PROJECT and not name.startswith(SHELVES)) or top in sys.stdlib_module_names:
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # a module without a spec, as a script's
        return None
    if spec is None or not (places := [*(spec.submodule_search_locations or ()), *([spec.origin] if not rest else ())]):
        return None
    if top not in {*own, PROJECT} and OTHERS & {*Path(places[0]).parts}:
        return None
    for place in map(Path, places):
        path = place.joinpath(*rest)
        for file in (path, path.with_name(path.name + ".py"), path / "__init__.py"):
            if file.suffix == ".py" and file.is_file():
                return file
    return None
