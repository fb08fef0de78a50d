"""A gate's verdicts as JSON, as JUnit XML for a CI and as Markdown for its summary page; names are data in all."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

from ... import counted
from ..plan import NO_HEAD
from .gate import FELL, HOLDS, MISSING, Gate, Verdict
from .leaderboard import KEYS
from .leaderboard_tables import markdown

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML file can hold, escaped or not."""


def title(verdict: Verdict) -> str:
    """`vae, linear, 5 shots`."""
    backbone, head, shots = verdict.key
    return ", ".join([backbone, *([head] if head != NO_HEAD else []), counted(shots, "shot")])


def sentence(verdict: Verdict) -> str:
    """What happened to a score."""
    if verdict.verdict == MISSING:
        return f"{verdict.metric} was {verdict.before:.2f} and is missing: {verdict.why}"
    return (
        f"{verdict.metric} was {verdict.before:.2f} and is {verdict.after:.2f}; "
        f"the lowest that passes is {verdict.allowed:.2f} (p = {verdict.p:.2g})"
    )


def headline(gate: Gate) -> str:
    """The outcome in one line."""
    count = {name: sum(v.verdict == name for v in gate.verdicts) for name in (FELL, MISSING, HOLDS)}
    lost = f", {count[MISSING]} missing" if count[MISSING] else ""
    return f"{'stopped' if gate.stopped else 'passed'}: {count[FELL]} fell{lost}, {count[HOLDS]} hold"


def terms(gate: Gate) -> str:
    """What the verdicts mean."""
    text = f"allowed: a drop of {gate.tolerance:g} points and chance, {100 * gate.level:g} % over all scores (Holm)"
    if math.isnan(gate.caught):
        return text
    return f"{text}; a true drop of {gate.caught:.1f} points would be caught four times in five (median)"


def as_json(gate: Gate, notes: Sequence[str]) -> dict[str, Any]:
    """Everything as one object; null where there is no number."""
    return {
        "passed": not gate.stopped,
        "tolerance": gate.tolerance,
        "level": gate.level,
        "caught": _number(gate.caught),
        "notes": list(notes),
        "verdicts": [_row(verdict) for verdict in gate.verdicts],
    }


def _row(verdict: Verdict) -> Mapping[str, Any]:
    fields = {name: _number(value) for name, value in asdict(verdict).items() if name != "key"}
    return dict(zip(KEYS, verdict.key, strict=True)) | fields


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def as_junit(gate: Gate) -> bytes:
    """JUnit XML: a suite per metric, a test case per key, a failure for each that fell or is missing."""
    root = ET.Element("testsuites", name="partbench gate")
    for metric in dict.fromkeys(v.metric for v in gate.verdicts):
        own = [v for v in gate.verdicts if v.metric == metric]
        failures = sum(v in gate.stopped for v in own)
        counts = {"tests": str(len(own)), "failures": str(failures), "errors": "0", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": _xml(metric), **counts})
        for verdict in own:
            case = ET.SubElement(suite, "testcase", classname=f"partbench.{_xml(metric)}", name=_xml(title(verdict)))
            if verdict in gate.stopped:
                failure = ET.SubElement(case, "failure", message=_xml(sentence(verdict)), type=verdict.verdict)
                failure.text = _xml(f"{title(verdict)}: {sentence(verdict)}")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _xml(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)


def as_markdown(gate: Gate, notes: Sequence[str]) -> str:
    """A section for `$GITHUB_STEP_SUMMARY`; what holds is folded away."""
    loud = [v for v in gate.verdicts if v.verdict != HOLDS]
    quiet = [v for v in gate.verdicts if v.verdict == HOLDS]
    parts = [f"### partbench gate {headline(gate)}", markdown(terms(gate)), *(markdown(note) for note in notes)]
    if loud:
        parts.append(_md_table(loud))
    if quiet:
        parts += [f"<details><summary>{len(quiet)} hold</summary>", _md_table(quiet), "</details>"]
    return "\n\n".join(parts) + "\n"


def _md_table(verdicts: Sequence[Verdict]) -> str:
    lines = ["| backbone | head | shots | metric | before | after | allowed | |", "|---|---|--:|---|--:|--:|--:|---|"]
    for v in verdicts:
        names, numbers = [*map(str, v.key), v.metric], [v.before, v.after, v.allowed]
        what = f"{v.verdict}: {v.why}" if v.why else v.verdict
        lines.append("| " + " | ".join([*map(markdown, names), *map(number_text, numbers), markdown(what)]) + " |")
    return "\n".join(lines)


def number_text(value: float) -> str:
    """A score with two digits, nothing where there is none."""
    return "" if math.isnan(value) else f"{value:.2f}"
