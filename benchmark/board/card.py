"""The card of a submission: what its run knows, as Markdown that a forge shows beside the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..metrics.definitions import DEFAULT
from ..plan import NO_HEAD
from ..report.run_command import run_command
from ..scores.convergence import MARK, unconverged
from ..scores.leaderboard_tables import markdown
from .submission import Submission

FACTS = ("versions", "hardware", "provider", "origin", "settings", "codes by others", "parameters", "dataset")
"""What the provenance of cells may say, as it stands on a card."""
SHOWN = 20
"""Most flags."""


def card(submission: Submission) -> str:
    """The whole text."""
    blocks = [
        f"# {markdown(submission.backbone)} on {markdown(submission.plan.dataset)}",
        _opening(submission),
        _table(("", ""), [(name, text) for name, text in facts(submission)]),
        "## Scores",
        "IoU in %, the mean over draws of shots; recomputed from the confusion of every test image by whoever checks.",
        _scores(submission),
        *_convergence(submission),
        "## What the guards found",
        *_flags(submission),
        "## Checks",
        *_checks(submission),
        "## Once more",
        f"```sh\n{command(submission)}\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def _opening(submission: Submission) -> str:
    record = submission.record
    keys = f"{len(submission.cells)} cells of {record['images']} test images"
    return f"{keys}, submitted by {markdown(submission.by)}; the last was scored on {submission.date}."


def facts(submission: Submission) -> Iterator[tuple[str, str]]:
    """What a submission and the provenance of its cells say, by name."""
    yield "weights", submission.weights or "none"
    yield "licence of the weights", submission.licence
    yield "protocol", submission.group[0]
    yield "dataset", f"{submission.plan.dataset} {submission.data}"
    for fact in FACTS:
        found = [r.provenance[fact] for r in submission.cells if r.provenance.get(fact) is not None]
        values = [one for value in found for one in (value if isinstance(value, list) else [value])]
        texts = dict.fromkeys(_text(value) for value in values)
        if texts:
            yield fact, "; ".join(texts)


def _text(value: Any) -> str:
    """A JSON value in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items() if one is not None)
    return str(value)


def _scores(submission: Submission) -> str:
    bad = unconverged(submission.cells)
    rows = []
    for row in submission.scores:
        mark = MARK if (submission.backbone, row["head"], row["shots"]) in bad else ""
        head = "" if row["head"] == NO_HEAD else row["head"]
        numbers = ["-" if row[name] is None else f"{row[name]:.1f}" for name in DEFAULT]
        rows.append((head + mark, str(row["shots"]), str(row["draws"]), *numbers))
    return _table(("head", "shots", "draws", *DEFAULT), rows)


def _convergence(submission: Submission) -> list[str]:
    if not unconverged(submission.cells):
        return []
    return [f"{markdown(MARK)}: a head that does not fit its own shots; ranks leave it out."]


def _flags(submission: Submission) -> list[str]:
    found = submission.findings
    if found is None:
        return ["Nobody has looked at the images."]
    lines = [
        f"- {markdown(flag['name'])} ({markdown(flag['of'])}): {markdown(flag['text'])}" for flag in found["flags"]
    ]
    rest = [f"- and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    looked = "; ".join(markdown(text) for text in dict.fromkeys(found["checked"].values()) if text)
    return ["\n".join([*lines[:SHOWN], *rest]) or "No flag.", f"Looked at: {looked}."]


def _checks(submission: Submission) -> list[str]:
    lines = []
    for noun, entries in submission.checks.items():
        for name, entry in entries.items():
            signoff = entry["signoff"]
            what = f"checked on {markdown(signoff['date'])}" if signoff else "not checked"
            lines.append(f"- {noun} {markdown(name)}, {markdown(entry['subject']['provider'])}: {what}")
    return ["\n".join(lines) or "The run noted none."]


def command(submission: Submission) -> str:
    """The command that makes its scores again; a backbone without a head names none."""
    plan = submission.plan
    return run_command(replace(plan, heads=tuple(head for head in plan.heads if head != NO_HEAD)))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
