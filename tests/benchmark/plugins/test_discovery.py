"""Ten broken plugins at once: each is named in one sentence, and the cells of others are as without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from partbench.benchmark.cli.main import app
from partbench.benchmark.results import arrays_of

HEADER = """
import partbench
from partbench.backbones.backbone import Backbone
from partbench.benchmark.reporter import Listener, Reporter
from partbench.datasets.dataset import Dataset
from partbench.heads.head import Head
"""
OFFER = "@partbench.hookimpl\ndef partbench_{noun}s():\n    yield {record}\n"
AT_THE_DOOR = {
    "import": "import nosuchlib",
    "raises": "@partbench.hookimpl\ndef partbench_heads():\n    raise OSError('no disk')\n",
    "stranger": OFFER.format(noun="head", record="Dataset('cats', (), load=None)"),
    "misspelt": "@partbench.hookimpl\ndef partbench_backbone():\n    return []\n",
    "taken": OFFER.format(noun="backbone", record="Backbone('pixels', 8, (1,), load=None)"),
}
"""Plugins that do not come in, by their distribution."""
BACKBONE = "def load():\n    {body}\n" + OFFER.format(noun="backbone", record="Backbone('{name}', 32, (3,), load)")
HEAD = (
    "def build(channels, classes):\n    from partbench.heads.linear import Linear\n    class Broken(Linear):\n"
    "        def forward(self, maps, size):\n            {body}\n        at = None\n"
    "    return Broken(channels, classes)\n"
) + OFFER.format(noun="head", record="Head('{name}', build)")
IN_A_RUN = {
    "unloaded": BACKBONE.format(name="unloaded", body="raise FileNotFoundError('no weights')"),
    "lying": BACKBONE.format(name="lying", body="return lambda images: [images, images]"),
    "nan": BACKBONE.format(name="nan", body="return lambda images: [images * float('nan')]"),
    "small": HEAD.format(name="small", body="return super().forward(maps, 4)"),
    "deaf": "class Deaf(Listener):\n    def cell_finished(self, result):\n        raise RuntimeError('no ears')\n"
    + OFFER.format(noun="reporter", record="Reporter('deaf', open=Deaf)"),
}
"""Plugins that fail at their work; each offers what is called as it is."""
SAYS = {
    "import": "cannot be imported (No module named 'nosuchlib'); install it, or leave it out with PARTBENCH_BLOCK=",
    "raises": "fails in partbench_heads (OSError: no disk); mend it, or leave it out with PARTBENCH_BLOCK=",
    "stranger": "offers a Dataset in partbench_heads; let it offer a partbench Head",
    "misspelt": "implements 'partbench_backbone', which is no hook; did you mean 'partbench_backbones'?",
    "taken": "two plugins offer the backbone 'pixels': partbench-taken 1.2 and",
    "unloaded": "unloaded (partbench-unloaded 1.2) failed: FileNotFoundError: no weights",
    "lying": "lying (partbench-lying 1.2) failed: lying declares channels=(3,) but its maps have (3, 3)",
    "nan": "nan (partbench-nan 1.2) failed: map 0 of nan has NaN in it; see where its network overflows",
    "small": "small (partbench-small 1.2) failed on pixels:",
    "deaf": "the reporter deaf failed in cell_finished (RuntimeError: no ears); it is told nothing more",
}
TINY = ("--shots", "1", "--draws", "1", "--test", "2", "--pool", "4", "--size", "32", "--device", "cpu")


def install(folder: Path, name: str, source: str) -> None:
    """A distribution `partbench-NAME 1.2` with one plugin."""
    (folder / f"broken_{name}.py").write_text(HEADER + source)
    info = folder / f"partbench_{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: partbench-{name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[partbench]\n{name} = broken_{name}\n")


def run(out: Path, *arguments: str, code: int = 0) -> str:
    """What a run says, in one line; it ends with this exit code."""
    plan = ("--backbone", "pixels", "--head", "linear", *TINY, "--out", str(out))
    done = CliRunner().invoke(app, ["run", *plan, *arguments])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


@pytest.mark.usefixtures("short_trainings")
def test_ten_broken_plugins_harm_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five do not come in, five fail at their work; the good cell is the same to the last pixel."""
    monkeypatch.delenv("PARTBENCH_BLOCK", raising=False)
    alone, crowd, site = tmp_path / "alone", tmp_path / "crowd", tmp_path / "site"
    run(alone)
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    for name, source in (AT_THE_DOOR | IN_A_RUN).items():
        install(site, name, source)
    broken = [part for name in ("unloaded", "lying", "nan") for part in ("--backbone", name)]
    said = run(crowd, *broken, "--head", "small", "--reporter", "deaf", code=1)
    assert len(SAYS) == 10
    for name, sentence in SAYS.items():
        assert said.count(sentence) == 1, (name, said)
    (good,) = (path.stem for path in (alone / "cells").glob("*.json"))
    ours, theirs = (arrays_of((out / "cells" / f"{good}.npz").read_bytes())["confusion"] for out in (alone, crowd))
    assert np.array_equal(ours, theirs)
    failed = [json.loads(path.read_text())["error"] for path in (crowd / "cells").glob("*.json") if path.stem != good]
    assert len(failed) == 7 and all(error and "\n" not in error for error in failed)
