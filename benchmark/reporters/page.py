"""The report of a run as a page, written when the run ends."""

from __future__ import annotations

from ..reporter import Listener
from ..results import RunFolder


class PageListener(Listener):
    """Does what `partbench report RUN --out RUN/report` does, be the run complete or not."""

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        from ..metrics import DEFAULT
        from ..report.content import gather
        from ..report.making import make

        make(gather(folder.path, DEFAULT), folder.path / "report")
