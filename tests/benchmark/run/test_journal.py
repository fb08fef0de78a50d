"""The journal says who did what when."""

from __future__ import annotations

import os
from pathlib import Path

from partbench.benchmark.run.journal import FOLDER, Journal


def test_lines_of_all_processes_come_in_their_order(tmp_path: Path) -> None:
    """Each with its process and its facts; what a killed process left half written is no line."""
    journal = Journal(tmp_path)
    assert journal.read() == []
    journal.write("turn", "vae", worker="worker 1")
    journal.write("fit", "vae--linear")
    (tmp_path / FOLDER / "other-1.jsonl").write_text('{"unit": "fit", "of": "first", "at": 1.5}\n{"unit": "fi')
    first, turn, fit = journal.read()
    assert first["of"] == "first"
    assert (turn["unit"], turn["of"], turn["worker"]) == ("turn", "vae", "worker 1")
    assert fit["by"] == journal.by and journal.by.endswith(f"-{os.getpid()}")
