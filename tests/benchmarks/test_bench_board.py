"""How the check and the pages of a board grow with it: by made-up submissions of small cells, twice as many each time.

PARTBENCH_BOARD names other counts of backbones, and PARTBENCH_DATASETS of datasets: 250,500,1000,2000 on 10 are the
acceptance, and take ten minutes of one core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.board.dataset_record import DatasetRecord, pixels_of
from partbench.benchmark.board.layout import DATASET, ROOT
from partbench.benchmark.board.submission import Submission
from partbench.benchmark.plan import PROTOCOL, Cell, Plan, takes_head
from partbench.benchmark.results import CellResult
from partbench.benchmark.shots import ShotDraws

COUNTS = tuple(map(int, os.environ.get("PARTBENCH_BOARD", "120,240,480").split(",")))
DATASETS = int(os.environ.get("PARTBENCH_DATASETS", "1"))
IMAGES, CLASSES, DRAWS, SHOTS = 8, ("background", "leg", "tail"), 3, (1, 2)
CONTROLS = ("copy", "pixels", "position")
START = """
import json, sys, time
from partbench.benchmark.cli.main import main

took = []
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:], began = arguments, time.process_time()
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    took.append(time.process_time() - began)
print(took[-1] - took[-2], file=sys.stderr)
"""
"""Commands in one process, and the seconds of the processor that the last took beyond the one before."""
GROWTH = 1.5
"""By how much the time of a submission may grow where their number is doubled: a busy machine, and not the square,
which would double it."""
FIT = {"steps": 9, "settled": None, "loss": 0.1, "iou": 0.9, "constant": 0.2, "accuracy": 0.9}


def contents(dataset: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Images of a made-up dataset, each with digests of its own."""
    rows = {"pool": DRAWS * max(SHOTS), "test": IMAGES}
    return {
        split: {f"{split}-{i}": (f"{dataset}{split}{i}", f"{dataset}{split}{i}m") for i in range(count)}
        for split, count in rows.items()
    }


def record_of(dataset: str) -> DatasetRecord:
    random = np.random.default_rng(sum(map(ord, dataset)))
    truth = random.multinomial(4096, [0.6, 0.3, 0.1], IMAGES)
    return DatasetRecord(dataset, CLASSES, (), "test", contents(dataset), tuple(map(tuple, truth.tolist())))


def submission_of(record: DatasetRecord, backbone: str, number: int) -> Submission:
    """Made-up cells of one backbone, which gets better by its number."""
    heads = ("ridge",) if takes_head(backbone) else ("-",)
    plan = Plan(record.name, (backbone,), heads, SHOTS, DRAWS, pool=DRAWS * max(SHOTS), test=IMAGES, fit="crop")
    names = [*record.contents["pool"]]
    shots = tuple(tuple(names[max(SHOTS) * draw : max(SHOTS) * (draw + 1)]) for draw in range(DRAWS))
    weights = None if backbone in CONTROLS else f"{number:016x}"
    random = np.random.default_rng([number, len(record.name), *map(ord, record.name)])
    manifest = ShotDraws(tuple(() for _ in shots), shots)
    every = [Cell(backbone, head, count, draw) for head in heads for count in SHOTS for draw in range(DRAWS)]
    cells = [
        _cell(cell, plan, record, weights, 0.3 + 0.6 * number / (number + 200), manifest, random) for cell in every
    ]
    return Submission(
        by=f"team-{number % 7}", date="2026-11-01", protocol=PROTOCOL, plan=plan, data=record.data, weights=weights,
        licence="MIT" if number % 3 else "Apache-2.0", shots=shots, cells=tuple(cells),
    )  # fmt: skip


def _cell(
    cell: Cell, plan: Plan, record: DatasetRecord, weights: str | None, skill: float, shots: ShotDraws, random: Any
) -> CellResult:
    share = np.full((3, 3), (1 - skill) / 2) + np.eye(3) * (skill - (1 - skill) / 2)
    confusion = np.array([[random.multinomial(n, share[k]) for k, n in enumerate(row)] for row in record.truth])
    facts = {"protocol": PROTOCOL, "plan": plan.hash, "data": record.data, "weights": weights}
    facts |= {"shots": shots.seen(cell.draw, cell.shots), "schedule": plan.schedule, "scale": plan.scale, "fit": FIT}
    facts |= {"seed": cell.seed(plan.seed), "finished": "2026-11-01T08:00:00Z", "provider": "made up"}
    facts |= {"seconds per image": round(float(random.gamma(2, 0.002)), 5)}
    return CellResult(cell, CLASSES, (), None, confusion, facts)


def names(count: int) -> list[str]:
    return [*CONTROLS, *(f"family-{i % 12}:net-{i}" for i in range(count - len(CONTROLS)))]


def grow(board: Path, numbers: Iterable[int], most: int) -> None:
    """Submit the backbones of these numbers on every dataset."""
    every = names(most)
    for place in range(DATASETS):
        record = record_of(f"cats-{place}")
        for number in numbers:
            one = submission_of(record, every[number], number)
            for name, data in one.files().items():
                (board / one.path).mkdir(parents=True, exist_ok=True)
                (board / one.path / name).write_bytes(data)
        assert pixels_of(one.cells[0]) == record.truth
        (board / ROOT / Path(*one.group) / DATASET).write_bytes(record.as_bytes())


def seconds(*commands: Sequence[object]) -> float:
    """Of the processor, for the last of some commands that must succeed, beyond the one before."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    every = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run([sys.executable, "-c", START, every], env=env, check=True, capture_output=True, text=True)
    return float(done.stderr.split()[-1])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """By the number of backbones: seconds of the check and of the pages beyond those of a board of the controls alone,
    which comes twice so that all is imported; bytes of a site, and lines of a table's page."""
    small, board, site = (tmp_path_factory.mktemp(name) / name for name in ("small", "board", "site"))
    for folder in (small, board):
        (folder / ROOT).mkdir(parents=True)
    grow(small, range(len(CONTROLS)), len(CONTROLS))
    found: dict[str, list[float]] = {"check": [], "site": [], "bytes": [], "lines": []}
    for before, count in pairwise((0, *COUNTS)):
        grow(board, range(before, count), max(COUNTS))
        found["check"].append(seconds(*(("board", "check", folder) for folder in (small, small, board))))
        found["site"].append(seconds(*(("board", "site", folder, "--out", site) for folder in (small, small, board))))
        found["bytes"].append(float(sum(file.stat().st_size for file in site.rglob("*"))))
        found["lines"].append(float(next((site / "tables").iterdir()).read_text().count("<tr")))
    return found


@pytest.mark.parametrize("what", ["check", "site", "bytes"])
def test_growth_is_linear(what: str, found: dict[str, list[float]], benchmark: BenchmarkFixture) -> None:
    """Twice as many submissions take about twice as long: no more than half as long again each."""
    benchmark.pedantic(lambda: None, rounds=1)
    each = [value / count for value, count in zip(found[what], COUNTS, strict=True)]
    benchmark.extra_info |= {"backbones": COUNTS, "datasets": DATASETS, what: found[what]}
    assert each[-1] < GROWTH * each[-2]


def test_a_page_draws_no_more_lines_of_more_backbones(found: dict[str, list[float]]) -> None:
    """Fifty at a time and the controls, so that the first paint is that of a small table."""
    assert {*found["lines"]} == {1.0 + 50 + len(CONTROLS)}
