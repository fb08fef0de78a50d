"""The first page of a preset's report: our scores beside the paper's, its findings, and the way to each run's page."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from pathlib import Path

from markupsafe import Markup

from ..files import write_atomic
from ..paper.comparison import PaperComparison
from ..paper.tables import claim_table, definitions, label_table, long_table
from ..scores.convergence import sentences
from ..scores.leaderboard_tables import score_text
from .page import asset, environment
from .table_formats import write_tables


def make_first_page(board: PaperComparison, runs: Sequence[str], out: Path) -> tuple[Path, list[Path]]:
    """Write the page and its tables into a folder, where the reports of the runs are or will be."""
    scores, judgements = long_table(board), board.judgements()
    tables = {"scores": scores} | ({"findings": claim_table(judgements)} if judgements else {})
    tables |= {"labels": label_table(board)} if board.labels() else {}
    said = [*definitions(board), *sentences(board.scored)]
    page = (
        environment()
        .get_template("preset.html")
        .render(
            preset=board.preset,
            notes=[*filter(None, [board.preset.note]), *board.preset.left_out, *said],
            judgements=judgements,
            scores=scores.to_dict("records"),
            labels=label_table(board).to_dict("records"),
            runs=runs,
            tables=list(tables),
            text=_text,
            style=Markup(asset("page.css")),
        )
    )
    write_atomic(out / "index.html", page.encode())
    return out / "index.html", write_tables(out / "tables", tables)


def _text(mean: float | None, half_width: float = nan) -> str:
    return score_text(nan if mean is None else mean, half_width).replace("±", " ± ")
