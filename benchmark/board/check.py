"""Checks a board, or what a pull request adds to it: from its files alone, without a network and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ... import one_line
from ..files import UNREADABLE
from .dataset_record import DatasetRecord, read_dataset
from .drawn import contradictions, is_drawn, not_known
from .duplicates import Fingerprints
from .layout import DATASET, FILES, HEAD, ROOT, BoardError, require_board, submission_folders
from .licences import is_shipped
from .neighbours import as_markdown, nearest, scores_in
from .submission import Submission, read_json, read_submission
from .tree import Problem, changes, gaps, strays
from .verify import faults


@dataclass
class BoardCheck:
    """What a check found."""

    board: Path
    main: Path | None = None
    """The board as it is without what is new; None: everything is new."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What nobody could hold against anything, and what else is worth a look."""
    submissions: int = 0
    new: list[Submission] = field(default_factory=list)
    """Those that were checked, without their cells."""
    cells: int = 0
    """Of the new ones."""
    bytes: int = 0
    """Of the new ones' files."""
    sections: list[str] = field(default_factory=list)
    """Comparisons with neighbours, as Markdown."""

    def refuse(self, where: Path, text: str) -> None:
        problem = Problem(where.relative_to(self.board).as_posix(), text)
        self.problems += [problem] if problem not in self.problems else []

    def is_new(self, folder: Path) -> bool:
        """Whether a submission is none of the main board's."""
        return self.main is None or not (self.main / folder.relative_to(self.board)).is_dir()


def check_board(board: Path, main: Path | None = None) -> BoardCheck:
    """Check every submission of a board, or those alone that a main board does not have."""
    found = BoardCheck(require_board(board), require_board(main) if main else None)
    found.problems += [*strays(board), *gaps(board), *(changes(board, main) if main else ())]
    if any(problem.text.startswith("is a link") for problem in found.problems):
        return found  # nothing is read through one
    groups: dict[Path, list[Path]] = {}
    for folder in submission_folders(board):
        found.submissions += 1
        if all((folder / name).is_file() for name in FILES):
            groups.setdefault(folder.parents[1], []).append(folder)
    for group, folders in groups.items():
        if any(map(found.is_new, folders)):
            _check_group(found, group, sorted(folders, key=found.is_new))
    return found


def _check_group(found: BoardCheck, group: Path, folders: Sequence[Path]) -> None:
    """Check the new submissions of one protocol and dataset, which come last."""
    record = _dataset(found, group)
    prints, shots = Fingerprints(), dict[int, tuple[str, ...]]()
    first = True
    for folder in folders:
        if (submission := _read(found, folder)) is None:
            continue
        if found.is_new(folder):
            _check_one(found, folder, submission, record)
            if record is not None and first:
                found.notes += _not_known(record, submission)
        first = False
        _same_shots(found, folder, submission, shots)
        bare = replace(submission, cells=())
        if twin := prints.twin(submission, bare):
            _twin(found, folder, submission, twin)
    if found.main is not None:
        _compare(found, group, folders)


def _dataset(found: BoardCheck, group: Path) -> DatasetRecord | None:
    """What is known of a folder's images; None where that cannot be used."""
    if not (group / DATASET).is_file():
        return None
    try:
        record = read_dataset(group / DATASET)
    except BoardError as error:
        found.refuse(group / DATASET, str(error))
        return None
    if record.folder != group.name:
        found.refuse(
            group / DATASET, f"it is of {record.folder} by what it holds; put back its own, and rename nothing"
        )
    return record


def _read(found: BoardCheck, folder: Path) -> Submission | None:
    """A submission; of the main board too, whose shots and confusions the new ones are held against."""
    try:
        return read_submission(folder)
    except BoardError as error:
        found.refuse(folder, str(error))
        return None


def _check_one(found: BoardCheck, folder: Path, submission: Submission, record: DatasetRecord | None) -> None:
    place = folder.relative_to(found.board).as_posix()
    try:
        for text in faults(submission, folder, place, record):
            found.refuse(folder, text)
        if record is not None:
            for text in contradictions(record, submission.plan):
                found.refuse(folder.parents[1] / DATASET, f"{text}; submit a run on the images that it draws")
    except UNREADABLE as error:
        found.refuse(folder, f"it cannot be checked ({one_line(error)}); submit the run again")
    found.new.append(replace(submission, cells=()))
    found.cells += len(submission.cells)
    found.bytes += sum((folder / name).stat().st_size for name in FILES)


def _not_known(record: DatasetRecord, submission: Submission) -> Iterator[str]:
    """What has to be said of images that nothing vouches for but their first submitter."""
    count = not_known(record, submission.plan)
    where = f"{ROOT}/{submission.group[0]}/{submission.group[1]}"
    if count and is_drawn(record.name):
        yield f"{where}: partbench ships no facts of {count} of its images; draw them with partbench board rerun"
    elif count:
        yield f"{where}: its images are known from its first submission alone; somebody who has them should look"


def _same_shots(found: BoardCheck, folder: Path, submission: Submission, known: dict[int, tuple[str, ...]]) -> None:
    """Hold the shots of every draw against those that others saw; one that has more of them tells later ones."""
    for draw, names in enumerate(submission.shots):
        earlier = known.get(draw, ())
        both = min(len(earlier), len(names))
        if earlier[:both] != names[:both] and found.is_new(folder):
            found.refuse(folder, f"draw {draw} has other shots than on this board; submit a run with the same images")
        elif len(names) > len(earlier):
            known[draw] = names


def _twin(found: BoardCheck, folder: Path, submission: Submission, twin: Submission) -> None:
    """Another name for the same confusions is refused; the same backbone once more is a reproduction."""
    if (twin.backbone, twin.weights) == (submission.backbone, submission.weights):
        if found.is_new(folder):
            found.notes.append(f"{submission.path}: has the very confusions of {twin.path}, and counts once with it")
        return
    other = found.board / twin.path
    if is_shipped(submission.backbone, submission.weights) and not is_shipped(twin.backbone, twin.weights):
        folder, other, twin = other, folder, submission
    text = f"it has the confusions of {twin.path} under another name; submit it under that one"
    if found.is_new(folder):
        found.refuse(folder, text)
    elif found.is_new(other):
        found.notes.append(f"{folder.relative_to(found.board)}, which was there before: {text}")


def _compare(found: BoardCheck, group: Path, folders: Sequence[Path]) -> None:
    """A section for every new submission that nothing is wrong with."""
    refused = {problem.path for problem in found.problems}
    printed = {}
    for folder in folders:
        if folder.relative_to(found.board).as_posix() not in refused:
            printed[str(folder)] = scores_in(read_json(folder / HEAD))
    for folder in filter(found.is_new, folders):
        if (own := printed.get(str(folder))) is not None:
            others = {name: scores for name, scores in printed.items() if name != str(folder)}
            chosen = [read_submission(Path(name)) for name in nearest(own, others)]
            found.sections.append(as_markdown(read_submission(folder), chosen))
