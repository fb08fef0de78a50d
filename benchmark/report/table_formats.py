"""The tables of a report, each as CSV, Markdown, LaTeX, JSON and parquet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd

from ..files import write_atomic

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    **{letter: f"\\{letter}" for letter in "&%$#_"},
}
"""What LaTeX would take for an instruction."""
DIGITS = 4
"""Behind the point in the formats for people; CSV, JSON and parquet have them all."""


def as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def as_json(table: pd.DataFrame) -> bytes:
    """An array with an object per row; what is not known is null."""
    return table.to_json(orient="records", indent=1, double_precision=15, force_ascii=False).encode()


def as_parquet(table: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow")
    return buffer.getvalue()


def as_markdown(table: pd.DataFrame) -> bytes:
    header, *rows = _texts(table)
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(_markdown, line)) + " |\n" for line in lines).encode()


def as_latex(table: pd.DataFrame) -> bytes:
    """A tabular with the rules of booktabs."""
    header, *rows = [" & ".join(map(_latex, line)) + r" \\" for line in _texts(table)]
    kinds = "".join("r" if pd.api.types.is_numeric_dtype(kind) else "l" for kind in table.dtypes)
    body = [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", header, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join([*body, r"\end{tabular}", ""]).encode()


WRITERS: Mapping[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_latex,
    "json": as_json,
    "parquet": as_parquet,
}
"""By the suffix of their files."""


def _texts(table: pd.DataFrame) -> list[list[str]]:
    return [list(map(str, table.columns)), *([_text(value) for value in row] for row in table.itertuples(index=False))]


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else " ".join(str(value).split())


def _markdown(text: str) -> str:
    """A text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in r"\|<>*_`[]#&$~" else letter for letter in text)


def _latex(text: str) -> str:
    return "".join(LATEX.get(letter, letter) for letter in text)


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write every table in every format, and say where."""
    written = []
    for name, table in tables.items():
        for suffix, write in WRITERS.items():
            file = folder / f"{name}.{suffix}"
            write_atomic(file, write(table))
            written.append(file)
    return written
