"""The catalogue of all plugins' records, ours and third parties'; a faulty plugin affects itself alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

import pluggy

from ... import one_line
from ...backbones import backbone
from ...backbones.backbone import Backbone
from ...backbones.controls.wrappers import plain_name
from ...datasets import dataset
from ...datasets.dataset import Dataset
from ...heads import head
from ...heads.head import Head
from .. import reporter
from ..reporter import Reporter
from .calls import plugin_call
from .discovery import BLOCK, PROJECT, Plugin, find_plugins

HOOKS: dict[str, tuple[str, type[Any]]] = {
    "partbench_backbones": ("backbone", Backbone),
    "partbench_heads": ("head", Head),
    "partbench_datasets": ("dataset", Dataset),
    "partbench_reporters": ("reporter", Reporter),
}
"""What each hook offers: the noun, and the record that stands for it."""
CONTROLS = ("copy", "random", "supervised", "insid3")
"""Names of rows that are no record of their own, so no backbone may be called so."""

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]*")  # ':', '@', '+' and '/' have a meaning in a longer name

Record_co = TypeVar("Record_co", covariant=True)


@dataclass(frozen=True)
class Offer(Generic[Record_co]):
    """A record and the package that offers it."""

    record: Record_co
    provider: str
    """Package and version, `partbench-foo 1.2`."""
    module: str = ""
    """The module whose hook offers it."""


@dataclass(frozen=True)
class Catalogue:
    """All that can be crossed, by name, and what is wrong with the plugins that could offer more."""

    backbones: Mapping[str, Offer[Backbone]]
    heads: Mapping[str, Offer[Head]]
    datasets: Mapping[str, Offer[Dataset]]
    reporters: Mapping[str, Offer[Reporter]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """One sentence each: the fact, the culprit, the mend."""


def load_catalogue() -> Catalogue:
    """Import all plugins and ask each for its records; a faulty one becomes a sentence in `problems`."""
    blocked = {name.strip() for name in os.environ.get(BLOCK, "").split(",")}
    door = _PluginLoader()
    for plugin in find_plugins():
        if plugin.name not in blocked:
            door.admit(plugin)
    backbones, heads, datasets, reporters = (door.offers[hook] for hook in HOOKS)
    return Catalogue(backbones, heads, datasets, reporters, tuple(door.problems))


class _PluginLoader:
    """Loads plugins one by one; keeps their records, and the problems of faulty ones."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        for noun in (backbone, head, dataset, reporter):
            self.manager.add_hookspecs(noun)
        self.offers: dict[str, dict[str, Offer[Any]]] = {hook: {} for hook in HOOKS}
        self.problems: list[str] = []

    def admit(self, plugin: Plugin) -> None:
        """Import, register and ask one plugin; whatever it raises ends here."""
        try:
            with self._call(plugin):
                module = plugin.load()
        except Exception as error:
            self._complain(f"{plugin.provider} cannot be imported ({one_line(error)}); install it, {plugin.mend}")
            return
        if self.manager.is_registered(module):  # by another entry point of the same package
            return
        try:
            with self._call(plugin):
                self.manager.register(module)
        except Exception as error:
            reason = str(error).splitlines()[-1]
            self._complain(f"{plugin.provider} has a hook that does not fit ({reason}); mend it, {plugin.mend}")
            return
        self._call_hooks(plugin, module)

    def _call_hooks(self, plugin: Plugin, module: object) -> None:
        """Call the plugin's hooks by themselves: through the manager, one that raises would silence all."""
        implemented = [
            (caller, implementation)
            for caller in self.manager.get_hookcallers(module) or ()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is module
        ]
        if not implemented:
            self._complain(f"{plugin.provider} implements no hook; mark its functions with @partbench.hookimpl")
        for caller, implementation in implemented:
            if caller.has_spec():
                self._collect(plugin, caller.name, implementation.function)
            elif not implementation.optionalhook:
                self._complain(f"{plugin.provider} implements '{caller.name}', which is no hook; {_guess(caller.name)}")

    def _collect(self, plugin: Plugin, hook: str, function: Callable[[], object]) -> None:
        try:
            with self._call(plugin):
                # A generator runs its body here, not when it is made.
                for record in function():  # type: ignore[attr-defined]
                    self._shelve(plugin, hook, Offer(record, plugin.provider, function.__module__))
        except Exception as error:
            self._complain(f"{plugin.provider} fails in {hook} ({one_line(error)}); mend it, {plugin.mend}")

    def _shelve(self, plugin: Plugin, hook: str, offer: Offer[Any]) -> None:
        (noun, kind), shelf, record = HOOKS[hook], self.offers[hook], offer.record
        if not isinstance(record, kind):
            wrong = f"a {type(record).__name__} in {hook}; let it offer a partbench {kind.__name__}"
            self._complain(f"{plugin.provider} offers {wrong}")
        elif problem := _bad_name(noun, record.name):
            self._complain(f"{plugin.provider} offers {problem}")
        elif record.name in shelf:
            self._complain(_collision(f"the {noun} '{record.name}'", plugin.provider, shelf[record.name].provider))
        else:
            shelf[record.name] = offer

    def _call(self, plugin: Plugin) -> AbstractContextManager[None]:
        return plugin_call(plugin.provider, self._complain)

    def _complain(self, problem: str) -> None:
        self.problems.append(problem)


def _bad_name(noun: str, name: object) -> str:
    """What is wrong with this name of a record; empty if nothing is."""
    if not isinstance(name, str) or not _WORD.fullmatch(name):
        return f"a {noun} called {name!r}; name it with lower-case letters, digits, '.', '_' and '-' alone"
    if noun == "backbone" and name in CONTROLS:
        return f"a backbone called '{name}', which is a row of partbench's own; rename it"
    if noun == "backbone" and plain_name(name) != name:
        return f"a backbone called '{name}', which is '{plain_name(name)}' with position projected out; rename it"
    return ""


def _collision(what: str, newcomer: str, owner: str) -> str:
    if newcomer == owner:
        return f"{owner} offers {what} twice; rename one of them"
    return f"two plugins offer {what}: {newcomer} and {owner}; uninstall one of them"


def _guess(hook: str) -> str:
    close = get_close_matches(hook, HOOKS, 1)
    return f"did you mean '{close[0]}'?" if close else f"the hooks are {', '.join(HOOKS)}"
