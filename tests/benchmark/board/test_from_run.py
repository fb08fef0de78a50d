"""From a run to submissions: small, the same every time, and without a word of the machine that it ran on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.board.anonymous import Names
from partbench.benchmark.board.card import facts
from partbench.benchmark.board.cells_file import pack, unpack
from partbench.benchmark.board.from_run import Submissions, SubmitOptions, submissions_of
from partbench.benchmark.board.layout import CELLS, HEAD, BoardError
from partbench.benchmark.board.licences import SHIPPED, WITHOUT, is_impostor, licence_of
from partbench.benchmark.board.submission import Submission, read_submission
from partbench.benchmark.flags import IMAGES, Findings, GuardFlag, write_findings
from partbench.benchmark.plan import Plan
from partbench.benchmark.results import read_result
from partbench.benchmark.run_folder import RunFolder

PATH = "/home/somebody/cats/face.png"


@pytest.fixture
def run(drawn_run: Callable[..., Path], tmp_path: Path) -> Path:
    return drawn_run(tmp_path / "run", {"jigsaw": 0.7, "pixels": 0.3}, heads=("ridge", "knn"))


def submit(run: Path, **told: object) -> Submissions:
    return submissions_of(run, SubmitOptions("alice", **told))  # type: ignore[arg-type]


def local(run: Path) -> None:
    """The run is of the user's own images and weights."""
    folder, text = RunFolder(run), (run / "plan.json").read_text()
    results = folder.results()[0]
    (run / "plan.json").write_text(text.replace('"faces"', '"folder:/home/somebody/cats"').replace("jigsaw", NAME))
    plan = folder.read_plan()
    for result in results:
        backbone = result.cell.backbone.replace("jigsaw", NAME)
        facts = {**result.provenance, "plan": plan.hash, "origin": f"read from {PATH}"}
        folder.write(replace(result, cell=replace(result.cell, backbone=backbone), provenance=facts))
    flag = GuardFlag(IMAGES, "overlap", "folder:/home/somebody/cats has twins", (f"{PATH} is there twice",))
    write_findings(
        run, Findings(str(folder.read_data()), {NAME: f"{NAME} learnt from {PATH}"}, (flag,), {"a": "0" * 16})
    )


NAME = "jigsaw@/home/somebody/j.safetensors"
"""A backbone of the user's."""


def test_the_same_run_is_the_same_bytes(run: Path) -> None:
    """Whoever submits twice submits the same files, so that hashes can be compared."""
    first, second = submit(run), submit(run)
    assert [one.files() for one in first.found] == [one.files() for one in second.found]
    assert first.dataset.as_bytes() == second.dataset.as_bytes()


def test_a_submission_is_read_as_it_was_written(run: Path, tmp_path: Path) -> None:
    """Plan, shots, cells, provenance and counts survive; of the provenance only what a board keeps."""
    [submission, _] = submit(run).found
    for name, data in submission.files().items():
        (tmp_path / name).write_bytes(data)
    again = read_submission(tmp_path)
    assert again.plan == submission.plan == Plan(**{**asdict(RunFolder(run).read_plan()), "backbones": ("jigsaw",)})
    assert (again.shots, again.path, again.scores) == (submission.shots, submission.path, submission.scores)
    for ours, theirs in zip(again.cells, submission.cells, strict=True):
        assert (ours.cell, ours.classes) == (theirs.cell, theirs.classes)
        assert {**ours.provenance} == {**theirs.provenance}
        assert ours.confusion is not None and theirs.confusion is not None
        assert np.array_equal(ours.confusion, theirs.confusion)


def test_printed_scores_are_those_of_the_leaderboard(run: Path) -> None:
    """The mean over draws of the usual metrics, to the digit."""
    from partbench.benchmark.scores.leaderboard import estimates

    [submission, _] = submit(run).found
    scores = estimates(RunFolder(run).results()[0], "mean")
    for row in submission.scores:
        assert row["mean"] == round(scores["jigsaw", row["head"], row["shots"]].mean, 3)


def test_counts_are_kept_in_the_narrowest_integers(run: Path) -> None:
    """Large counts survive as small ones do."""
    [submission, _] = submit(run).found
    large = [replace(r, confusion=r.confusion * 10**5) for r in submission.cells if r.confusion is not None]
    first = submission.cells[0]
    for cells in (submission.cells, large):
        [again, *_] = unpack(pack(cells), "jigsaw", first.classes, first.excluded, {})
        assert np.array_equal(again.confusion, cells[0].confusion)  # type: ignore[arg-type]


def test_no_path_leaves_the_machine(run: Path) -> None:
    """Names are what the submitter says, texts keep the last part of a path, and looks of images stay at home."""
    local(run)
    names = Names("cats", {NAME: "jigsaw@mine"})
    made = submit(run, names=names, licences={"": "CC0-1.0"})
    everything = made.dataset.as_bytes() + b"".join(
        data for one in made.found for name, data in one.files().items() if name != CELLS
    )
    said = [dict(result.provenance) for one in made.found for result in one.cells]
    text = everything.decode() + json.dumps(said)
    assert "somebody" not in text and "face.png" in text
    assert [one.backbone for one in made.found] == ["jigsaw@mine", "pixels"]
    assert {one.plan.dataset for one in made.found} == {"cats"}
    guards = made.found[0].findings
    assert guards is not None
    assert (list(guards["checked"]), guards["hashes"]) == (["jigsaw@mine"], {})


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"names": Names("cats")},
        {"names": Names("", {NAME: "jigsaw@mine"})},
        {"names": Names("cats", {NAME: "jigsaw@other/j.pt"})},
    ],
)
def test_a_path_needs_a_name(run: Path, told: dict[str, object]) -> None:
    """A dataset or a backbone that is called by a path is refused until it has another name."""
    local(run)
    with pytest.raises(BoardError):
        submit(run, licences={"": "MIT"}, **told)


@pytest.mark.parametrize("name", ["/data/cats", "folder:cats", "~cats", "faces", "cars#mine"])
def test_a_dataset_is_called_by_no_path_and_by_no_name_of_ours(name: str) -> None:
    """Nor by that of images that partbench draws."""
    with pytest.raises(BoardError):
        Names(name)


def test_a_licence_is_known_or_told(run: Path) -> None:
    """Of shipped weights and of controls it is known; of others somebody has to say it."""
    assert [one.licence for one in submit(run).found] == ["MIT, shipped with partbench", "no weights"]
    local(run)
    names = Names("cats", {NAME: "jigsaw@mine"})
    for cell in [*RunFolder(run).results()[0]]:
        facts = {**cell.provenance, "weights": "0" * 16} if cell.cell.backbone == NAME else cell.provenance
        RunFolder(run).write(replace(cell, provenance=facts))
    with pytest.raises(BoardError):
        submit(run, names=names)
    assert submit(run, names=names, licences={NAME: "CC-BY-4.0"}).found[0].licence == "CC-BY-4.0"


def test_what_is_said_of_no_backbone_is_refused(run: Path) -> None:
    """A slip in a name or a licence would go unnoticed; and what is known needs nobody's word."""
    for told in (
        {"names": Names("", {"jigsaww": "mine"})},
        {"licences": {"jigsaww": "MIT"}},
        {"licences": {"jigsaw": "GPL"}},
    ):
        with pytest.raises(BoardError):
            submit(run, **told)


def test_weights_go_under_no_name_of_a_control(run: Path) -> None:
    """A control is a yardstick, and nobody else's weights are it."""
    for name in ("pixels", "position", "random:jigsaw", "pixels-position", "vae"):
        with pytest.raises(BoardError):
            submit(run, backbones=("jigsaw",), names=Names("", {"jigsaw": name}))


def test_what_was_never_trained_needs_no_licence() -> None:
    """Be it a twin, a control in a wrapper, or a family's untrained network."""
    for name in ("random:vae", "pixels-position", "diffusers:ddpm,untrained", "taesd:untrained"):
        assert licence_of(name, None, {}) == WITHOUT
    with pytest.raises(BoardError):
        licence_of("untrained-net", None, {})


def test_weights_that_were_shipped_once_are_known() -> None:
    """A board keeps scores of former files, under the same name and another hash; no other file has that name."""
    assert not is_impostor("jigsaw", "7b1138b0fb79b6db")
    assert licence_of("jigsaw", "7b1138b0fb79b6db", {}) == SHIPPED
    assert is_impostor("jigsaw", "0" * 16) and is_impostor("jigsaw+position", None)
    assert not is_impostor("jigsaw@mine", "0" * 16)


def test_a_wrapper_leaves_a_backbone_its_weights() -> None:
    """What enlarges its maps has a hash of its own behind a plus, and a file in the name."""
    for name in ("jigsaw+anyup", "jigsaw+anyup@mine.pth", "jigsaw-position20+anyup@mine.pth+position"):
        assert not is_impostor(name, "7b1138b0fb79b6db+" + "a" * 16)
        assert is_impostor(name, "0" * 16 + "+" + "a" * 16)
    for name in ("jigsaw@j.pt-position", "jigsaw@j.safetensors-position20+position"):
        with pytest.raises(BoardError):
            Names().backbone_of(name)


def test_heads_without_all_of_their_draws_stay_at_home(run: Path) -> None:
    """A failed cell is told, and the draws beside it are not submitted alone."""
    folder = RunFolder(run)
    first = next(r for r in folder.results()[0] if r.cell.backbone == "jigsaw")
    folder.write(replace(first, error="it broke", confusion=None))
    made = submit(run)
    assert len(made.notes) == 1
    assert [len(one.cells) for one in made.found] == [6, 8]
    assert {row["draws"] for one in made.found for row in one.scores} == {2}


def test_heads_that_did_not_converge_are_said(run: Path) -> None:
    """They are submitted with their mark."""
    folder = RunFolder(run)
    for result in folder.results()[0]:
        fit = {"steps": 9, "settled": False, "loss": 2.0, "iou": 0.1, "constant": 0.1, "accuracy": 0.2}
        folder.write(replace(result, provenance={**result.provenance, "fit": fit}))
    made = submit(run)
    assert len(made.notes) == 1
    assert b"ranks leave it out" in made.found[0].files()["README.md"]


def damage(run: Path) -> None:
    next((run / "cells").glob("*.json")).write_text("{")


def age(run: Path) -> None:
    folder = RunFolder(run)
    for result in folder.results()[0]:
        folder.write(replace(result, provenance={**result.provenance, "protocol": 4}))


def forget(run: Path) -> None:
    record = json.loads((run / "plan.json").read_text())
    del record["contents"]
    (run / "plan.json").write_text(json.dumps(record))


def confuse(run: Path) -> None:
    folder = RunFolder(run)
    first = folder.results()[0][0]
    assert first.confusion is not None
    folder.write(replace(first, confusion=first.confusion + 1))


def episodes(run: Path) -> None:
    text = (run / "plan.json").read_text()
    (run / "plan.json").write_text(text.replace('"faces"', '"matcher-faces#0"'))
    own = RunFolder(run).read_plan().hash
    for file in (run / "cells").glob("*.json"):
        result = read_result(file)
        RunFolder(run).write(replace(result, provenance={**result.provenance, "plan": own}))


@pytest.mark.parametrize("spoil", [damage, age, forget, confuse, episodes])
def test_what_nobody_could_check_is_refused(run: Path, spoil: Callable[[Path], None]) -> None:
    """Damaged cells, another protocol, images that are not written down, masks that differ, episodes."""
    spoil(run)
    with pytest.raises(BoardError):
        submit(run)


def test_backbones_are_chosen_by_patterns(run: Path) -> None:
    """A pattern that matches nothing is a mistake."""
    assert [one.backbone for one in submit(run, backbones=("pix*",)).found] == ["pixels"]
    with pytest.raises(BoardError):
        submit(run, backbones=("vae",))


def test_a_submission_is_small(run: Path) -> None:
    """The shots and scores are a few bytes, and a cell of 8 images takes less than a kB of the file of counts."""
    [submission, _] = submit(run).found
    files = submission.files()
    assert len(files[CELLS]) / len(submission.cells) < 1000
    assert len(files[HEAD]) < 4000


def test_a_card_says_which_facts_others_made(run: Path) -> None:
    """Whose codes were read, where this machine's are not all; a fact that no cell has takes no line."""
    [submission, _] = submit(run).found
    assert "codes by others" not in {name for name, _ in facts(submission)}
    others = {"codes by others": ["NVIDIA H100", "Xeon"]}
    cells = tuple(replace(r, provenance={**r.provenance, **others}) for r in submission.cells)
    assert dict(facts(replace(submission, cells=cells)))["codes by others"] == "NVIDIA H100; Xeon"


def test_a_card_shows_names_as_they_are(run: Path) -> None:
    """Nothing that a run says is markup."""
    [submission, _] = submit(run).found
    cells = tuple(replace(r, provenance={**r.provenance, "origin": "<script>|*x*"}) for r in submission.cells)
    card = replace(submission, cells=cells).files()["README.md"].decode()
    assert "<script>" not in card and "*x*" not in card
    assert isinstance(submission, Submission)
