"""What every test shares."""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import typer.main
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from PIL import Image

from partbench.benchmark.board.drawn import drawn_facts
from partbench.benchmark.board.licences import shipped_weights
from partbench.benchmark.cli.main import main
from partbench.benchmark.contents import contents_hash
from partbench.benchmark.flags import IMAGES, Findings, GuardFlag, write_findings
from partbench.benchmark.gallery import BackboneGallery
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.plan import COPY, PROTOCOL, Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run import contamination
from partbench.benchmark.run.schedules import SCHEDULES, Settling
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.shots import ShotDraws, draw_shots
from partbench.benchmark.workers import worker
from partbench.datasets.generated.found import FoundAnnotations
from partbench.datasets.generated.labels import AnnotationReader
from partbench.datasets.generated.manifest import ExportManifest, read_manifest
from partbench.datasets.generated.reading import take_annotations
from partbench.datasets.generated.writing import complete, new_export, write_image

# Deadlines are about the machine, not the code; in CI the examples are the same every time; no folder is left behind.
settings.register_profile("partbench", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("partbench")
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "partbench-hypothesis")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays: to search it for garbage while it grows takes half of the time."""
    gc.disable()
    yield
    gc.enable()
    gc.freeze()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The sources; a test that reads them is skipped where only the wheel is."""
    root = Path(__file__).parents[1]
    if not (root / "setup.cfg").is_file():
        pytest.skip("the sources are not here: these tests run on an installed wheel")
    return root


@pytest.fixture(scope="session", autouse=True)
def away_from_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of a module or session run in an empty folder and leave it so; nothing new lies where pytest began."""
    home, away = request.config.invocation_params.dir, tmp_path_factory.mktemp("away")
    before = seen_in(home)
    os.chdir(away)
    yield
    os.chdir(home)
    assert not seen_in(away), f"a fixture of a module or session wrote {seen_in(away)}; give it a folder of its own"
    assert seen_in(home) <= before, f"{seen_in(home) - before} came while the tests ran; let them write to tmp_path"


def seen_in(folder: Path) -> set[Path]:
    """What lies in a folder and among its runs, but for the caches of python and of the tools (`.*_cache`)."""
    return {p for p in (*folder.iterdir(), *folder.glob("runs/*")) if not p.name.endswith(("_cache", "__pycache__"))}


@pytest.fixture(autouse=True)
def a_folder_of_its_own(away_from_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what a run has left where pytest was started, or leaves anything there."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def codes_in_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what another, or the user, has inverted."""
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def few_unlabelled_images_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards of a run look at a few of those that are drawn; a thousand take longer than the runs of most tests."""
    monkeypatch.setattr(contamination, "LOOKED_AT", 20)


@pytest.fixture
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads train for 40 steps at most, not 400; for tests that ask what becomes of a score, not how good it is."""
    for name in ("quick", "medium"):
        monkeypatch.setitem(SCHEDULES, name, replace(SCHEDULES[name], settling=Settling(ceiling=40)))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, dict[str, bytes]], Path]:
    """Installs a package of these files, whose code raises if it is run; gives the folder that it is in."""

    def install(project: str, version: str, files: dict[str, bytes]) -> Path:
        site = tmp_path / "site"
        about = site / f"{project.replace('-', '_')}-{version}.dist-info" / "METADATA"
        package = {f"{name.split('/')[0]}/__init__.py": b"raise RuntimeError" for name in files}
        metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
        for name, data in ({str(about): metadata.encode()} | package | files).items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_bytes(data)
        monkeypatch.syspath_prepend(str(site))
        return site

    return install


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[None]]:
    """`with small_disk(100)`: files may have so many bytes, and a larger one fails as on a disk that is full."""

    @contextmanager
    def limit(most: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


class Web:
    """A server on this machine of the files in a folder, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.folder = folder
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                super().do_GET()

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A server of what lies in `web`."""
    (tmp_path / "web").mkdir()
    server = Web(tmp_path / "web")
    yield server
    server.close()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects to anything fails."""

    def refuse(*_: object) -> None:
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


class Answer(NamedTuple):
    """What a command ended with: its exit code, and what it printed."""

    code: Any
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def one_command_line() -> Iterator[None]:
    """The verbs are made into commands once: nothing changes them, and every time takes a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`partbench ARGUMENTS` in this process, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["partbench", *map(str, arguments)])
        code: Any = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def forks() -> ModuleType:
    """`forks.py`, with the process that it forks others from."""
    spec = spec_from_file_location("forks", Path(__file__).with_name("forks.py"))
    assert spec and spec.loader
    sys.modules[spec.name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ready()
    return module


@pytest.fixture
def program(forks: ModuleType) -> Iterator[Callable[..., Any]]:
    """Begins `partbench ARGUMENTS` as a program of its own, whose workers are forked, too."""
    begun = []
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # of a pytest in the background

    def program(*arguments: object, **environment: str) -> Any:
        code, here = start + "from partbench.benchmark.cli.main import main; main()", {**os.environ, "COLUMNS": "300"}
        begun.append(forks.Program(code, arguments, here | environment))
        return begun[-1]

    yield program
    for each in begun:
        each.end()


@pytest.fixture
def forked_workers(forks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of runs in this process are forked; else each imports torch for itself, as those of users do."""
    monkeypatch.setattr(worker, "get_context", lambda method: forks.Context)


@pytest.fixture(scope="session")
def cells_of() -> Callable[[Path], dict[str, Any]]:
    """All that the cells of a run hold, but for what they say of the moment and the machine that they were made in."""
    own = {"finished", "hardware", "seconds per image"}

    def cells_of(run: Path) -> dict[str, Any]:
        found = {}
        for file in (run / "cells").glob("*.json"):
            record = json.loads(file.read_text())
            del record["seal"]  # of all of it
            record["provenance"] = {fact: value for fact, value in record["provenance"].items() if fact not in own}
            counts = file.with_suffix(".npz")
            found[file.stem] = record, counts.read_bytes() if counts.exists() else None
        return found

    return cells_of


HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>window.hacked=1</script>")
"""Names of backbones that are no markup."""
HOSTILE_CLASS = "</title><script>window.hacked=2</script>"


@pytest.fixture(scope="session")
def told_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run with all that a report tells of: names like markup, pictures, failures, damage, flags."""
    folder, random = RunFolder(tmp_path_factory.mktemp("told") / "run"), np.random.default_rng(0)
    plan = Plan("faces", (*HOSTILE, "vae", "pixels", COPY), ("linear", '"><b>'), shots=(1, 5), draws=2, size=16, test=6)
    folder.write_plan(plan, {"data": "abc"})
    images = random.random((6, 3, 16, 16)).astype(np.float32)
    truth = np.kron(random.integers(0, 4, (6, 4, 4)), np.ones((4, 4), dtype=int))
    galleries = {name: BackboneGallery.of(folder.path, name, images, truth) for name in plan.backbones}
    for cell in plan.cells():
        place = plan.backbones.index(cell.backbone)
        chance = 0.1 + 0.12 * place + 0.2 / cell.shots + 0.02 * np.arange(6).reshape(6, 1, 1)
        guess = np.where(random.random(truth.shape) < chance, random.integers(0, 4, truth.shape), truth)
        facts = {"data": "abc", "seconds per image": 0.001 * (5 - place), "finished": "2025-01-01T00:00:00Z"}
        facts["fit"] = {"steps": 9, "settled": None, "loss": 0.1, "iou": 0.9, "constant": 0.2, "accuracy": 0.9}
        if cell.backbone == "vae":
            facts["reconstruction error"] = [0.1 + 0.01 * i for i in range(6)]
        classes = ("background", HOSTILE_CLASS, "head", "$x^2$")
        folder.write(CellResult(cell, classes, (), None, confuse(guess, truth, 4), facts))
        galleries[cell.backbone].keep(cell, guess)
    for name, gallery in galleries.items():
        if name != COPY:
            gallery.write((images + 0.1).clip(0, 1) if name == "vae" else None)
    _spoil(folder, plan)
    return folder.path


def _spoil(folder: RunFolder, plan: Plan) -> None:
    """One cell fails, one is damaged, and a guard has something to say."""
    failed, damaged = (
        cell for cell in plan.cells() if cell.backbone == "pixels" and cell.draw == 1 and cell.shots == 1
    )
    folder.write(CellResult(failed, ("a",), error="<svg onload=window.hacked=3>", provenance={"data": "abc"}))
    folder.cell_file(damaged).write_text("{")
    flag = GuardFlag(IMAGES, "overlap", "<b>two</b> images are alike", ("<script>window.hacked=4</script>",))
    write_findings(folder.path, Findings("abc", {}, (flag,)))


@pytest.fixture(scope="session")
def told_report(told_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of that run as the command line writes it; `said.json` is what it said, `modules` what it imported."""
    out = tmp_path_factory.mktemp("report")
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"sys.argv = ['partbench', 'report', {str(told_run)!r}, '--out', {str(out)!r}]\n"
        "sys.argv += ['--metric', 'mean,small_parts', '--json']\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code\n"
        f"open({str(out / 'modules')!r}, 'w').write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (out / "said.json").write_text(done.stdout)
    return out


CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""With these it asks for nothing that a page does not ask for."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright; where either is missing, what needs it is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    file = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if file is None:
        pytest.skip("there is no Chromium; install it to test the pages")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=file, args=list(CHROMIUM))
        yield opened
        opened.close()


class Window:
    """A window of a browser on the pages of a folder, with what they asked for and complained about."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("console", lambda message: self.complaints.append(message.text))

    def open(self, name: str, hash: str = "") -> Any:
        """The first page of this name, or pattern."""
        self.page.goto(next(self.folder.glob(name)).as_uri() + hash)
        return self.page

    def follow(self, link: Any) -> None:
        """To where the scripts of the next page have run: a click returns while that is still loading."""
        with self.page.expect_navigation():
            link.click()

    def outside(self) -> list[str]:
        """What was asked for that is neither in the folder nor in a page itself."""
        return [url for url in self.requests if not url.startswith((f"{self.folder.as_uri()}/", "data:"))]

    def texts(self, selector: str) -> list[str]:
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]

    def numbers(self, selector: str) -> list[float]:
        """What each text begins with."""
        return [float(text.partition(" ")[0]) for text in self.texts(selector)]


@pytest.fixture(scope="module")
def window_of(browser: Any) -> Callable[..., Window]:
    """Opens a window on a folder, with Playwright's options of a page."""
    return lambda folder, **options: Window(browser.new_page(**options), folder)


PARTS = {"background": (38, 38, 44), "ear": (240, 240, 240), "eye": (213, 62, 79), "tail": (244, 165, 60)}
"""Classes to annotate, and their colours in an index PNG."""


PARAMETERS = {"jigsaw": 278_624, "vae": 1_670_947}
"""Of the backbones of a made-up run; of all others none were counted."""


@pytest.fixture(scope="session")
def drawn_run() -> Callable[..., Path]:
    """Writes a made-up run on the first drawn faces, whose truth and shots are those that partbench ships facts of."""
    faces = drawn_facts()["faces"]
    sizes = {"pool": 16, "test": 8, "unlabelled": 16}
    rows = {split: dict([*faces["splits"][split].items()][:count]) for split, count in sizes.items()}
    contents = {split: {name: facts[:2] for name, facts in images.items()} for split, images in rows.items()}
    truth = np.array([facts[2] for facts in rows["test"].values()])
    names, present = list(rows["pool"]), [frozenset(facts[2]) for facts in rows["pool"].values()]

    def write(folder: Path, skills: dict[str, float], heads: tuple[str, ...] = ("ridge",), seed: int = 0) -> Path:
        """Backbones with the share of pixels that each gets right."""
        plan = Plan("faces", tuple(skills), heads, (1, 2), draws=2, pool=16, test=8, seed=seed, fit="crop")
        drawn = draw_shots(present, 2, 2, seed)
        shots = ShotDraws(tuple(drawn), tuple(tuple(names[i] for i in draw) for draw in drawn))
        facts = {"data": contents_hash(faces["classes"], faces["excluded"], contents), "contents": contents}
        facts |= {"shots": shots.names, "classes": faces["classes"], "excluded": faces["excluded"], "images": 8}
        run = RunFolder(folder)
        run.write_plan(plan, facts)
        for cell in plan.cells():
            run.write(_drawn_cell(cell, plan, skills[cell.backbone], truth, facts, shots))
        write_findings(folder, Findings(facts["data"], {IMAGES: "8 test images"}))
        return folder

    return write


def _drawn_cell(
    cell: Cell, plan: Plan, skill: float, truth: Any, facts: dict[str, Any], shots: ShotDraws
) -> CellResult:
    """A cell whose confusions have the true pixels as their sums."""
    number = [cell.seed(plan.seed), sum(map(ord, cell.backbone)), cell.shots, cell.draw]
    random, classes = np.random.default_rng(number), len(facts["classes"])
    share = np.full((classes, classes), (1 - skill) / (classes - 1)) + np.eye(classes) * (
        skill - (1 - skill) / (classes - 1)
    )
    confusion = np.array([[random.multinomial(n, share[k]) for k, n in enumerate(image)] for image in truth])
    provenance = {
        "versions": {"partbench": "0.1.0"},
        "protocol": PROTOCOL,
        "plan": plan.hash,
        "data": facts["data"],
        "shots": shots.seen(cell.draw, cell.shots),
        "schedule": plan.schedule,
        "scale": plan.scale,
        "seed": cell.seed(plan.seed),
        "code": {"backbone": "c0de", "head": "4ead"},
        "finished": f"2026-11-0{1 + cell.draw}T08:00:00Z",
        "provider": "partbench 0.1.0",
        "weights": min(shipped_weights().get(cell.backbone, ()), default=None),
        "fit": {"steps": 9, "settled": None, "loss": 0.1, "iou": 0.9, "constant": 0.2, "accuracy": 0.9},
        "parameters": PARAMETERS.get(cell.backbone),
    }
    return CellResult(cell, tuple(facts["classes"]), tuple(facts["excluded"]), None, confusion, provenance)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Exports grey pictures of 64 pixels to be annotated, by default `p0` and `p1`."""

    def write(kind: str = "labelme", images: tuple[str, ...] = ("p0", "p1"), name: str = "shots") -> Path:
        with new_export(tmp_path / name) as folder:
            for number, stem in enumerate(images):
                write_image(folder, stem, Image.new("RGB", (64, 64), (9, 9, number)))
            complete(folder, ExportManifest(images, tuple(PARTS), kind, source="grey"), {}, [*PARTS.values()])
        return tmp_path / name

    return write


@pytest.fixture
def take() -> Callable[..., FoundAnnotations]:
    """Imports annotations."""

    def read(folder: Path, place: Path | None = None, colours: Any = ()) -> FoundAnnotations:
        reading = AnnotationReader(folder, read_manifest(folder), "painter")
        return take_annotations(place, reading, "a person", colours or [*PARTS.values()])

    return read


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes in one thread, so that the time of a process is that of its work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
