"""Groupings: classes of a folder merged into fewer, as `eyes` from `left_eye` and `right_eye`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..dataset import DatasetError
from ..files.hints import enumeration, hint

BACKGROUND = "background"
"""The group of everything that no other group names; index 0 wherever it stands in the file."""

ALL_OTHERS = "all others"
"""What a group holds instead of a list, to take every class that no other group names."""

Groups = dict[str, list[int]]
"""Label values by group, in the order of the class indices."""


def adhoc_groups(names: Sequence[str], wanted: Sequence[str]) -> Groups:
    """Some classes as they are, and all others as background."""
    groups = {name: [names.index(name)] for name in wanted if name != BACKGROUND}
    return _with_background(groups, _others(names, groups))


def declared_groups(where: str, names: Sequence[str], declared: Mapping[str, Any]) -> Groups:
    """The groups of a grouping in `classes.json`; where none is called background, it is all others."""
    rest = [group for group, members in declared.items() if members == ALL_OTHERS]
    groups = {group: _members(where, group, declared[group], names) for group in declared if group not in rest}
    _check_disjoint(where, names, groups)
    others = _others(names, groups)
    if not rest and BACKGROUND not in groups:
        return _with_background(groups, others)
    _check_complete(where, names, rest, others)
    groups = {group: groups.get(group, others) for group in declared}
    return _with_background(groups, groups.pop(BACKGROUND, []))


def _with_background(groups: Groups, background: list[int]) -> Groups:
    return {BACKGROUND: background, **groups} if background else groups


def _others(names: Sequence[str], groups: Groups) -> list[int]:
    taken = {value for values in groups.values() for value in values}
    return [value for value in range(len(names)) if value not in taken]


def _members(where: str, group: str, members: object, names: Sequence[str]) -> list[int]:
    if not isinstance(members, list) or not members:
        fact = f"{where} has '{group}' as {members!r}"
        raise DatasetError(f'{fact}; list its classes by number or name, as [3, 4], or write "{ALL_OTHERS}"')
    return [_value(where, group, member, names) for member in members]


def _value(where: str, group: str, member: object, names: Sequence[str]) -> int:
    if member in names:
        return names.index(str(member))
    if isinstance(member, int) and not isinstance(member, bool) and 0 <= member < len(names):
        return member
    advice = f"the numbers go from 0 to {len(names) - 1}; mend the number" if isinstance(member, int) else ""
    raise DatasetError(f"{where} has no class {member!r} to put into '{group}': {advice or hint(str(member), names)}")


def _check_disjoint(where: str, names: Sequence[str], groups: Groups) -> None:
    owner: dict[int, str] = {}
    for group, values in groups.items():
        for value in values:
            if value in owner:
                culprit = f"the class '{names[value]}' into '{owner[value]}' and '{group}'"
                raise DatasetError(f"{where} puts {culprit}; take it out of one place")
            owner[value] = group


def _check_complete(where: str, names: Sequence[str], rest: Sequence[str], others: Sequence[int]) -> None:
    if len(rest) > 1:
        raise DatasetError(f"{where} has '{rest[0]}' and '{rest[1]}' as \"{ALL_OTHERS}\"; list the classes of one")
    if rest and not others:
        raise DatasetError(f"{where} leaves no class for '{rest[0]}'; take '{rest[0]}' out")
    if others and not rest:
        left = enumeration(f"'{names[value]}'" for value in others)
        raise DatasetError(f'{where} leaves out {left}; put them into a group, or write one as "{ALL_OTHERS}"')
