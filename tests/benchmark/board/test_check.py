"""A board is checked from its files: what was tampered with is refused, and what was not passes."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from partbench.benchmark.board import cells_file
from partbench.benchmark.board.check import check_board
from partbench.benchmark.board.dataset_record import DatasetRecord, read_dataset
from partbench.benchmark.board.duplicates import Fingerprints
from partbench.benchmark.board.from_run import SubmitOptions, submissions_of
from partbench.benchmark.board.layout import CARD, CELLS, DATASET, HEAD, MARK, ROOT
from partbench.benchmark.board.submission import Submission, read_submission
from partbench.benchmark.board.writing import files_of, write
from partbench.benchmark.results import CellResult
from partbench.benchmark.shots import ShotDraws


class Desk(NamedTuple):
    """A pull request of bob's beside the main board, to which alice has submitted before."""

    board: Path
    main: Path
    mine: Path
    """Bob's submission."""
    others: Path
    """One of alice's."""


def submit(run: Path, board: Path, by: str) -> list[Path]:
    """Submit a run, as the command does."""
    written = []
    for submission, files in files_of(submissions_of(run, SubmitOptions(by)), board):
        write(board, files)
        written.append(board / submission.path)
    return written


@pytest.fixture(scope="module")
def fresh(drawn_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both boards, to be copied."""
    base = tmp_path_factory.mktemp("desk")
    (base / "main" / ROOT).mkdir(parents=True)
    (base / "main" / "workflow.yml").write_text("on: pull_request")
    submit(drawn_run(base / "alice", {"jigsaw": 0.8, "copy": 0.3}), base / "main", "alice")
    shutil.copytree(base / "main", base / "board")
    submit(drawn_run(base / "bob", {"vae": 0.6}, heads=("ridge", "knn")), base / "board", "bob")
    return base


@pytest.fixture
def desk(fresh: Path, tmp_path: Path) -> Desk:
    shutil.copytree(fresh, tmp_path / "desk")
    board, main = tmp_path / "desk" / "board", tmp_path / "desk" / "main"
    mine, others = (next(board.glob(f"{ROOT}/*/*/{name}@*/*")) for name in ("vae", "jigsaw"))
    return Desk(board, main, mine, others)


def rewrite(folder: Path, change: Callable[[Submission], Submission], place: Path | None = None) -> Path:
    """Lie consistently: all files are written anew for the changed submission, at its own place or this."""
    board, changed = folder.parents[4], change(read_submission(folder))
    shutil.rmtree(folder)
    target = place or board / changed.path
    target.mkdir(parents=True)
    for name, data in changed.files().items():
        (target / name).write_bytes(data)
    return target


def edit(file: Path, change: Callable[[Any], Any]) -> None:
    """Edit a JSON file alone, in the way in which it was written."""
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record, indent=1) + "\n")


def cells(change: Callable[[CellResult], CellResult]) -> Callable[[Submission], Submission]:
    return lambda submission: replace(submission, cells=tuple(map(change, submission.cells)))


def better(result: CellResult) -> CellResult:
    """Half of the errors of every image, put right in its truth's own row."""
    assert result.confusion is not None
    right = result.confusion.copy()
    diagonal = np.einsum("nkk->nk", right)
    diagonal += (right.sum(-1) - diagonal) // 2
    return replace(result, confusion=right)


def said(**facts: Any) -> Callable[[Submission], Submission]:
    """Cells with other provenance."""
    return cells(lambda result: replace(result, provenance={**result.provenance, **facts}))


def first_cell(**facts: Any) -> Callable[[Submission], Submission]:
    """The same for one cell alone."""
    return lambda one: replace(one, cells=(*said(**facts)(replace(one, cells=one.cells[:1])).cells, *one.cells[1:]))


def other_shots(names: Callable[[DatasetRecord], list[str]]) -> Callable[[Desk], None]:
    """Name shots of one's choice, with the hashes that fit them."""

    def tamper(desk: Desk) -> None:
        chosen = names(read_dataset(desk.mine.parents[1] / DATASET))
        shots = ((chosen[0], chosen[1]), (chosen[2], chosen[3]))
        manifest = ShotDraws(((), ()), shots)

        def seen(result: CellResult) -> CellResult:
            return replace(
                result,
                provenance={**result.provenance, "shots": manifest.seen(result.cell.draw, result.cell.shots)},
            )

        rewrite(desk.mine, lambda one: replace(one, shots=shots, cells=tuple(map(seen, one.cells))))

    return tamper


def other_images(change: Callable[[DatasetRecord], DatasetRecord]) -> Callable[[Desk], None]:
    """Be the first to submit on images of one's own, under the name of drawn ones and the hash that fits."""

    def tamper(desk: Desk) -> None:
        record = change(read_dataset(desk.mine.parents[1] / DATASET))
        wide = np.array(record.truth)

        def seen(result: CellResult) -> CellResult:
            confusion = np.einsum("nk,kj->nkj", wide, np.eye(wide.shape[1], dtype=np.int64))
            return replace(result, confusion=confusion, provenance={**result.provenance, "data": record.data})

        guards = {"data": record.data, "checked": {}, "flags": [], "hashes": {}}
        target = rewrite(desk.mine, lambda one: replace(cells(seen)(one), data=record.data, findings=guards))
        (target.parents[1] / DATASET).write_bytes(record.as_bytes())

    return tamper


def swap(desk: Desk) -> None:
    shutil.copy(desk.others / CELLS, desk.mine / CELLS)


def pack(desk: Desk, change: Callable[[Submission], Submission]) -> None:
    """Change the cells, and nothing that is said of them."""
    one = read_submission(desk.mine)
    own = [cells_file.without(result, one.shared) for result in change(one).cells]
    (desk.mine / CELLS).write_bytes(cells_file.pack(own))


def bomb(desk: Desk) -> None:
    """A file that says that its last member unpacks to a GiB."""
    data = bytearray((desk.mine / CELLS).read_bytes())
    size = data.rfind(b"PK\x01\x02") + 24
    data[size : size + 4] = (2**30).to_bytes(4, "little")
    (desk.mine / CELLS).write_bytes(data)


def endless(desk: Desk) -> None:
    """Counts whose header announces what no memory holds."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<u4", "fortran_order": False, "shape": (2**40, 9, 9, 8)})
    with zipfile.ZipFile(desk.mine / CELLS) as archive:
        said = archive.read("cells.json")
    with zipfile.ZipFile(desk.mine / CELLS, "w") as archive:
        archive.writestr("cells.json", said)
        archive.writestr("confusions.npy", header.getvalue())


def rename(folder: Path, name: str) -> None:
    folder.rename(folder.with_name(name))


def renamed(name: str) -> Callable[[Submission], Submission]:
    """Another backbone's name, everywhere."""

    def change(one: Submission) -> Submission:
        plan = replace(one.plan, backbones=(name,))
        own = cells(lambda result: replace(result, cell=replace(result.cell, backbone=name)))
        return said(plan=plan.hash)(own(replace(one, plan=plan)))

    return change


def twin_of(desk: Desk, keep: int = 0, name: str = "mine") -> None:
    """Alice's confusions under a name of bob's; the first so many images of each cell are his own."""
    theirs = read_submission(desk.others)
    weights = "0123456789abcdef"

    def own(result: CellResult) -> CellResult:
        one = better(result)
        assert one.confusion is not None and result.confusion is not None
        mixed = np.concatenate([one.confusion[:keep], result.confusion[keep:]])
        return replace(
            result,
            cell=replace(result.cell, backbone=name),
            confusion=mixed,
            provenance={**result.provenance, "weights": weights},
        )

    plan = replace(theirs.plan, backbones=(name,))
    shutil.rmtree(desk.mine)
    changed = replace(cells(own)(theirs), plan=plan, weights=weights, by="bob")
    for file, data in changed.files().items():
        target = desk.board / changed.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def drop_a_draw(submission: Submission) -> Submission:
    kept = [r for r in submission.cells if (r.cell.head, r.cell.shots, r.cell.draw) != ("ridge", 1, 1)]
    return replace(submission, cells=tuple(kept))


def best_draw_twice(submission: Submission) -> Submission:
    """The first draw in place of the second."""
    firsts = {(r.cell.head, r.cell.shots): r for r in submission.cells if r.cell.draw == 0}
    return replace(submission, cells=tuple(firsts[r.cell.head, r.cell.shots] for r in submission.cells))


def link(desk: Desk) -> None:
    (desk.mine / CARD).unlink()
    (desk.mine / CARD).symlink_to("/etc/hostname")


def sign(submission: Submission) -> Submission:
    """A sign-off that nobody gave."""
    subject = {"provider": "partbench 0.1.0", "weights": submission.weights, "data": None, "code": None}
    signoff = {
        "format": 1, "noun": "backbone", "name": "vae", "subject": subject, "checks": "", "partbench": "0.1.0",
        "date": "2026-11-01", "outcomes": {}, "seal": "0" * 64,
    }  # fmt: skip
    return replace(submission, checks={"backbone": {"vae": {"subject": subject, "signoff": signoff}}})


def one_class_less(record: DatasetRecord) -> DatasetRecord:
    return replace(record, excluded=("background",))


def easier(record: DatasetRecord) -> DatasetRecord:
    """Without the first test image."""
    test = dict([*record.contents["test"].items()][1:])
    return replace(record, contents={**record.contents, "test": test}, truth=record.truth[1:])


def painted(record: DatasetRecord) -> DatasetRecord:
    """A test image of one's own."""
    test = {**record.contents["test"], record.tested[0]: ("0" * 16, "1" * 16)}
    return replace(record, contents={**record.contents, "test": test})


def repainted(record: DatasetRecord) -> DatasetRecord:
    """All pixels are background, and the digests of the masks are kept."""
    rows = tuple((sum(row), *(0 for _ in row[1:])) for row in record.truth)
    return replace(record, truth=rows)


def score(record: Any) -> None:
    record["scores"][0]["mean"] += 1


FIT = ("steps", "settled", "loss", "iou", "constant", "accuracy")
TAMPERINGS: dict[str, tuple[str, Callable[[Desk], Any]]] = {
    "a score is raised": ("mean of", lambda d: edit(d.mine / HEAD, score)),
    "a score is taken out": ("mean of", lambda d: edit(d.mine / HEAD, lambda r: r["scores"].pop(0))),
    "the card boasts": (CARD, lambda d: (d.mine / CARD).write_text((d.mine / CARD).read_text() + "The best.\n")),
    "counts are put right": ("mean of", lambda d: pack(d, cells(better))),
    "counts of other pixels": (
        "true pixels",
        lambda d: rewrite(d.mine, cells(lambda r: replace(r, confusion=np.eye(10, dtype=int)[None].repeat(8, 0)))),
    ),
    "fewer images are counted": (
        "true pixels",
        lambda d: rewrite(d.mine, cells(lambda r: replace(r, confusion=r.confusion[:5]))),  # type: ignore[index]
    ),
    "the cells of another": ("mean of", swap),
    "cells are no zip": ("read", lambda d: (d.mine / CELLS).write_bytes(b"PK")),
    "cells unpack without end": ("MiB", bomb),
    "counts without end": ("cannot be read", endless),
    "a cell is missing": ("missing", lambda d: rewrite(d.mine, drop_a_draw)),
    "a cell is missing from the file alone": ("missing", lambda d: pack(d, drop_a_draw)),
    "the best draw is there twice": ("missing", lambda d: rewrite(d.mine, best_draw_twice)),
    "a head that has no cell": (
        "heads",
        lambda d: rewrite(d.mine, lambda s: replace(s, plan=replace(s.plan, heads=("ridge", "knn", "cnn-l")))),
    ),
    "a foreign protocol": ("protocol 4", lambda d: rewrite(d.mine, lambda s: replace(s, protocol=4))),
    "the folder of another protocol": ("lies at", lambda d: rename(d.mine.parents[2], "5-0123456789abcdef")),
    "a renamed backbone": ("lies at", lambda d: rename(d.mine.parent, d.mine.parent.name.replace("vae", "best"))),
    "a renamed dataset": ("rename nothing", lambda d: rename(d.mine.parents[1], "cars@0123456789abcdef")),
    "another submitter's folder": ("lies at", lambda d: rename(d.mine, "carol-2026-11-02")),
    "confusions of another under a new name": ("under another name", twin_of),
    "the same, some images changed": ("under another name", lambda d: twin_of(d, keep=3)),
    "a shipped name with other weights": (
        "what partbench ships",
        lambda d: rewrite(d.mine, lambda s: said(weights="0" * 16)(replace(s, weights="0" * 16))),
    ),
    "a control with weights": ("a control", lambda d: rewrite(d.mine, renamed("pixels"))),
    "an untrained network with weights": ("a control", lambda d: rewrite(d.mine, renamed("random:vae"))),
    "a head on what takes none": ("takes no head", lambda d: rewrite(d.mine, renamed("copy"))),
    "shots of one's choice": ("seed 0", other_shots(lambda record: [*record.contents["pool"]][:4])),
    "shots that are tested": ("test images", other_shots(lambda record: [*record.tested][:4])),
    "shots that are nowhere": ("no image of the pool", other_shots(lambda record: ["a", "b", "c", "d"])),
    "a cell that saw other shots": ("saw other shots", lambda d: rewrite(d.mine, said(shots="0" * 16))),
    "a lucky seed": ("seed 7", lambda d: rewrite(d.mine, said(seed=7))),
    "another schedule": ("schedule", lambda d: rewrite(d.mine, said(schedule="paper"))),
    "a network of fewer than no parameters": ("no network has -5", lambda d: rewrite(d.mine, said(parameters=-5))),
    "half a parameter": ("no network has 0.5", lambda d: rewrite(d.mine, said(parameters=0.5))),
    "a network that no machine holds": ("no network has 1000000", lambda d: rewrite(d.mine, said(parameters=10**18))),
    "parameters in words": ("no network has '2 M'", lambda d: rewrite(d.mine, said(parameters="2 M"))),
    "networks of two sizes": ("of networks of 7 and of 1670947", lambda d: rewrite(d.mine, first_cell(parameters=7))),
    "a network in a control that has none": ("copy has no network", lambda d: rewrite(
        d.mine, lambda s: said(parameters=5)(renamed("copy")(s))
    )),
    "a fit that is none": ("fits", lambda d: pack(d, said(fit={"iou": 1.0}))),
    "a test image of one's own": ("as partbench draws", other_images(painted)),
    "an easier test set": ("first ones", other_images(easier)),
    "masks of one class": ("other pixels", other_images(repainted)),
    "a class that does not count": ("classes", other_images(one_class_less)),
    "the board's own truth": ("by what it holds", lambda d: edit(
        d.mine.parents[1] / DATASET, lambda r: r["contents"]["test"].popitem() and r["truth"].pop()
    )),
    "no truth at all": (DATASET, lambda d: (d.mine.parents[1] / DATASET).unlink()),
    "a fit in words": ("fits", lambda d: pack(d, said(fit=dict.fromkeys(FIT, "well")))),
    "a path of somebody's machine": ("path", lambda d: rewrite(d.mine, said(origin="/home/bob/vae.pt"))),
    "a letter that steers a terminal": ("no terminal", lambda d: rewrite(d.mine, said(origin="vae\x1b[2J"))),
    "no licence": ("licence", lambda d: rewrite(d.mine, lambda s: replace(s, licence=" "))),
    "another date": ("date", lambda d: rewrite(d.mine, lambda s: replace(s, date="2031-01-01"))),
    "a submitter with a path": (
        "submitter", lambda d: rewrite(d.mine, lambda s: replace(s, by="Bob Bobson"), d.mine)
    ),
    "a sign-off that nobody gave": ("sign-off", lambda d: rewrite(d.mine, sign)),
    "guards of other images": (
        "guards",
        lambda d: rewrite(d.mine, lambda s: replace(s, findings={**(s.findings or {}), "data": "abc"})),
    ),
    "a word more": ("proud", lambda d: edit(d.mine / HEAD, lambda r: r.update(proud=True))),
    "no number": ("number", lambda d: (d.mine / HEAD).write_text('{"format": NaN}')),
    "another format": ("format", lambda d: edit(d.mine / HEAD, lambda r: r.update(format=2))),
    "a missing file": (CARD, lambda d: (d.mine / CARD).unlink()),
    "a picture": ("belongs to", lambda d: (d.mine / "face.png").write_bytes(b"png")),
    "a link": ("link", link),
    "a file without end": ("bytes", lambda d: (d.mine / CARD).write_bytes(bytes(2**20))),
    "a mark of one's own": ("mark", lambda d: (d.mine / MARK).write_text("{}")),
    "others changed": ("changed", lambda d: edit(d.others / HEAD, score)),
    "others deleted": ("deleted", lambda d: shutil.rmtree(d.others)),
    "others added to": ("mark", lambda d: (d.others / MARK).write_text("{}")),
    "a workflow with it": ("no submission", lambda d: (d.board / "workflow.yml").write_text("on: push")),
}  # fmt: skip
"""What is done to a board, with a word of what is said of it."""


def test_an_honest_pull_request_passes(desk: Desk) -> None:
    """Nothing is refused, nothing is left open, what is new is counted, and compared with its neighbours."""
    found = check_board(desk.board, desk.main)
    assert (found.problems, found.notes) == ([], [])
    assert (found.submissions, [one.by for one in found.new], found.cells) == (3, ["bob"], 8)
    assert len(found.sections) == 1
    assert "jigsaw" in found.sections[0] and "copy" in found.sections[0]


def test_a_whole_board_passes(desk: Desk) -> None:
    """Without a main board every submission is checked."""
    found = check_board(desk.board)
    assert (found.problems, len(found.new), found.cells) == ([], 3, 16)


def test_there_are_thirty_tamperings() -> None:
    """And more; each has a name of its own."""
    assert len(TAMPERINGS) >= 30


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_tampered_with_is_refused(desk: Desk, name: str) -> None:
    """In a sentence that says what is wrong; where a file is shown, it is the one that was touched."""
    word, tamper = TAMPERINGS[name]
    tamper(desk)
    found = check_board(desk.board, desk.main)
    assert any(word in problem.text or problem.path.endswith(word) for problem in found.problems), found.problems


def test_the_first_on_unknown_images_is_pointed_out(desk: Desk) -> None:
    """Images whose facts nobody has are no fault, and are said to be known from their submitter alone."""

    def own(record: DatasetRecord) -> DatasetRecord:
        return replace(record, name="cats")

    record = own(read_dataset(desk.mine.parents[1] / DATASET))
    plan = replace(read_submission(desk.mine).plan, dataset="cats")
    target = rewrite(desk.mine, lambda one: said(plan=plan.hash)(replace(one, plan=plan)))
    (target.parents[1] / DATASET).write_bytes(record.as_bytes())
    found = check_board(desk.board, desk.main)
    assert (found.problems, len(found.notes)) == ([], 1)


def test_the_same_backbone_once_more_is_no_copy(desk: Desk, drawn_run: Callable[..., Path], tmp_path: Path) -> None:
    """Equal confusions of equal weights are a reproduction by another: taken, and pointed out."""
    submit(drawn_run(tmp_path / "again", {"jigsaw": 0.8}), desk.board, "carol")
    found = check_board(desk.board, desk.main)
    assert (found.problems, len(found.notes)) == ([], 1)


def test_shipped_weights_own_their_confusions(desk: Desk) -> None:
    """Whoever submitted them first under another name is refused, and not who says what they are."""
    twin_of(desk, name="alike")
    found = check_board(desk.board)
    assert [problem.path.split("/")[3].partition("@")[0] for problem in found.problems] == ["alike"]


def test_few_images_of_the_same_weights_are_enough(desk: Desk) -> None:
    """Of other weights two alike images may be chance; of the same weights all of them are a copy."""

    def few(weights: str, name: str) -> Submission:
        one = renamed(name)(replace(read_submission(desk.others), weights=weights))
        return cells(lambda r: replace(r, confusion=r.confusion[:1]))(replace(one, cells=one.cells[:2]))  # type: ignore[index]

    prints = Fingerprints()
    assert prints.twin(few("a", "first"), few("a", "first")) is None
    assert prints.twin(few("b", "other"), few("b", "other")) is None
    copied = prints.twin(few("a", "second"), few("a", "second"))
    assert copied is not None and copied.backbone == "first"


def test_a_change_to_the_rest_of_a_board_is_none_to_check(desk: Desk) -> None:
    """Whoever changes no submission is looked at by the board's keepers."""
    shutil.rmtree(desk.mine.parent)
    (desk.board / "workflow.yml").write_text("on: push")
    found = check_board(desk.board, desk.main)
    assert (found.problems, found.new) == ([], [])
