"""Every experiment of the paper is a preset: plans by name at two scales, and our scores beside the paper's."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from partbench.benchmark.cli.commands.preset import PresetChoice
from partbench.benchmark.cli.commands.preset_table import read_board
from partbench.benchmark.file_cache import FileCache
from partbench.benchmark.file_contents import Content
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.paper import user_paths
from partbench.benchmark.paper.preset import Preset, PresetError
from partbench.benchmark.paper.preset_files import FOLDER, build_preset, needs, place_names, preset_names
from partbench.benchmark.paper.preset_folder import PresetFolder
from partbench.benchmark.paper.tables import cell_text, definitions, long_table
from partbench.benchmark.plan import COPY, NO_HEAD
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset, find_head
from partbench.benchmark.report.preset_page import make_first_page
from partbench.benchmark.results import CellResult
from partbench.datasets.faces import CLASSES
from partbench.heads.cnn import NETWORKS, Cnn

NAMES = preset_names()
NO_BACKBONE = {COPY, "supervised"}
Call = Callable[..., Any]


@pytest.fixture
def call(call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`partbench ARGUMENTS` on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    return call


def embedded(name: str) -> Preset:
    """A preset with a path for everything that it may need."""
    return build_preset(name, "embedded", {place: f"{place}.safetensors" for place in place_names(name, "embedded")})


def test_there_is_a_preset_for_every_experiment() -> None:
    """In the paper's order, tables first."""
    tables = [f"table-{key}" for key in "1234567bfg"]
    assert (*tables, "figure-6", "figure-10", "figure-k") == NAMES
    assert {f"{name}.toml" for name in NAMES} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_asks_for_what_is_there(name: str) -> None:
    """At the embedded scale datasets, heads and backbones without a file are in the catalogue; claims have rows."""
    preset, catalogue = embedded(name), load_catalogue()
    for part in preset.parts:
        classes = find_dataset(catalogue, part.plan.dataset).record.classes
        assert len(classes) > 2 and part.overlaps and part.plan.schedule == "medium"
        for backbone in set(part.plan.backbones) - NO_BACKBONE:
            assert "@" in backbone or find_backbone(catalogue, backbone).record.channels
        for head in part.plan.heads:
            assert find_head(catalogue, head).record.build
    for claim in preset.claims:
        assert {claim.row, *claim.against} <= {row.name for row in preset.rows}
        assert claim.column in {column.name for column in preset.paper.columns}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["embedded", "paper"])
def test_every_row_of_the_paper_s_own_has_ours_or_a_reason(name: str, scale: str) -> None:
    """And of a row that has ours, every task is scored by a part at its number of shots."""
    preset = build_preset(name, scale, dict.fromkeys(place_names(name, scale), "x"))
    for row in preset.paper.rows:
        if row.by:
            continue
        ours = preset.row_of(row.name)
        if ours is None:
            assert any(sentence.startswith(f"{row.name}: ") for sentence in preset.left_out)
            continue
        for column in preset.paper.columns:
            part = preset.part_of(preset.paper.task_of(row, column).name, ours)
            assert part is not None and row.shots in part.plan.shots
            backbone, head, _ = part.key(ours, row.shots)
            assert any(
                (cell.backbone, cell.head, cell.shots) == (backbone, head, row.shots) for cell in part.plan.cells()
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_comes_back_from_its_folder(name: str, tmp_path: Path) -> None:
    """As it was written, plans with their hashes and all."""
    folder, preset = PresetFolder(tmp_path / "run"), embedded(name)
    folder.write(preset)
    assert folder.read() == preset
    assert [part.plan.hash for part in folder.read().parts] == [part.plan.hash for part in preset.parts]


def test_the_paper_s_scale_is_the_paper_s() -> None:
    """Its schedule, its layers by its projection, its classes, all by the user's own files."""
    paths = {"celebamask-hq": "/data/celeba", "ffhq": "ffhq.safetensors"}
    preset = build_preset("Table-1", "paper", paths)
    three, ten = preset.parts
    assert (three.plan.dataset, ten.plan.dataset) == ("celebamask-hq:/data/celeba#paper3", "celebamask-hq:/data/celeba")
    assert ten.plan.backbones == ("stylegan2:all,optimise@ffhq.safetensors",)
    assert (ten.plan.schedule, ten.plan.size, ten.plan.scale, ten.plan.test) == ("paper", 512, "none", 2824)
    assert ten.plan.heads == ("cnn-l", "mlp-2") and ten.plan.shots == (1, 5, 10)


def test_rows_without_weights_are_left_out_of_table_g() -> None:
    """The generator is needed; of the other networks each says how it comes to be."""
    assert needs("table-g", "paper") == ("ffhq", "celebamask-hq")
    preset = build_preset("table-g", "paper", {"celebamask-hq": "c", "ffhq": "f", "vae": "v"})
    assert [row.name for row in preset.rows] == ["GANs", "VAE"]
    assert any(s.startswith("HED: it takes --weights pix2pix-hed=FILE, the weights that partbench pretrain pix2pix-hed")
               for s in preset.left_out)  # fmt: skip
    assert preset.claims[0].against == ("VAE",)


def test_shipped_generators_need_not_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where their files are; the user's own come before them."""
    file = tmp_path / "cars.safetensors"
    monkeypatch.setattr(user_paths, "SHIPPED", {"cars64": file})
    assert needs("table-4", "embedded") == ("cars64",)
    file.write_text("")
    assert needs("table-4", "embedded") == ()
    assert build_preset("table-4", "embedded", {}).parts[0].plan.backbones[0] == f"stylegan2@{file}"
    assert build_preset("table-4", "embedded", {"cars64": "mine"}).parts[0].plan.backbones[0] == "stylegan2@mine"


def test_what_is_one_run_is_one_part() -> None:
    """Drawn cars are scored with and without their background from the same cells; photographs are two runs."""
    drawn, photographed = (
        build_preset("table-4", scale, dict.fromkeys(place_names("table-4", scale), "x"))
        for scale in ("embedded", "paper")
    )
    assert [part.tasks for part in drawn.parts] == [("car", "car-bg")]
    assert [part.tasks for part in photographed.parts] == [("car",), ("car-bg",)]


OWN = """
title = "Ours"
table = "1"
asks = "Is it so?"
[rows]
CNN = { backbone = "pixels", head = "linear" }
MLP = { backbone = "position", head = "linear" }
Extra = { backbone = "position+position", head = "linear" }
[[claims]]
says = "Colours are worth more than places"
kind = "better"
row = "CNN"
against = ["MLP"]
column = "10-class"
[parts.10-class]
[embedded]
size = 16
draws = 1
test = 4
pool = 10
controls = ["copy"]
"""


@pytest.mark.usefixtures("short_trainings")
def test_a_preset_runs_to_its_table(call: Call, tmp_path: Path) -> None:
    """One of the user's own, from its file: the paper's numbers, ours, a verdict; and again from the files alone."""
    Path("ours.toml").write_text(OWN)
    code, out, err = call("run", "--preset", "ours.toml", "--seed", "3")
    assert code == 0, err
    rows = [line for line in out.splitlines() if line.startswith(("CNN", " CNN", " MLP"))]
    assert re.search(r"CNN +pixels +linear +1 +\(71\.7\) +\d.* \(77\.9\)", rows[0])
    assert re.search(r"control +copy +- +10 ", out) and re.search(r"Extra +position\+position +linear +5 ", out)
    assert "Colours are worth more than places: " in out
    assert "10-class: paper_weighted over 10 classes, the background among them. Ours: faces, 16 px" in " ".join(
        out.split()
    )
    plans = [json.loads(file.read_text())["plan"] for file in sorted(Path("runs/ours-embedded").glob("*/plan.json"))]
    assert {(plan["seed"], plan["draws"], plan["size"]) for plan in plans} == {(3, 1, 16)}

    picture = "runs/ours-embedded/10-class/pictures/rows.png"
    assert f"pictures: {picture}" in err and Path(picture).exists()
    before = {file: file.read_bytes() for file in Path("runs").rglob("cells/*")}
    assert call("leaderboard", "runs/ours-embedded")[1] == out
    record = json.loads(call("run", "--preset", "ours.toml", "--seed", "3", "--json")[1])
    assert before == {file: file.read_bytes() for file in Path("runs").rglob("cells/*")}
    assert record["source"] == "Table 1" and record["claims"][0]["says"] == "Colours are worth more than places"
    code, _, err = call("run", "--preset", "ours.toml", "--seed", "4")
    assert (code, "seed 3, not 4" in err) == (2, True)
    assert call("leaderboard", "runs/ours-embedded")[1] == out  # nothing was written


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> PresetFolder:
    """Table 4 at the embedded scale with made-up scores: every cell confuses so many pixels."""
    folder, preset = PresetFolder(tmp_path_factory.mktemp("scored") / "table-4"), embedded("table-4")
    (part,) = preset.parts
    small = replace(part, plan=replace(part.plan, test=5, draws=2))
    folder.write(replace(preset, parts=(small,)))
    run, random = folder.run_of(small), np.random.default_rng(0)
    run.write_plan(small.plan, {"data": "abc"})
    truth = random.integers(0, 6, (5, 16, 16))
    classes = ("background", "body", "plate", "light", "wheel", "window")
    for cell in small.plan.cells():
        guess = np.where(random.random(truth.shape) < 0.6, truth, 0)
        facts = {"plan": small.plan.hash, "data": "abc"}
        run.write(CellResult(cell, classes, (), None, confuse(guess, truth, 6), facts))
    return folder


@pytest.mark.parametrize(("name", "size"), [("table-1", 256), ("table-3", 256), ("table-7", 256), ("table-g", 64)])
def test_what_is_asked_of_l_is_asked_where_l_does_not_see_everything(name: str, size: int) -> None:
    """L sees 30 pixels to either side; a preset about networks stays small."""
    assert {part.plan.size for part in embedded(name).parts} == {size}
    reach = Cnn((8,), 3, NETWORKS["L"]).reach
    assert 2 * reach + 1 == 61


def test_a_head_that_did_not_converge_is_marked_in_the_table(scored: PresetFolder, tmp_path: Path, call: Call) -> None:
    """With a mark behind its score, a column for programs, and a line that counts it."""
    folder = PresetFolder(Path(shutil.copytree(scored.path, tmp_path / "table-4")))
    (part,) = folder.read().parts
    run = folder.run_of(part)
    cell = next(cell for cell in part.plan.cells() if cell.head != NO_HEAD)
    result = run.read(cell)
    assert result
    fit = {"steps": 9, "settled": False, "loss": 0.9, "iou": 0.2, "constant": 0.2, "accuracy": 0.5}
    run.write(replace(result, provenance={**result.provenance, "fit": fit}))
    _, out, _ = call("leaderboard", folder.path)
    assert "! (" in out and f"did not converge: {cell.head} 1" in " ".join(out.split())
    rows = json.loads(call("leaderboard", folder.path, "--format", "json")[1])["scores"]
    assert {row["not converged"] for row in rows if row["head"] == cell.head and row["shots"] == cell.shots} == {1}
    call("report", folder.path, "--out", tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "!</td>" in page and "did not converge" in page


def test_figure_6_says_what_a_score_is_worth(tmp_path: Path, call: Call) -> None:
    """The curve of labels is one part and the few-shot scores are others; the paper's numbers stand beside."""
    folder, preset = PresetFolder(tmp_path / "figure-6"), embedded("figure-6")
    parts = tuple(replace(part, plan=replace(part.plan, test=5, draws=2)) for part in preset.parts)
    folder.write(replace(preset, parts=parts))
    truth = np.random.default_rng(0).integers(0, 10, (5, 16, 16))
    right = {("stylegan2", 1): 0.5, ("supervised", 10): 0.3, ("supervised", 45): 0.45, ("supervised", 150): 0.55}
    for part in parts:
        folder.run_of(part).write_plan(part.plan, {"data": "abc"})
        for cell in part.plan.cells():
            random = np.random.default_rng(cell.draw)
            share = right.get((cell.backbone, cell.shots), 0.7)
            guess = np.where(random.random(truth.shape) < share, truth, (truth + 1) % 10)
            folder.run_of(part).write(CellResult(cell, CLASSES, (), None, confuse(guess, truth, 10), {}))
    rows = {row["row"]: row for row in json.loads(call("leaderboard", folder.path, "--format", "json")[1])["labels"]}
    assert 60 < float(rows["1-shot"]["labels"]) < 120 and rows["1-shot"]["paper"].startswith("over 100")
    assert rows["auto-shot"]["labels"] == "450" and set(rows) == {"1-shot", "5-shot", "10-shot", "auto-shot"}
    page, _ = make_first_page(read_board(folder), ["supervised"], tmp_path)
    assert "over 100 (caption), about 150 (section 5.1.1)" in page.read_text()
    text = call("leaderboard", folder.path)[1]
    assert "1-shot - Supervised, 45 shots" in text and "10-shot - Supervised, 150 shots" in text
    assert "Labels that supervised needs for the same score" in text and re.search(
        r"Supervised +supervised +- +150 ", text
    )


def test_definitions_are_never_mixed(scored: PresetFolder) -> None:
    """Each row says its metric, classes and overlaps, ours and theirs; with and without background are two metrics."""
    table = long_table(read_board(scored))
    own = table[(table["row"].str.startswith("Ours")) & (table["column"] == "Average")].set_index("row")
    with_bg, without = own.loc["Ours (Auto-shot)"], own.loc["Ours (Auto-shot) w/o bg"]
    assert (with_bg["metric"], without["metric"]) == ("dataset_mean", "dataset_mean-bg")
    assert "background" in with_bg["classes"] and "background" not in without["classes"]
    assert with_bg["ours"] != without["ours"] and (with_bg["paper"], without["paper"]) == (52.2, 47.9)
    assert with_bg["paper's images"] != without["paper's images"]
    scores = table[table["ours"].notna() | table["paper"].notna()]
    assert (scores["metric"] != "").all() and (scores["classes"] != "").all()
    assert (scores.loc[scores["ours"].notna(), "our overlaps"] == "none, the masks are exact").all()
    assert (scores.loc[scores["paper"].notna(), "paper's overlaps"] == "not stated").all()


def test_an_average_is_that_of_its_classes(scored: PresetFolder) -> None:
    """Ours by class and on average come from the same confusions; those of one class are its own IoU."""
    table = long_table(read_board(scored))
    own = table[table["row"] == "Ours (Auto-shot)"].set_index("column")["ours"]
    assert own["Average"] == pytest.approx(own.drop("Average").mean())


def test_what_others_reported_stands_as_such(scored: PresetFolder) -> None:
    """With whose it is and without a score of ours; a cell that the paper leaves empty stays empty."""
    board = read_board(scored)
    lines = [line for line in board.lines() if line.row in ("CNN", "CNN+CRF", "OMPS")]
    assert {line.by for line in lines if line.paper is not None} == {"[48]", "[62]"}
    assert all(line.ours is None and line.backbone == "" for line in lines)
    texts = {(line.row, line.column): cell_text(line) for line in lines}
    assert texts["OMPS", "BG"] == "" and texts["CNN", "Average"] == "(58.7)"


def test_every_format_tells_the_same(scored: PresetFolder, call: Call) -> None:
    """As a table, Markdown, CSV and JSON."""
    record = json.loads(call("leaderboard", scored.path, "--format", "json")[1])
    csv = call("leaderboard", scored.path, "--format", "csv")[1]
    assert len(record["scores"]) == len(csv.strip().splitlines()) - 1 == len(long_table(read_board(scored)))
    first = next(row for row in record["scores"] if row["row"] == "Ours (Auto-shot)" and row["column"] == "Average")
    assert (first["shots"], first["paper"], first["source"]) == (10, 52.2, "Table 4")
    text = call("leaderboard", scored.path)[1]
    for told in (f"{first['ours']:.1f}", "OMPS [62]", *(word for word in definitions(read_board(scored))[0].split())):
        assert told in text
    assert call("leaderboard", scored.path, "--format", "md")[1].count("| 52.2 |") == 1


def test_another_definition_is_that_of_the_runs(scored: PresetFolder, call: Call) -> None:
    """A metric of one's own has no number of the paper beside it, so the leaderboard of the run is shown."""
    out = call("leaderboard", scored.path, "--metric", "image_mean")[1]
    assert out.startswith("cars: image_mean IoU, %") and "(52.2)" not in out
    assert call("leaderboard", scored.path, "--per-class")[1].startswith("cars: IoU of every class, %")


def test_the_table_comes_from_the_files_alone(scored: PresetFolder) -> None:
    """No torch, no backbone; a damaged cell is named and set aside."""
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"sys.argv = ['partbench', 'leaderboard', {str(scored.path)!r}]\n"
        "main.__globals__['app'](standalone_mode=False)\n"
        "print('heavy:', *({'torch', 'timm', 'torchvision'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_scores_of_another_protocol_are_set_aside(scored: PresetFolder, tmp_path: Path) -> None:
    """A run whose plan is not that of the preset is named, and its scores stand nowhere."""
    folder = PresetFolder(tmp_path / "copy")
    shutil.copytree(scored.path, folder.path)
    preset = folder.read()
    (part,) = preset.parts
    folder.write(replace(preset, parts=(replace(part, plan=replace(part.plan, seed=9)),)))
    results, (error,) = folder.results(folder.read())
    assert results == {"car": []} and str(error).startswith(f"{folder.path / 'car'} is not of the protocol that ")


def test_a_report_has_the_preset_s_page_first(scored: PresetFolder, call: Call, tmp_path: Path) -> None:
    """With links to the report of every run, and the tables beside it."""
    record = json.loads(call("report", scored.path, "--out", tmp_path / "report", "--json")[1])
    page = Path(record["page"]).read_text()
    (run,) = record["runs"]
    assert Path(run["page"]).is_file() and 'href="car/index.html"' in page
    assert "dataset_mean-bg" in page and "OMPS" in page and "<script" not in page
    scores = pd.read_parquet(tmp_path / "report/tables/scores.parquet")
    assert list(scores["paper"].dropna()) == list(long_table(read_board(scored))["paper"].dropna())


def test_a_verb_for_runs_names_those_of_a_preset(scored: PresetFolder, call: Call) -> None:
    """The folder of a preset is none of a run."""
    code, _, err = call("lottery", scored.path)
    assert code == 2 and f"({scored.path / 'car'})" in err


def test_a_folder_holds_one_preset(scored: PresetFolder, call: Call) -> None:
    """At one scale."""
    _, _, err = call("run", "--preset", "table-7", "--out", scored.path)
    assert err == f"partbench: {scored.path} holds the preset table-4 at the scale embedded; choose another --out\n"
    code, _, err = call("run", "--preset", "table-7", "--out", scored.path / "car")
    assert code == 2 and str(scored.path / "car") in err


def test_rows_without_a_head_are_crossed_with_none() -> None:
    """The supervised network of Figure 6 learns from labels alone, in a part of its own."""
    preset = embedded("figure-6")
    part = next(part for part in preset.parts if part.name == "supervised")
    assert part.plan.backbones == ("supervised",) and part.plan.shots == (10, 45, 150, 450)
    assert all(row.head == NO_HEAD for row in preset.extras(part))
    assert len({part.plan.hash for part in preset.parts}) == 1  # so that their scores may be compared


def test_what_a_preset_needs_may_lie_elsewhere() -> None:
    """Behind a URL, or where it was brought from; a path of nothing is refused before anything begins."""
    here = FileCache.here()
    here.remember("brought.safetensors", Content("0" * 64, 1, "brought.safetensors"))
    for path in ("https://host/x.safetensors", "brought.safetensors"):
        parts = PresetChoice("table-4", "embedded", (), (f"cars64={path}",)).build().parts
        assert any(name.endswith(f"@{path}") for part in parts for name in part.plan.backbones)
    with pytest.raises(PresetError, match=r"there is no none\.safetensors for --weights cars64"):
        PresetChoice("table-4", "embedded", (), ("cars64=none.safetensors",)).build()
