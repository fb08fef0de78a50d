"""What workers elsewhere say of a run is heard where it was started."""

from __future__ import annotations

from pathlib import Path

from partbench.benchmark.plan import COPY, NO_HEAD, Cell
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult
from partbench.benchmark.run.relay import Relay
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.workers.told import BEGAN, FOLDER, Ears, ToldFile


class Notes(Listener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def start(self, backbone: str, units: int) -> None:
        self.heard.append((backbone, units))

    def unit(self, backbone: str, what: str) -> None:
        self.heard.append(what)

    def cell_finished(self, result: CellResult) -> None:
        self.heard.append(result.error)

    def problem(self, sentence: str) -> None:
        self.heard.append(sentence)


def test_every_line_is_heard_once(tmp_path: Path) -> None:
    """In the order in which a worker says it; a result is read from the run's folder, and half a line is no line."""
    ears = Ears(RunFolder(tmp_path), Notes())
    file = ears.file(7)
    worker = Relay(ToldFile(file))
    worker.connection.send((BEGAN, ("machine", 42)))
    worker.start("vae", 3)
    assert list(ears.listen([7])) == [(7, ["machine", 42])]
    result = CellResult(Cell(COPY, NO_HEAD, 1, 0), ("a",), error="too small")
    RunFolder(tmp_path).write(result)
    worker.cell_finished(result)
    worker.problem("all is lost")
    with file.open("a") as lines:
        lines.write('["unit", ["vae",')
    assert list(ears.listen([7])) == []
    with file.open("a") as lines:
        lines.write(' "score"]]\n')
    assert list(ears.listen([7])) == []
    assert ears.reporter.heard == [("vae", 3), "too small", "all is lost", "score"]  # type: ignore[attr-defined]
    ears.forget(7)
    assert not file.exists() and list(ears.listen([7])) == []


def test_workers_of_others_are_not_heard(tmp_path: Path) -> None:
    """Each hearer has a folder of its own, and nothing is left of the last."""
    mine, theirs = (Ears(RunFolder(tmp_path), Notes()) for _ in range(2))
    Relay(ToldFile(theirs.file(1))).problem("theirs")
    assert list(mine.listen([1])) == [] and mine.reporter.heard == []  # type: ignore[attr-defined]
    mine.close()
    assert (tmp_path / FOLDER).exists()
    theirs.close()
    assert not (tmp_path / FOLDER).exists()
