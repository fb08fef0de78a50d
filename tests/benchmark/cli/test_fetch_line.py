"""What is fetched is a line on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys

import pytest

from partbench.benchmark.cli import fetch_line
from partbench.benchmark.cli.fetch_line import MB, FetchLine


def test_a_line_grows_and_goes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how far the fetch is, is not written all the time, and a sentence takes its place, once."""
    now = iter((0.3, 0.4, 0.6, 0.9))
    monkeypatch.setattr(fetch_line.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = FetchLine()
    line.progress("x", MB, 3 * MB)
    line.progress("x", 2 * MB, 3 * MB)
    line.progress("x", 2 * MB, 0)
    assert capsys.readouterr().err == "\rfetching x: 1.0 of 3.0 MB\rfetching x: 2.0 MB       "
    line.progress("x", 3 * MB, 3 * MB)
    assert capsys.readouterr().err == "\r" + " " * 18 + "\r"
    line.tell("x is damaged")
    line.tell("x is damaged")
    assert capsys.readouterr().err == "x is damaged\n"


def test_where_nobody_looks_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """As in a log."""
    FetchLine().progress("x", 1, 3)
    assert capsys.readouterr().err == ""
