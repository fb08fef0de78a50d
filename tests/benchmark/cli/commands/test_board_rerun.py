"""`partbench board rerun` takes a cell again, and marks a submission that comes out the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partbench.benchmark.board.submission import read_submission

Call = Callable[..., Any]


def test_an_honest_submission_is_marked(call: Call) -> None:
    """The control copy on drawn faces comes out to the pixel; the board with its mark is fine, and a lie has none."""
    Path("board/submissions").mkdir(parents=True)
    options = ["--shots", "1", "--draws", "1", "--test", "4", "--pool", "8", "--out", "run"]
    call("run", "--backbone", "copy", "--head", "ridge", *options)
    call("submit", "run", "--to", "board", "--by", "alice")
    [folder] = Path("board/submissions").glob("*/*/*/*")
    code, out, _ = call("board", "rerun", folder, "--tolerance", "0", "--json")
    told = json.loads(out)
    assert (code, told["reproduced"], told["pixels"], {*told["differences"].values()}) == (0, True, 0.0, {0.0})
    assert json.loads((folder / "reproduced.json").read_text())["tolerance"] == 0
    assert call("board", "check", "board").code == 0

    honest = read_submission(folder)
    perfect = [np.einsum("nk,kj->nkj", r.confusion.sum(-1), np.eye(10, dtype=int)) for r in honest.cells]  # type: ignore[union-attr]
    lie = replace(honest, cells=tuple(replace(r, confusion=c) for r, c in zip(honest.cells, perfect, strict=True)))
    for name, data in lie.files().items():
        (folder / name).write_bytes(data)
    assert call("board", "check", "board").code == 1  # the mark is of other counts
    (folder / "reproduced.json").unlink()
    assert call("board", "check", "board").code == 0  # no confusion says who made it
    assert call("board", "rerun", folder).code == 1
    assert not (folder / "reproduced.json").exists()
