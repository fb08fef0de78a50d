"""Workers of Ray do what one process does; needs the extra `ray`, whose cluster takes its time to start."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from partbench.backbones.vae import VAE
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.workers.told import FOLDER

pytest.importorskip("ray")

PLUGIN = """
import os, time
from functools import partial
from pathlib import Path
import partbench
from partbench.backbones.backbone import Backbone

def extract(images):
    return [images * 2]

def load(name):
    once = Path(__file__).with_name(f"{name}-ended")
    if name == "always" or name == "once" and not once.exists():
        once.touch()
        os._exit(3)
    while name == "slow" and Path(__file__).with_name("wait").exists():
        time.sleep(0.1)
    return extract

@partbench.hookimpl
def partbench_backbones():
    for name in ("always", "once", "slow"):
        yield Backbone(name, 16, (3,), partial(load, name))
"""
REST = ("--head", "ridge", "--head", "prototype", "--shots", "1,2", "--draws", "2", "--test", "20", "--pool", "6")
SMALL = (*REST, "--size", "16", "--device", "cpu", "--out")
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from partbench.benchmark.cli.main import main; main()"
)
PATIENCE = 240
"""Seconds; a machine with other work is slow to start what Ray starts."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster of two cores; the environment of who may use it, its address among it."""
    log = tmp_path_factory.mktemp("ray") / "log"
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    environment = {**os.environ, **secret, "RAY_raylet_start_wait_time_s": str(PATIENCE)}
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus", "2"]
    command += ["--port", "0", "--include-dashboard", "false", "--object-store-memory", str(100 * 2**20)]
    with log.open("w") as out:
        head = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=log.parent)
    deadline = time.monotonic() + PATIENCE
    while "ray start --address='" not in log.read_text():
        assert head.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    address = log.read_text().partition("ray start --address='")[2].partition("'")[0]
    yield {**secret, "ADDRESS": address}
    head.send_signal(signal.SIGTERM)
    head.wait(PATIENCE)


LACKING = """
import os, sys
from pathlib import Path
import ray
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone
from partbench.benchmark.workers.needs import needs_of, places_here
from partbench.benchmark.workers.ray_cluster import connect
from partbench.benchmark.workers.ray_task import sent_by
from partbench.benchmark.workers.recipe import RunRecipe

def look(needs, keeper, home):
    os.makedirs(home, exist_ok=True)
    os.chdir(home)
    os.environ["PARTBENCH_CACHE"] = home
    return [place.path for place in places_here(needs, lambda need: sent_by(keeper, need)).values()]

name = "vae@mine.safetensors"
cluster = connect(sys.argv[1])
recipe = RunRecipe(None, None, None, None, {}, needs=needs_of({name: find_backbone(load_catalogue(), name)}))
task, keeper = ray.remote(look), cluster._keeper(recipe)
homes = [sys.argv[2] + home for home in ("/a", "/a", "/b")]
print(*[path for home in homes for path in ray.get(task.remote(recipe.needs[name], keeper, home))])
"""
"""Looks for a file where it is not, on two machines with a folder each; needs what it is given."""


def start(cluster: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The command line in a program of its own."""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, **cluster, "PYTHONPATH": path, "COLUMNS": "300"}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def named(*backbones: str) -> list[str]:
    return ["run", *(word for name in backbones for word in ("--backbone", name)), *SMALL]


@pytest.fixture(autouse=True)
def plugin(one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And as many threads as a worker has, since more of them add up in another order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)


def test_workers_of_ray_do_what_one_process_does(
    cluster: dict[str, str], call: Callable[..., Any], cells_of: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Cell by cell; a group that ends its worker is named and done again, and one that always does is a failure."""
    address = f"ray:{cluster['ADDRESS']}"
    out, err = start(cluster, *named("once", "always", "position", "copy"), "run", "--workers", address).communicate()
    assert "4 groups, by 2 workers of Ray on 1 machine, 2 cores and 0 GPUs" in out, out + err
    assert "died, as where it is killed, aborts or memory runs out, while once had its turn; it has another" in out
    assert "(raylet)" not in out + err
    (tmp_path / "once-ended").touch()
    assert call(*named("once", "position", "copy"), "alone").code == 0
    found, alone = cells_of(tmp_path / "run"), cells_of(tmp_path / "alone")
    assert {slug: cell for slug, cell in found.items() if not slug.startswith("always")} == alone
    (reason,) = {record["error"] for slug, (record, _) in found.items() if slug.startswith("always")}
    assert reason.endswith("its process ended with exit code 3; what is left of it is tried again by the next run")
    lines = Journal(tmp_path / "run").read()
    work = [f"{line['unit']} {line['of']}" for line in lines]
    assert [unit for unit in work if unit.endswith(" always") and unit.split()[0] in ("turn", "crash")] == [
        "turn always", "crash always"
    ] * 2  # fmt: skip
    counts = Counter(unit for unit in work if unit.split()[0] in ("scale", "shots", "fit", "score"))
    assert counts and max(counts.values()) == 1
    assert not (tmp_path / "run" / FOLDER).exists()


def test_ctrl_c_leaves_a_run_that_goes_on_without_ray(
    cluster: dict[str, str], call: Callable[..., Any], tmp_path: Path
) -> None:
    """Nothing stays claimed, and nothing works on."""
    (tmp_path / "wait").touch()
    run = tmp_path / "run"
    process = start(cluster, *named("slow", "copy"), "run", "--workers", f"ray:{cluster['ADDRESS']}")
    deadline = time.monotonic() + PATIENCE
    while not any(line["of"] == "slow" for line in Journal(run).read()) or len(list(run.glob("cells/*.json"))) < 4:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert not list(Claims(run).folder.glob("slow*"))
    (tmp_path / "wait").unlink()
    answer = call(*named("slow", "copy"), "run")
    assert answer.code == 0 and "an earlier run was killed" not in answer.out


def test_a_group_that_no_machine_has_memory_for_is_named(
    cluster: dict[str, str], call: Callable[..., Any], tmp_path: Path
) -> None:
    """By what was forecast of it; the others are done, and Ray is not left to wait for a machine without a word."""
    said = call("plan", *named("position", "copy")[1:], "plan", "--json")
    assert said.code == 0, said.err
    record = json.loads(said.out)
    record["memory"]["base"] = 0  # of the program itself, whatever this machine took
    for row in record["backbones"]:
        row["seconds"] = {"score": float(row["backbone"] == "copy")}
        row["memory"] = 2**30 if row["backbone"] == "copy" else 2**60
    (tmp_path / "plan.json").write_text(json.dumps(record))
    command = *named("position", "copy"), "run", "--workers", f"ray:{cluster['ADDRESS']}", "--forecast", "plan.json"
    process = start(cluster, *command)
    run, deadline = tmp_path / "run", time.monotonic() + PATIENCE
    while len(list(run.glob("cells/copy*.json"))) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, out + err
    assert "no machine is left with 1 core and 1073741824.0 GiB for position" in out
    assert list(run.glob("cells/position*")) == []


def test_there_is_no_cluster() -> None:
    """Where none answers the run ends with one sentence."""
    process = start({}, *named("copy"), "run", "--workers", "ray:127.0.0.1:1")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and "there is no Ray cluster at 127.0.0.1:1 (" in err and "Traceback" not in err


def test_a_machine_that_lacks_a_file_takes_it_from_the_store(cluster: dict[str, str], tmp_path: Path) -> None:
    """Into its cache, once; whatever the file is called there, it holds the same."""
    data = VAE.shipped.read_bytes()
    Path("mine.safetensors").write_bytes(data)
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", LACKING, cluster["ADDRESS"], str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, **cluster, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    files = [f"{tmp_path}/{home}/files/{hashlib.sha256(data).hexdigest()}/mine.safetensors" for home in "aab"]
    assert done.stdout.split() == files, done.stderr
    assert all(Path(file).read_bytes() == data for file in files)
