"""The tables of `partbench plan`."""

from __future__ import annotations

from partbench.benchmark.cli.commands.plan_tables import duration, volume


def test_time_and_bytes_are_for_people() -> None:
    """Few digits, and the unit that suits."""
    assert [duration(s) for s in (0.04, 9.96, 59.4, 61, 7265)] == ["0.0 s", "10 s", "59 s", "1:01", "2:01:05"]
    assert [volume(b) for b in (512, 2**20, 3 * 2**29)] == ["0 KiB", "1 MiB", "1.5 GiB"]
