"""From the folder of a run to submissions, one per backbone, that name nothing of the machine they come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..contents import contents_hash
from ..flags import IMAGES, SHOTS, Findings, read_findings
from ..plan import PROTOCOL, Plan
from ..plugins.run_signoffs import run_signoffs
from ..plugins.signoff import as_record
from ..results import CellResult
from ..run_folder import RunFolder
from ..scores.convergence import unconverged
from ..scores.folds import EPISODES
from ..stored_run import shown
from .anonymous import Names, tidy
from .dataset_record import DatasetRecord, pixels_of
from .layout import SUBMITTER, BoardError
from .licences import impostor, is_impostor, licence_of
from .submission import SHARED, Submission

KEPT = (
    "versions", "hardware", "dataset", "shots", "schedule", "scale", "seed", "code", "finished", "provider", "origin",
    "settings", "parameters", "seconds per image", "codes by others", "fit", "training",
)  # fmt: skip
"""The provenance of a cell that goes onto a board, beside what its submission says for all."""


@dataclass(frozen=True)
class Submissions:
    """What a run has for a board."""

    found: tuple[Submission, ...]
    dataset: DatasetRecord
    notes: tuple[str, ...]
    """What is left out or worth knowing, a sentence each."""


@dataclass(frozen=True)
class SubmitOptions:
    """What the submitter says."""

    by: str
    backbones: tuple[str, ...] = ()
    """Patterns; all if empty."""
    names: Names = field(default_factory=Names)
    licences: Mapping[str, str] = field(default_factory=dict)
    """By backbone; under '' that of all others."""

    def __post_init__(self) -> None:
        if not SUBMITTER.fullmatch(self.by):
            mend = "write lower-case letters, digits and single hyphens, as your name on GitHub"
            raise BoardError(f"{self.by!r} cannot be the name of a submitter; {mend}")


def submissions_of(run: Path, options: SubmitOptions) -> Submissions:
    """What a run has for a board; refuses what nobody could check."""
    folder = RunFolder(run)
    plan, results = folder.read_plan(), _results(folder)
    if plan.dataset.startswith(EPISODES):
        what = f"{shown(run)} is of one-shot episodes, each with a support of its own"
        raise BoardError(f"{what}, which a board does not hold; submit a run with draws of shots")
    chosen = _chosen(plan, results, options.backbones, run)
    _check_words(plan, options)
    record = _dataset(folder, plan, chosen, options.names)
    kept, notes = _complete(chosen)
    if not kept:
        raise BoardError(f"{shown(run)} has no head with all of its draws; run it to its end with partbench run")
    groups: dict[str, list[CellResult]] = defaultdict(list)
    for result in kept:
        groups[result.cell.backbone].append(result)
    found = tuple(_submission(folder, plan, group, options) for group in groups.values())
    return Submissions(found, record, (*notes, *_not_converged(kept)))


def _results(folder: RunFolder) -> list[CellResult]:
    results, damaged = folder.results()
    if damaged:
        rest = f" ({len(damaged)} such)" if len(damaged) > 1 else ""
        raise BoardError(f"the run is not whole{rest}: {damaged[0]}")
    others = Counter(r.provenance.get("protocol") for r in results if r.provenance.get("protocol") != PROTOCOL)
    for protocol, count in others.items():
        what = f"{count} cells of {shown(folder.path)} are of protocol {protocol}, where this partbench has {PROTOCOL}"
        raise BoardError(f"{what}; run it again")
    return results


def _chosen(plan: Plan, results: Sequence[CellResult], patterns: Sequence[str], run: Path) -> list[CellResult]:
    names = [name for name in plan.backbones if any(result.cell.backbone == name for result in results)]
    for pattern in patterns:
        if not any(pattern == name or fnmatchcase(name, pattern) for name in names):
            raise BoardError(f"no backbone of {shown(run)} matches '{pattern}'; there are {', '.join(names) or 'none'}")
    wanted = {n for n in names if not patterns or any(n == p or fnmatchcase(n, p) for p in patterns)}
    return [result for result in results if result.cell.backbone in wanted]


def _check_words(plan: Plan, options: SubmitOptions) -> None:
    """Refuse what is said of backbones that the run does not have: a slip would go unnoticed."""
    for option, said in (("--name", options.names.backbones), ("--licence", options.licences)):
        if strange := [name for name in said if name and name not in plan.backbones]:
            there = ", ".join(plan.backbones)
            raise BoardError(f"{option} '{strange[0]}=...' is of no backbone of the run; there are {there}")


def _complete(results: Sequence[CellResult]) -> tuple[list[CellResult], list[str]]:
    """The cells of heads and shots that have every draw of their backbone, and what of the others is to be said."""
    scored = [result for result in results if result.error is None]
    draws: dict[str, int] = defaultdict(int)
    for result in results:
        draws[result.cell.backbone] = max(draws[result.cell.backbone], result.cell.draw + 1)
    counts = Counter(result.key for result in scored)
    whole = {key for key, count in counts.items() if count == draws[key[0]]}
    left = sorted({result.key for result in results} - whole)
    notes = [
        f"{b} {h} at {s} shots is left out: {counts[b, h, s]} of {draws[b]} draws have a score" for b, h, s in left
    ]
    return [result for result in scored if result.key in whole], notes


def _not_converged(results: Sequence[CellResult]) -> list[str]:
    bad = unconverged(results)
    what = "cells did not converge; they are submitted, marked so, and ranks leave them out"
    return [f"{sum(bad.values())} of {len(results)} {what}"] if bad else []


def _dataset(folder: RunFolder, plan: Plan, results: Sequence[CellResult], names: Names) -> DatasetRecord:
    contents, classes = folder.read_contents(), folder.read_classes()
    scored = [result for result in results if result.error is None]
    if not scored:
        raise BoardError(f"{shown(folder.path)} has no score yet; run it to its end with partbench run")
    excluded = scored[0].excluded
    if not contents or contents_hash(classes, excluded, contents) != folder.read_data():
        what = f"{shown(folder.path)} does not say which images it read"
        raise BoardError(f"{what}; the same command of partbench run notes it, and keeps the scores")
    truth = pixels_of(scored[0])
    for result in scored:
        if pixels_of(result) != truth:
            what = f"{result.cell.slug} and {scored[0].cell.slug} of {shown(folder.path)} saw other masks"
            raise BoardError(f"{what}; delete the wrong one and run the same command again")
    tidied = {split: {n: (d[0], d[1]) for n, d in images.items()} for split, images in contents.items()}
    return DatasetRecord(names.dataset_of(plan.dataset), classes, excluded, plan.split, tidied, truth)


def _submission(folder: RunFolder, plan: Plan, group: Sequence[CellResult], options: SubmitOptions) -> Submission:
    """The submission of one backbone."""
    first, names = group[0], options.names
    old = first.cell.backbone
    own = replace(
        plan,
        dataset=names.dataset_of(plan.dataset),
        backbones=(names.backbone_of(old),),
        heads=tuple(dict.fromkeys(result.cell.head for result in group)),
        shots=tuple(sorted({result.cell.shots for result in group})),
        draws=1 + max(result.cell.draw for result in group),
    )
    most, weights = max(own.shots), first.provenance.get("weights")
    dates = [str(result.provenance.get("finished")) for result in group]
    words = names.words([plan.dataset], [old])
    if is_impostor(own.backbones[0], None if weights is None else str(weights)):
        raise BoardError(f"{old} cannot be submitted: {impostor(own.backbones[0])}; choose another --name")
    return Submission(
        by=options.by,
        date=max(dates)[:10],
        protocol=PROTOCOL,
        plan=own,
        data=str(folder.read_data()),
        weights=None if weights is None else str(weights),
        licence=licence_of(old, weights, options.licences),
        shots=tuple(draw[:most] for draw in folder.read_shots()[: own.draws]),
        cells=tuple(_cell(result, own, words) for result in group),
        findings=_findings(read_findings(folder.path), old, words),
        checks=_checks(folder.path, old, own.heads, plan.dataset, words),
    )


def _cell(result: CellResult, plan: Plan, words: Mapping[str, str]) -> CellResult:
    """The cell as a board keeps it."""
    provenance = {name: tidy(result.provenance[name], words) for name in KEPT if name in result.provenance}
    provenance |= {name: result.provenance.get(name) for name in SHARED} | {"plan": plan.hash}
    return replace(result, cell=replace(result.cell, backbone=plan.backbones[0]), provenance=provenance)


def _findings(findings: Findings | None, backbone: str, words: Mapping[str, str]) -> dict[str, Any] | None:
    """What the guards found of the images, the shots and this backbone; looks of images stay at home."""
    if findings is None:
        return None
    about = findings.about({IMAGES, SHOTS, backbone})
    record: dict[str, Any] = tidy(asdict(replace(about, hashes={})), words)
    return {**record, "flags": [dict(flag) for flag in record["flags"]]}


def _checks(
    run: Path, backbone: str, heads: Iterable[str], dataset: str, words: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """What of the backbone, its heads and the data was signed off, under new names and a seal of these."""
    wanted = {("backbone", backbone), ("dataset", dataset)} | {("head", head) for head in heads}
    record: dict[str, dict[str, Any]] = {}
    for one in run_signoffs(run):
        if (one.noun, one.name) in wanted:
            name, signoff = tidy(one.name, words), one.signoff
            kept = replace(signoff, name=name, outcomes=tidy(signoff.outcomes, words)) if signoff else None
            subject = tidy(asdict(one.subject), words)
            entry = {"subject": subject, "signoff": as_record(kept) if kept else None}
            record.setdefault(one.noun, {})[name] = entry
    return record
