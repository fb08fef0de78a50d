"""`partbench check`: runs the contract checks of records and writes a sign-off."""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ....heads.head import Head
from ...plugins.backbone_names import NamingError
from ...plugins.calls import plugin_call, warn
from ...plugins.catalogue import Catalogue, Offer, load_catalogue
from ...plugins.contract import CheckOutcome, Record, examine, noun_of
from ...plugins.identity import subject_of
from ...plugins.names import family_of, find_backbone, find_dataset, find_head
from ...plugins.patterns import backbone_names, expand
from ...plugins.signoff import Signoff, as_record, list_hash, stored, write_signoff
from ..terminal import open_console


def find(catalogue: Catalogue, name: str) -> Offer[Any]:
    """The record of this name, whichever shelf it stands on."""
    if name in catalogue.heads:
        return find_head(catalogue, name)
    if family_of(name) in catalogue.datasets:
        return find_dataset(catalogue, name)
    try:
        return find_backbone(catalogue, name)
    except NamingError as error:
        raise NamingError(f"{error} (nor is there a head or a dataset of that name)") from None


def names_of(catalogue: Catalogue, pattern: str) -> tuple[str, ...]:
    """The records that a name or pattern stands for; a family's examples where it asks for all of a family."""
    offers = catalogue.backbones.items()
    examples = (f"{name}:{variant}" for name, offer in offers for variant in offer.record.examples)
    names = (*catalogue.heads, *backbone_names(catalogue), *examples)
    return expand([pattern], names, "head or backbone")


def show(pattern: str, out: Path | None, as_json: bool) -> int:
    """Run every check on every record, say which fail and sign off; 1 if any fails that is not declared to."""
    catalogue, console = load_catalogue(), open_console(quiet=as_json)
    names = names_of(catalogue, pattern)
    if out and len(names) > 1:
        raise NamingError(f"--out takes one sign-off, and '{pattern}' is {len(names)} names; check them one by one")
    signed: list[Signoff] = []
    for name in names:
        if len(names) > 1:
            console.print(escape(name), style="bold")
        offer = find(catalogue, name)
        signed.append(sign_off(name, offer, _run_checks(offer.record, console)))
    for file in (stored(signed[0].noun, signed[0].name, signed[0].subject.data), out) if len(signed) == 1 else ():
        if file and (file == out or file.exists()):
            console.print(f"signed off in {escape(str(file))}", style="dim", soft_wrap=True)
    if out:
        write_signoff(out, signed[0])
    if as_json:
        listed = [as_record(one) for one in signed]
        print(json.dumps(listed if len(names) > 1 else listed[0], indent=1))
    return int(any(one.failing for one in signed))


def _run_checks(record: Record, console: Console) -> list[CheckOutcome]:
    """The outcome of every check, told as soon as it is known."""
    outcomes = []
    for outcome in examine(record):
        outcomes.append(outcome)
        colour = "yellow" if outcome.reason and outcome.good else "green" if outcome.good else "red"
        why = [f"known: {outcome.reason}"] if outcome.reason else []
        text = "; ".join(filter(None, [outcome.error, *why]))
        console.print(f"{outcome.check:20} [{colour}]{outcome.word}[/]{'  ' * bool(text)}{escape(text)}")
    if isinstance(record, Head) and all(outcome.good for outcome in outcomes):
        console.print(f"{'trains on a GPU':20} {escape(_training_of(record))}", soft_wrap=True)
    return outcomes


def _training_of(head: Head) -> str:
    from ....heads.checks import training_of

    with plugin_call(head.name):
        return training_of(head)


def sign_off(name: str, offer: Offer[Any], outcomes: list[CheckOutcome]) -> Signoff:
    """The sign-off of a record, kept where leaderboards look for it."""
    noun = noun_of(offer.record)
    signoff = Signoff(
        noun=noun,
        name=name,
        subject=subject_of(offer),
        checks=list_hash(noun),
        partbench=version("partbench"),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        outcomes={o.check: {"word": o.word, "error": o.error, "reason": o.reason} for o in outcomes},
    )
    file = stored(noun, name, signoff.subject.data)
    try:
        write_signoff(file, signoff)
    except OSError as error:
        warn(f"the sign-off is not kept in {file} ({error.strerror}); --out writes it elsewhere")
    return signoff
