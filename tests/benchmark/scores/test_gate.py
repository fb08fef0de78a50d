"""A gate stops what fell, as often as its level says, and refuses to compare what is not alike."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from partbench.benchmark.cli.commands import gate
from partbench.benchmark.metrics.confusion import Confusion
from partbench.benchmark.metrics.definitions import find_metric
from partbench.benchmark.metrics.estimate import Estimate, estimate
from partbench.benchmark.metrics.power import Components, components_of, power
from partbench.benchmark.metrics.significance import find_drops, holm, levels
from partbench.benchmark.plan import PROTOCOL, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.baseline import Baseline, make_baseline
from partbench.benchmark.scores.comparability import ComparisonError
from partbench.benchmark.scores.gate import ALL_HEADS, Gate, GateError, Verdict, compute_gate
from partbench.benchmark.scores.gate_formats import as_json, as_junit, as_markdown

CLASSES = ("ground", "part")
METRIC = "mean"
DRAWS, IMAGES, RUNS = 3, 16, 200


def two_runs(
    random: np.random.Generator, keys: int, lost: float = 0.0, draws: int = DRAWS, images: int = IMAGES
) -> tuple[Confusion, Confusion]:
    """Confusions (keys, draws, images, 2, 2) of the same backbones under two names.

    They find a part of 40 in 400 pixels. Easy images and lucky draws are the same for both; by draw, by image and by
    both, each has chance of its own. In the second run the first backbone has lost some skill.
    """
    ease, luck = random.normal(0, 0.8, images), random.normal(0, 0.3, (draws, 1))
    runs = []
    for less in (0.0, lost):
        chance = random.normal(0, 0.15, (keys, draws, 1)) + random.normal(0, 0.3, (keys, 1, images))
        logit = 0.5 + ease + luck + chance + random.normal(0, 0.2, (keys, draws, images))
        logit[0] -= less
        hits = random.binomial(40, 1 / (1 + np.exp(-logit)))
        wrong = random.binomial(360, 0.02, hits.shape)
        runs.append(np.stack([np.stack([360 - wrong, wrong], -1), np.stack([40 - hits, hits], -1)], -2))
    return runs[0], runs[1]


def made(confusion: Confusion, heads: Sequence[str] = ("linear",), metrics: Sequence[str] = (METRIC,)) -> Baseline:
    """The baseline of such a run; the keys are backbones by heads."""
    names = tuple(f"backbone {i}" for i in range(len(confusion) // len(heads)))
    plan = Plan("faces", names, tuple(heads), shots=(1,), draws=confusion.shape[1], test=confusion.shape[2])
    return make_baseline(plan, results(plan, confusion), metrics)


def results(plan: Plan, confusion: Confusion) -> list[CellResult]:
    """The cells of a plan with the confusions of its keys and draws in their order."""
    facts = {"protocol": PROTOCOL, "plan": plan.hash, "data": "abc", "versions": {"torch": "2.8"}}
    flat = confusion.reshape(-1, *confusion.shape[2:])
    return [
        CellResult(cell, CLASSES, (), None, one, facts | {"shots": f"shots {cell.shots} {cell.draw}"})
        for cell, one in zip(plan.cells(), flat, strict=True)
    ]


def rounds(
    keys: int, lost: float = 0.0, size: tuple[int, int] = (DRAWS, IMAGES), tolerance: float = 0.0, runs: int = RUNS
) -> list[Gate]:
    """So many gates between runs of the same backbones under two names."""
    random, gates = np.random.default_rng(0), []
    for _ in range(runs):
        before, after = two_runs(random, keys, lost, *size)
        gates.append(compute_gate(made(before), made(after), tolerance))
    return gates


def difference(lost: float, size: int, seed: int = 1) -> Estimate:
    """Of very many draws and images."""
    runs = two_runs(np.random.default_rng(seed), 1, lost, size, size)
    before, after = (estimate(list(enumerate(run[0])), find_metric(METRIC), np.ones(2, dtype=bool)) for run in runs)
    return after - before


@cache
def fallen_by(points: float) -> tuple[float, Components]:
    """How much skill is lost by a true drop of so many points, and the chance of such a difference."""

    def miss(lost: float) -> float:
        return difference(lost, 200).mean - difference(0.0, 200).mean + points

    lost = float(optimize.brentq(miss, 0.0, 1.0, xtol=1e-3))
    return lost, components_of(difference(lost, 120))


def likely(count: int, rate: float, runs: int = RUNS) -> bool:
    """Whether so many are what a rate gives, 999 times in 1000."""
    low, high = stats.binom.interval(0.999, runs, rate)
    return bool(low <= count <= high)


@pytest.mark.parametrize("keys", [1, 12])
def test_where_nothing_fell_a_gate_fires_at_its_level(keys: int) -> None:
    """200 runs of the same backbones under two names: about one in twenty stops, however many scores it holds."""
    assert likely(sum(bool(gate.stopped) for gate in rounds(keys)), 0.05)


@pytest.mark.parametrize(("keys", "size"), [(1, (3, 16)), (12, (3, 16)), (12, (5, 64))], ids=str)
def test_a_drop_of_three_points_is_caught_as_often_as_promised(keys: int, size: tuple[int, int]) -> None:
    """The power that is planned with is the power that 200 gates have, in small runs and in larger ones."""
    lost, spread = fallen_by(3.0)
    promised = power(spread, *size, 3.0, comparisons=keys)
    caught = [any(v.key[0] == "backbone 0" for v in gate.stopped) for gate in rounds(keys, lost, size)]
    assert 0.05 < promised < 0.95
    assert likely(sum(caught), promised)


def test_a_drop_within_the_tolerance_is_let_through() -> None:
    """At the tolerance itself the gate fires at its level, and hardly ever on less."""
    lost, _ = fallen_by(3.0)
    assert likely(sum(bool(gate.stopped) for gate in rounds(1, lost, tolerance=3.0)), 0.05)
    assert sum(bool(gate.stopped) for gate in rounds(1, tolerance=3.0)) <= 2


def test_draws_that_differ_much_fire_no_more_often() -> None:
    """Where three draws are nearly all of the chance, twelve scores together are still stopped one time in twenty."""
    random, fired = np.random.default_rng(5), 0
    for _ in range(400):
        tables = 3 * random.normal(0, 1, (12, DRAWS, 1)) + 4 * random.normal(0, 1, (12, 1, IMAGES))
        tables = tables + random.normal(0, 1, (12, DRAWS, IMAGES))
        family = [Estimate((0, 1, 2), table.mean(1), table - table.mean(1, keepdims=True)) for table in tables]
        fired += any(drop.shown for drop in find_drops(family, 0.0, 0.05))
    assert fired < stats.binom.ppf(0.999, 400, 0.05)


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=10)


@given(p_values, st.sampled_from([0.01, 0.05, 0.3]))
def test_each_bound_is_where_holm_changes_its_mind(p: list[float], alpha: float) -> None:
    """The others being as they are, a p below its level is rejected and one above is not."""
    for i, level in enumerate(levels(p, alpha)):
        for value in (0.999 * level, 1.001 * level):
            corrected = holm([*p[:i], value, *p[i + 1 :]])[i]
            assert (corrected < alpha) == (value < level)


def test_allowed_is_the_lowest_score_that_passes() -> None:
    """Whatever is below it has fallen, whatever is above holds."""
    before, after = two_runs(np.random.default_rng(3), 6, 1.5)
    gate = compute_gate(made(before), made(after))
    assert {v.verdict for v in gate.verdicts} == {"fell", "holds"}
    for v in gate.verdicts:
        assert (v.after < v.allowed) == (v.verdict == "fell") == (v.p < 0.05)
        assert v.allowed < v.before - gate.tolerance


def test_a_run_that_repeats_itself_passes() -> None:
    """To the last pixel: no difference, no error, and what is allowed is the tolerance."""
    one, _ = two_runs(np.random.default_rng(0), 4)
    gate = compute_gate(made(one), made(one.copy()), 0.25)
    assert not gate.stopped
    assert [v.allowed for v in gate.verdicts] == pytest.approx([v.before - 0.25 for v in gate.verdicts])


def test_without_chance_the_tolerance_alone_decides() -> None:
    """A score that is lower by the same on all draws and images has fallen if it is by more than the tolerance."""
    less = [Estimate((0, 1), np.full(2, -points), np.zeros((2, 5))) for points in (0.4, 0.5, 0.6)]
    assert [drop.shown for drop in find_drops(less, 0.5, 0.05)] == [False, False, True]


def test_one_draw_is_held_for_its_shots_alone() -> None:
    """Chance is then that of the images; one draw on one image has none that is known."""
    before, after = two_runs(np.random.default_rng(4), 2, 3.0, draws=1)
    assert [v.key[0] for v in compute_gate(made(before), made(after)).stopped] == ["backbone 0"]
    before, after = two_runs(np.random.default_rng(4), 2, draws=1, images=1)
    with pytest.raises(GateError, match="one draw on one test image says nothing about chance; run with more"):
        compute_gate(made(before), made(after))


def test_a_score_of_one_image_alone_is_not_held() -> None:
    """Nobody knows how sure it is: the gate says so, and neither passes nor fires."""
    one = Estimate((0, 1), np.array([50.0, 51.0]), np.full((2, 4), np.nan))
    whole = made(two_runs(np.random.default_rng(4), 2)[0])
    held = replace(whole, scores={"small_parts": {("vae", "linear", 1): one}})
    with pytest.raises(GateError, match="one test image shows all that small_parts scores, which says nothing"):
        compute_gate(held, held)


def test_a_score_that_is_gone_stops_the_gate_and_a_new_one_does_not() -> None:
    """A whole key, one of its draws, or a number; with the reason where there is one."""
    one, _ = two_runs(np.random.default_rng(0), 4)
    full = made(one)
    known = dict(full.scores[METRIC])
    first, second, third, fourth = known
    gone = {
        first: known[first].at([0, 2]),
        third: replace(known[third], scores=np.full(DRAWS, np.nan)),
        fourth: known[fourth],
        ("new", "linear", 1): known[fourth],
    }
    gate = compute_gate(full, replace(full, scores={METRIC: gone}), reasons={second: "no memory"})
    assert {v.key: (v.verdict, v.why) for v in gate.verdicts} == {
        first: ("missing", "no score of draw 1"),
        second: ("missing", "no score: no memory"),
        third: ("missing", "the score is not a number"),
        fourth: ("holds", ""),
        ("new", "linear", 1): ("new", ""),
    }
    assert [v.verdict for v in gate.verdicts] == ["missing"] * 3 + ["new", "holds"]


def test_a_score_that_never_was_is_not_missed() -> None:
    """What is not a number in the baseline holds nothing; where the run has one, it is new."""
    one, _ = two_runs(np.random.default_rng(0), 2)
    full = made(one)
    first, second = full.scores[METRIC]
    nothing = replace(full.scores[METRIC][first], scores=np.full(DRAWS, np.nan))
    before = replace(full, scores={METRIC: {first: nothing, second: full.scores[METRIC][second]}})
    assert {v.key: v.verdict for v in compute_gate(before, full).verdicts} == {first: "new", second: "holds"}
    assert {v.key: v.verdict for v in compute_gate(before, before).verdicts} == {second: "holds"}


def test_a_baseline_without_a_number_holds_nothing() -> None:
    """It is refused, where every run would pass."""
    full = made(two_runs(np.random.default_rng(0), 2)[0])
    empty = {key: replace(score, scores=np.full(DRAWS, np.nan)) for key, score in full.scores[METRIC].items()}
    with pytest.raises(GateError, match="no score of the baseline is a number, so that it holds nothing"):
        compute_gate(replace(full, scores={METRIC: empty}), full)


def test_scores_that_are_none_are_counted(call: Call, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """What a baseline cannot hold is said under the verdicts."""
    file = tmp_path / "scores.json"
    call("baseline", runs[0], "--out", file, "--metric", METRIC)
    record = json.loads(file.read_text())
    record["scores"][0]["scores"][METRIC] = [None] * DRAWS
    file.write_text(json.dumps(record))
    answer = call("gate", runs[0], "--baseline", file)
    assert answer.code == 0
    assert "1 of 36 scores of the baseline are no numbers, and hold nothing" in answer.out


def test_more_draws_than_the_baseline_has_are_left_out() -> None:
    """The comparison is paired: same draws, same images."""
    one, _ = two_runs(np.random.default_rng(0), 1, draws=5)
    long, short = made(one), made(one[:, :3])
    (verdict,) = compute_gate(short, long).verdicts
    assert verdict.before == verdict.after


def test_over_heads_sees_what_no_head_alone_shows() -> None:
    """A mean over heads has less chance of its own; a head that is missing still stops the gate."""
    random, found, alone = np.random.default_rng(6), 0, 0
    for _ in range(40):
        before, after = two_runs(random, 6)
        hits = np.rint(0.06 * after[..., 1, 1]).astype(int)
        after[..., 1, 1] -= hits
        after[..., 1, 0] += hits
        pair = made(before, tuple("abcdef")), made(after, tuple("abcdef"))
        (mean,) = compute_gate(*pair, over_heads=True).verdicts
        assert mean.key == ("backbone 0", ALL_HEADS, 1)
        found += mean.verdict == "fell"
        alone += bool(compute_gate(*pair).stopped)
    assert found > alone
    kept = {key: e for key, e in pair[1].scores[METRIC].items() if key[1] != "c"}
    gate = compute_gate(pair[0], replace(pair[1], scores={METRIC: kept}), over_heads=True)
    assert [(v.key[1], v.verdict) for v in gate.verdicts if v.verdict == "missing"] == [("c", "missing")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol": 0}, f"the baseline is of protocol 0 and the run of {PROTOCOL}; make the baseline again"),
        ({"plan": "x", "fields": {"size": 32}}, "the baseline is of another plan (size was 32 and is 64, "),
        ({"plan": "x"}, "the baseline is of another plan (one that cannot be told); make"),
        ({"data": "x"}, "the baseline is of other images, masks or classes of faces; make the baseline again"),
        ({"images": 4}, "the baseline is of other images, masks or classes of faces; make the baseline again"),
        ({"shots": {(1, 2): "x"}}, "the baseline has other shots in draw 2 of 1; make the baseline again"),
    ],
)
def test_what_is_not_alike_is_refused(change: dict[str, Any], sentence: str) -> None:
    """Protocol, plan, images and shots, each by name."""
    one, _ = two_runs(np.random.default_rng(0), 1)
    with pytest.raises(ComparisonError) as error:
        compute_gate(replace(made(one), **change), made(one))
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(("tolerance", "level"), [(-1, 0.95), (float("nan"), 0.95), (0.5, 0), (0.5, 1), (0.5, 95)])
def test_terms_that_make_no_gate_are_refused(tolerance: float, level: float) -> None:
    """A tolerance below zero, a level that is no share."""
    one, _ = two_runs(np.random.default_rng(0), 1)
    with pytest.raises(GateError, match="make no gate; choose from 0 points and from 0 to 1"):
        compute_gate(made(one), made(one), tolerance, level)


NASTY = "a|b`c`<script>&\"'\x1b[31m\ud800\n]]> *x* __y__ [l](u)"


@pytest.fixture
def nasty() -> Gate:
    """Names from a plugin that mean harm."""
    fell = Verdict(METRIC, (NASTY, "li<near", 5), "fell", 54.3, 40.1, 52.0, 0.001)
    lost = Verdict(METRIC, (NASTY, "-", 1), "missing", 54.3, why="no score: <b>|`")
    return Gate([fell, lost, Verdict("paper_weighted", ("vae", "linear", 1), "holds", 1, 1, 1, 1)], 0.5, 0.95, 2.0)


def test_junit_can_be_read_back(nasty: Gate) -> None:
    """A suite per metric, a case per key, a failure with its text; what XML cannot hold is replaced."""
    root = ET.fromstring(as_junit(nasty))
    assert {s.get("name"): (s.get("tests"), s.get("failures")) for s in root} == {
        "mean": ("2", "2"),
        "paper_weighted": ("1", "0"),
    }
    cases = list(root.iter("testcase"))
    harmless = NASTY.replace("\x1b", "\ufffd").replace("\ud800", "\ufffd")
    assert [case.get("name") for case in cases] == [
        f"{harmless}, li<near, 5 shots",
        f"{harmless}, 1 shot",
        "vae, linear, 1 shot",
    ]
    failures = [case.find("failure") for case in cases]
    assert failures[2] is None
    assert failures[0] is not None and failures[1] is not None
    assert failures[0].get("message") == "mean was 54.30 and is 40.10; the lowest that passes is 52.00 (p = 0.001)"
    assert failures[1].get("message") == "mean was 54.30 and is missing: no score: <b>|`"
    assert failures[0].text == f"{harmless}, li<near, 5 shots: {failures[0].get('message')}"


def test_in_the_summary_names_stay_data(nasty: Gate) -> None:
    """No markup of Markdown or HTML from a name; every row of a table has its eight cells."""
    text = as_markdown(nasty, ["torch <2.8> became `2.9`"])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {9}
    for mark in ("<script", "`", "<b>", "*x*", "__y__", "[l]", "<2.8>", "\ud800"):
        assert mark not in text
    assert "a&#124;b&#96;c&#96;&#60;script&#62;&#38;" in text
    assert "paper_weighted" in text
    assert text.startswith("### partbench gate stopped: 1 fell, 1 missing, 1 hold")


def test_as_json_it_can_be_parsed(nasty: Gate) -> None:
    """Null where there is no number."""
    record = json.loads(json.dumps(as_json(nasty, []), allow_nan=False))
    assert record["passed"] is False
    assert [row["after"] for row in record["verdicts"]] == [40.1, None, 1]
    assert record["verdicts"][0]["backbone"] == NASTY


Call = Callable[..., Any]


def write_run(path: Path, confusion: Confusion, names: Sequence[str]) -> Path:
    plan = Plan("faces", tuple(names), ("linear",), shots=(1, 5), draws=DRAWS, test=IMAGES)
    folder = RunFolder(path)
    folder.write_plan(plan, {"data": "abc"})
    for result in results(plan, confusion):
        folder.write(result)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run, and one in which the backbone `vae` with one shot has lost much."""
    names = ("vae", "stylegan2:B", "pix2pix-bilateral", *(f"other-{i}" for i in range(15)))
    before, after = two_runs(np.random.default_rng(7), 36, 2.0)
    return write_run(tmp_path / "before", before, names), write_run(tmp_path / "after", after, names)


def test_a_regression_stops_the_gate_and_is_told(call: Call, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Exit code 1, the score first in a table of at most 80 columns, JUnit and a summary for the CI."""
    old, new = runs
    file, junit, summary = tmp_path / "scores.json", tmp_path / "out" / "junit.xml", tmp_path / "summary.md"
    summary.write_text("# Before\n")
    assert call("baseline", old, "--out", file, "--metric", METRIC).code == 0
    answer = call("gate", new, "--baseline", file, "--junit", junit, "--summary", summary)
    assert (answer.code, answer.err) == (1, "")
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    body = [line.split() for line in lines if line.rstrip().endswith(("fell", "holds"))]
    assert len(body) == 30
    assert body[0][:4] == ["vae", "linear", "1", "mean"]
    assert body[0][-1] == "fell"
    assert "and 6 more; --all shows them" in lines
    assert lines[-1] == "stopped: 1 fell, 35 hold"
    assert sum(1 for _ in ET.fromstring(junit.read_bytes()).iter("failure")) == 1
    assert summary.read_text().startswith("# Before\n### partbench gate stopped: 1 fell, 35 hold")
    every = call("gate", new, "--baseline", file, "--all").out
    assert len([line for line in every.splitlines() if line.rstrip().endswith(("fell", "holds"))]) == 36


def test_the_same_run_passes_its_own_gate(call: Call, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Exit code 0, as JSON too."""
    file = tmp_path / "scores.json"
    call("baseline", runs[0], "--out", file)
    assert call("gate", runs[0], "--baseline", file, "--tolerance", 0).code == 0
    answer = call("gate", runs[0], "--baseline", file, "--json", "--over", "heads")
    assert answer.code == 0
    record = json.loads(answer.out)
    assert record["passed"] is True
    assert {row["metric"] for row in record["verdicts"]} == {"paper_weighted", "mean"}


def test_a_cell_that_failed_stops_the_gate_with_its_reason(call: Call, runs: tuple[Path, Path], tmp_path: Path) -> None:
    """A score that is missing is no score that holds."""
    file, folder = tmp_path / "scores.json", RunFolder(runs[0])
    call("baseline", folder.path, "--out", file)
    (failed,) = [r for r in folder.results()[0] if r.cell.slug == "vae--linear--5-shot--draw-2"]
    folder.write(replace(failed, error="OutOfMemoryError: [red]2 GB[/]", confusion=None))
    answer = call("gate", folder.path, "--baseline", file)
    assert answer.code == 1
    assert "2 missing: no score of draw 2: OutOfMemoryError: [red]2 GB[/]" in answer.out
    assert answer.out.splitlines()[-1] == "stopped: 0 fell, 2 missing, 70 hold"


@pytest.mark.parametrize("output", ["--junit", "--summary"])
def test_what_breaks_is_no_score_that_fell(
    call: Call, runs: tuple[Path, Path], tmp_path: Path, output: str, small_disk: Callable[..., Any]
) -> None:
    """A full disk is one sentence and exit code 3, and half a file is not left behind."""
    file, written = tmp_path / "scores.json", tmp_path / "full" / "out"
    call("baseline", runs[0], "--out", file)
    with small_disk(100):
        answer = call("gate", runs[0], "--baseline", file, output, written)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == f"partbench: File too large: {written}; see to it and run the same command again\n"
    assert output == "--summary" or list(written.parent.iterdir()) == []


def test_a_fault_of_ours_is_no_score_that_fell(
    call: Call, runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is raised shows where, and ends with exit code 3."""
    file = tmp_path / "scores.json"
    call("baseline", runs[0], "--out", file)
    for error in (ZeroDivisionError("by us"), EOFError("too early")):
        monkeypatch.setattr(gate, "compute_gate", MagicMock(side_effect=error))
        answer = call("gate", runs[0], "--baseline", file)
        assert answer.code == 3
        assert "Traceback" in answer.err
        assert answer.err.endswith("partbench: this is a fault of partbench or a plugin; report the lines above\n")


def test_a_gate_needs_no_torch(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Neither does its baseline: scores are computed from numbers alone."""
    file = str(tmp_path / "scores.json")
    verbs = [["baseline", str(runs[0]), "--out", file], ["gate", str(runs[0]), "--baseline", file]]
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"for verb in {verbs!r}:\n"
        "    sys.argv = ['partbench', *verb]\n"
        "    try: main()\n    except SystemExit as stop: assert not stop.code\n"
        "print({'torch', 'torchvision', 'timm'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "passed: 0 fell" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_the_page_shows_what_there_is(call: Call, repository: Path) -> None:
    """Every option of a command on the page is one of its verb, and the workflow gates what it ran."""
    text = (repository / "docs/pages/gate.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ *partbench (run|gate|baseline) (.*(?:\n +-.*)*)", text, re.MULTILINE)
    assert {verb for verb, _ in commands} == {"run", "gate", "baseline"}
    for verb, arguments in commands:
        told = call(verb, "--help").out
        for option in re.findall(r"--[a-z]+", arguments):
            assert option in told, (verb, option)
    (workflow,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert [re.search(rf"partbench {verb} ", workflow) is not None for verb in ("run", "gate")] == [True, True]
    assert workflow.count("runs/gate") == 3
