"""What one submission must say of itself, and what its confusions must say with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ... import UserError
from ..files import UNREADABLE
from ..metrics.definitions import DEFAULT
from ..plan import HEADLESS, HIDDEN, NO_HEAD, PROTOCOL, takes_head
from ..plugins.signoff import from_record
from ..results import CellResult
from ..scores.convergence import shot_fit
from ..shots import ShotDraws
from .dataset_record import DatasetRecord, differences, shared_shots
from .drawn import shots_drawn
from .layout import ABSOLUTE, CARD, DATE, HEAD, MARK, SUBMITTER, texts_in
from .licences import impostor, is_impostor
from .reproduction import mark_faults
from .submission import Submission, can_be_parameters, read_json


def faults(submission: Submission, folder: Path, place: str, record: DatasetRecord | None) -> Iterator[str]:
    """Everything that is wrong with a submission that lies at `place`, a sentence each."""
    yield from _origin(submission, place)
    yield from _cells(submission)
    yield from _parameters(submission)
    yield from _words(submission)
    if record is not None:
        yield from _images(submission, record)
    yield from _printed(submission, folder)
    if (folder / MARK).is_file():
        yield from mark_faults(submission, read_json(folder / MARK))


def _origin(submission: Submission, place: str) -> Iterator[str]:
    """Whose it is, of what, and where it lies."""
    if submission.protocol != PROTOCOL:
        mend = "run it again, or check it with the partbench of that protocol"
        yield f"it is of protocol {submission.protocol}, where this partbench has {PROTOCOL}; {mend}"
    elif place != str(submission.path):
        yield f"it says that it lies at {submission.path}; put it there, and rename nothing"
    if not SUBMITTER.fullmatch(submission.by):
        yield f"{submission.by!r} cannot be the name of a submitter; submit again with another --by"
    dates = [str(result.provenance.get("finished"))[:10] for result in submission.cells]
    if not DATE.fullmatch(submission.date) or submission.date != max(dates):
        yield f"its date is {submission.date}, and its last cell was scored on {max(dates)}; submit the run again"
    if is_impostor(submission.backbone, submission.weights):
        yield f"{impostor(submission.backbone)}; submit it under another --name"
    if not submission.licence.strip():
        yield "it says no licence of its weights; submit again with --licence"


def _cells(submission: Submission) -> Iterator[str]:
    """Every cell of what it crosses, once, with the seed and the settings of its plan."""
    plan, seen = submission.plan, Counter(result.cell for result in submission.cells)
    if any((cell.head == NO_HEAD) is takes_head(submission.backbone) for cell in seen):
        takes = "takes a head" if takes_head(submission.backbone) else "takes no head"
        yield f"{submission.backbone} {takes}, and its cells say other; submit the run under the names that it has"
    if len(plan.backbones) != 1 or set(plan.heads) != {cell.head for cell in seen}:
        yield "its plan names other backbones or heads than its cells are of; submit the run again"
    elif set(plan.shots) != {cell.shots for cell in seen}:
        yield "its plan names other numbers of shots than its cells are of; submit the run again"
    for head, shots in dict.fromkeys((cell.head, cell.shots) for cell in seen):
        draws = sorted(cell.draw for cell in seen.elements() if (cell.head, cell.shots) == (head, shots))
        if draws != list(range(plan.draws)):
            missing = sorted({*range(plan.draws)} - {*draws})
            what = f"draws {', '.join(map(str, missing))} of {plan.draws} are missing" if missing else "has other draws"
            yield f"{head} at {shots} shots: {what}; submit every cell of the run"
    for result in submission.cells:
        known = {"seed": result.cell.seed(plan.seed), "schedule": plan.schedule, "scale": plan.scale}
        for name, value in known.items():
            if result.provenance.get(name) != value:
                found = result.provenance.get(name)
                yield f"{result.cell.slug} has {name} {found}, and its plan {value}; submit the run again"
        if not _fits(result):
            yield f"{result.cell.slug} does not say how it fits its shots; submit the run again"


def _parameters(submission: Submission) -> Iterator[str]:
    """The size of its network: one whole number, or none where it was not counted."""
    said = [n for r in submission.cells if (n := r.provenance.get("parameters")) is not None]
    if strange := [value for value in said if not can_be_parameters(value)]:
        yield f"no network has {strange[0]!r} parameters; submit the run again"
    elif len({*said}) > 1:
        yield f"its cells are of networks of {min(said)} and of {max(said)} parameters; submit the run again"
    elif said and submission.backbone in HEADLESS:
        yield f"{submission.backbone} has no network, and its cells say {said[0]} parameters; submit the run again"


def _fits(result: CellResult) -> bool:
    """Whether what a cell says of its fit can be read."""
    try:
        fit = shot_fit(result)
    except UNREADABLE:
        return False
    return fit is None or all(value is None or isinstance(value, (int, float)) for value in vars(fit).values())


def _words(submission: Submission) -> Iterator[str]:
    """Texts that no board shows, sign-offs that were edited, findings of other images."""
    said = json.loads(json.dumps([submission.record, [dict(r.provenance) for r in submission.cells]]))
    texts = dict.fromkeys(texts_in(said))
    for text in texts:
        if found := ABSOLUTE.search(text):
            yield f"it names a path of somebody's machine ({found[0]}); submit again under another name"
        if HIDDEN.search(text):
            yield f"it has a letter that no terminal shows, in {text!r}; submit again under another name"
    if submission.findings is not None and submission.findings.get("data") != submission.data:
        yield "what its guards found is of other images; submit the run again"
    for noun, entries in submission.checks.items():
        for name, entry in entries.items():
            try:
                signoff = from_record(entry["signoff"], name) if entry["signoff"] else None
            except UserError as error:
                yield str(error)
                continue
            if signoff and (signoff.noun, signoff.name) != (noun, name):
                yield f"the sign-off of {noun} {name} is of {signoff.name}; submit the run again"


def _images(submission: Submission, record: DatasetRecord) -> Iterator[str]:
    """The images of its dataset: classes, shots, and the pixels of every test image."""
    plan, classes = submission.plan, submission.cells[0].classes
    if (plan.dataset, submission.data, plan.split) != (record.name, record.data, record.split):
        yield f"it is of {plan.dataset} {submission.data}, and its folder of {record.name} {record.data}"
    if (classes, submission.cells[0].excluded) != (record.classes, record.excluded):
        yield "its classes are not those of its dataset; submit the run again"
    if len(record.tested) > plan.test or len(record.contents.get("pool", ())) > plan.pool:
        yield "its dataset has more images than its plan reads; submit the run again"
    if other := differences(record, submission):
        yield f"the true pixels of {len(other)} of its cells are not those of {record.name} ({other[0].slug} first)"
    yield from _shots(submission, record)


def _shots(submission: Submission, record: DatasetRecord) -> Iterator[str]:
    """The shots that it names are drawn as they should be, and are those that its cells saw."""
    plan, shots = submission.plan, submission.shots
    if len(shots) != plan.draws or any(len({*draw}) != max(plan.shots) for draw in shots):
        yield f"it does not name {max(plan.shots)} shots of each of {plan.draws} draws; submit the run again"
        return
    if strange := [name for draw in shots for name in draw if name not in record.contents.get("pool", {})]:
        yield f"the shot {strange[0]} is no image of the pool of {record.name}; submit the run again"
    if both := shared_shots(record, shots):
        yield f"{len(both)} shots are test images too ({both[0]}); such a score says nothing"
    drawn = shots_drawn(record, plan)
    if drawn is not None and drawn != shots:
        yield f"its shots are not those that seed {plan.seed} draws from {record.name}; submit the run again"
    manifest = ShotDraws(tuple(() for _ in shots), shots)
    for result in (r for r in submission.cells if r.cell.draw in range(len(shots))):
        if result.provenance.get("shots") != manifest.seen(result.cell.draw, result.cell.shots):
            yield f"{result.cell.slug} saw other shots than the submission names; submit the run again"


def _printed(submission: Submission, folder: Path) -> Iterator[str]:
    """What is printed is what the cells give, to the byte."""
    printed = read_json(folder / HEAD)
    found = list(_scores(printed.get("scores"), submission.scores))
    ours = json.loads(json.dumps(submission.record))
    other = [name for name in {**ours, **printed} if ours.get(name) != printed.get(name)]
    other = [name for name in other if name != "scores" or not found]
    yield from found
    if "counts" in other:
        yield "its cells.zip holds other cells than were submitted with it; put back its own"
    elif other:
        yield f"{HEAD} has another {other[0]} than its cells give; submit the run again"
    files = submission.texts()
    if not (found or other) and (folder / HEAD).read_bytes() != files[HEAD]:
        yield f"{HEAD} is not as partbench submit writes it; submit the run again"
    if not (found or other) and (folder / CARD).read_bytes() != files[CARD]:
        yield f"{CARD} says other than {HEAD}; submit the run again"


def _scores(printed: Any, recomputed: list[dict[str, Any]]) -> Iterator[str]:
    """Scores that are not what their confusions give."""
    rows = printed if isinstance(printed, list) else []
    said = {(row.get("head"), row.get("shots")): row for row in rows if isinstance(row, Mapping)}
    for row in recomputed:
        theirs = said.get((row["head"], row["shots"]), {})
        for name in (name for name in DEFAULT if theirs.get(name) != row[name]):
            what = f"{name} of {row['head']} at {row['shots']} shots is printed as {theirs.get(name)}"
            yield f"{what}, and its confusions give {row[name]}; print what was scored"
