"""What is printed on a terminal."""

from __future__ import annotations

import pytest

from partbench.benchmark.cli.terminal import open_console


def test_a_name_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands between two colons is printed as it is."""
    open_console().print("random:jigsaw: 9 units of work")
    assert capsys.readouterr().out == "random:jigsaw: 9 units of work\n"
