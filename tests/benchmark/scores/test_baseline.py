"""A baseline is small, keeps what a paired comparison needs, and is refused when it is not whole."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.benchmark.metrics.confusion import Confusion
from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.plan import PROTOCOL, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.scores.baseline import BLOCKS, Baseline, BaselineError, make_baseline, small
from partbench.benchmark.scores.baseline_file import as_text, read_baseline
from partbench.benchmark.scores.comparability import ComparisonError
from partbench.benchmark.scores.leaderboard import estimates

METRICS = ("paper_weighted", "mean")
PLAN = Plan("faces", ("vae", "we[ird] | <name> \u2603"), ("linear",), shots=(1, 5), draws=3, test=16)


def confusion(random: np.random.Generator, images: int, classes: int = 3) -> Confusion:
    return np.asarray(random.integers(0, 20, (images, classes, classes)) + 30 * np.eye(classes, dtype=np.int64))


def scored(plan: Plan = PLAN, images: int = 16, classes: int = 3, seed: int = 0) -> list[CellResult]:
    """Made-up results of all cells of a plan."""
    random, names = np.random.default_rng(seed), tuple(f"class {k}" for k in range(classes))
    results = []
    for cell in plan.cells():
        facts = {"protocol": PROTOCOL, "plan": plan.hash, "data": "abc", "versions": {"torch": "2.8"}}
        facts["shots"] = f"{cell.draw:08x}{cell.shots:08x}"
        results.append(CellResult(cell, names, (), None, confusion(random, images, classes), facts))
    return results


@pytest.fixture
def made() -> Baseline:
    return make_baseline(PLAN, scored(), METRICS)


@pytest.fixture
def file(made: Baseline, tmp_path: Path) -> Path:
    path = tmp_path / "scores.json"
    path.write_text(as_text(made))
    return path


def with_chance(seed: int, draws: int, images: int) -> Estimate:
    """A score with chance of three kinds, and neighbouring images that are strangers."""
    random = np.random.default_rng(seed)
    table = 50 + random.normal(0, 2, (draws, 1)) + random.normal(0, 12, (1, images))
    table = table + random.normal(0, 6, (draws, images))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def test_what_is_read_is_what_was_written(made: Baseline, file: Path) -> None:
    """To the last digit, names of any kind included."""
    again = read_baseline(file)
    assert as_text(again) == as_text(made)
    assert replace(again, scores={}) == replace(made, scores={})
    for metric, known in made.scores.items():
        for key, estimate in known.items():
            assert np.array_equal(again.scores[metric][key].scores, estimate.scores)
            assert np.array_equal(again.scores[metric][key].influence, estimate.influence)


def test_the_scores_are_those_of_the_run(made: Baseline) -> None:
    """Rounded to four digits, with the same error to a thousandth."""
    for metric in METRICS:
        for key, estimate in estimates(scored(), metric).items():
            kept = made.scores[metric][key]
            assert kept.scores == pytest.approx(estimate.scores, abs=5.1e-5)
            assert kept.error == pytest.approx(estimate.error, rel=1e-3)
            assert kept.freedom == pytest.approx(estimate.freedom, rel=1e-3)


@pytest.mark.parametrize("images", [5, 64])
def test_few_images_are_kept_one_by_one(images: int) -> None:
    """Up to 64, a baseline knows what the run knew."""
    whole = with_chance(0, 3, images)
    assert small(whole).images == images
    assert small(whole).components == pytest.approx(whole.components, rel=2e-3)


@pytest.mark.parametrize("images", [100, 640, 1000])
@pytest.mark.parametrize("draws", [1, 3])
def test_blocks_of_images_have_the_same_variance(images: int, draws: int) -> None:
    """On average over runs each component is the same, even where the blocks are not of one size."""
    pairs = [(with_chance(seed, draws, images), small(with_chance(seed, draws, images))) for seed in range(300)]
    assert {kept.images for _, kept in pairs} == {BLOCKS}
    whole, blocks = (np.mean([pair[side].components for pair in pairs], 0) for side in (0, 1))
    assert blocks == pytest.approx(whole, rel=0.05)


def test_blocks_of_two_sizes_add_no_chance() -> None:
    """What all images move alike is no difference between them, though a larger block has more of it."""
    whole = with_chance(0, 3, 100)
    shifted = replace(whole, influence=whole.influence + 100)
    assert small(shifted).components == pytest.approx(small(whole).components, rel=2e-3)


def test_an_error_from_blocks_covers_as_stated() -> None:
    """Of 95 % intervals of 1,000 images in 64 blocks about 95 % hold the truth."""
    kept = [small(with_chance(seed, 4, 1000)) for seed in range(600)]
    assert 0.925 < np.mean([abs(e.mean - 50) <= e.half_width() for e in kept]) < 0.985


def test_a_difference_of_blocks_is_the_blocks_of_the_difference() -> None:
    """Blocks are sums, so what is paired stays paired."""
    a, b = with_chance(0, 3, 500), with_chance(1, 3, 500)
    assert (small(b) - small(a)).error == pytest.approx(small(b - a).error, rel=2e-3)


def test_the_file_of_a_default_run_is_small() -> None:
    """Below 120 kB for ten backbones, six heads, three numbers of shots, three draws and 16 images."""
    plan = Plan("faces", tuple("abcdefghij"), tuple("uvwxyz"), draws=3, test=16)
    results = scored(plan, classes=2)
    assert len(results) == 540
    assert len(as_text(make_baseline(plan, results, METRICS))) < 120_000


def test_a_diff_shows_which_score_changed() -> None:
    """Another score of one cell changes the two lines of its key and no other."""
    results = scored()
    before = as_text(make_baseline(PLAN, results, METRICS)).splitlines()
    results[0] = replace(results[0], confusion=confusion(np.random.default_rng(9), 16))
    after = as_text(make_baseline(PLAN, results, METRICS)).splitlines()
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 2
    assert (
        changed[0].strip().startswith('{"backbone": "vae", "head": "linear", "shots": 1, "draws": [0, 1, 2], "scores"')
    )
    assert changed[1].strip().startswith('"moves"')


def test_a_score_that_is_no_number_is_null(tmp_path: Path) -> None:
    """JSON knows no NaN; it comes back as one."""
    results = [replace(r, confusion=20 * np.stack([np.eye(3, dtype=np.int64)] * 16)) for r in scored()]
    text = as_text(make_baseline(PLAN, results, ("small_parts",)))
    assert "NaN" not in text
    (tmp_path / "scores.json").write_text(text)
    kept = read_baseline(tmp_path / "scores.json").scores["small_parts"]
    assert all(np.isnan(estimate.mean) for estimate in kept.values())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol": 99}, f"it has another protocol (99, not {PROTOCOL})"),
        ({"protocol": None}, f"it has another protocol (None, not {PROTOCOL})"),
        ({"plan": "other"}, "it has another plan (other, not "),
        ({"data": "other"}, "it has other images, masks or classes (other, not "),
        ({"shots": "other"}, "it has other shots"),
    ],
)
def test_a_mixed_run_is_no_baseline(change: dict[str, object], sentence: str) -> None:
    """The cell that is not like the others is named."""
    results = scored()
    results[-1] = replace(results[-1], provenance={**results[-1].provenance, **change})
    with pytest.raises(ComparisonError) as error:
        make_baseline(PLAN, results, METRICS)
    assert results[-1].cell.slug in str(error.value)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"protocol": 99}, f"the run was scored under protocol 99, and this partbench has {PROTOCOL}; run it again"),
        ({"plan": "other"}, "the cells of the run are of another plan than it says; run it again"),
    ],
)
def test_a_run_of_another_protocol_or_plan_is_no_baseline(change: dict[str, object], sentence: str) -> None:
    """Though its cells are alike."""
    results = [replace(result, provenance={**result.provenance, **change}) for result in scored()]
    with pytest.raises(BaselineError) as error:
        make_baseline(PLAN, results, METRICS)
    assert str(error.value) == sentence


def test_cells_of_other_images_or_classes_are_no_baseline() -> None:
    """However their provenance reads."""
    results, random = scored(), np.random.default_rng(0)
    fewer = replace(results[-1], confusion=confusion(random, 9))
    with pytest.raises(ComparisonError, match="it has 9 test images, not 16"):
        make_baseline(PLAN, [*results[:-1], fewer], METRICS)
    with pytest.raises(ComparisonError, match="it has other classes"):
        make_baseline(PLAN, [*results[:-1], replace(results[-1], excluded=("class 0",))], METRICS)


def test_failed_cells_are_left_out() -> None:
    """A baseline holds what was scored."""
    results = [replace(r, error="it broke", confusion=None) if r.cell.draw == 1 else r for r in scored()]
    kept = make_baseline(PLAN, results, METRICS).scores["mean"]
    assert {estimate.draws for estimate in kept.values()} == {(0, 2)}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("format", 2, "has format 2, and this partbench reads 1; install a newer one"),
        ("format", 0, "has format 0, and this partbench reads 1; write it again"),
        ("format", "x", "is no baseline, or a damaged one ("),
        ("metrics", {"dice": "2 I / (P + T)"}, "has the metric 'dice', which this partbench has not; write it again"),
        ("metrics", {"mean": "any"}, "has another definition of the metric 'mean'; write it again"),
        ("metrics", {}, "is no baseline, or a damaged one (it holds no score)"),
        ("scores", [], "is no baseline, or a damaged one (it holds no score)"),
        ("scores", None, "is no baseline, or a damaged one ("),
        ("images", 17, "is no baseline, or a damaged one (3 draws with 3 scores and "),
        ("images", 1e999, "is no baseline, or a damaged one ("),
        ("shots", [], "is no baseline, or a damaged one ("),
    ],
)
def test_a_file_that_cannot_be_used_is_named(file: Path, field: str, value: object, sentence: str) -> None:
    """With what is wrong and what to do."""
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: value}))
    with pytest.raises(BaselineError) as error:
        read_baseline(file)
    assert str(error.value).startswith(f"{file} {sentence}")


@pytest.mark.parametrize(
    "change",
    [
        {"draws": [0, 1]},
        {"draws": [0, 1, 1]},
        {"draws": []},
        {"draws": None},
        {"scores": {"mean": [1, 2, 3]}},
        {"scores": {"paper_weighted": [1, 2, 300], "mean": [1, 2, 3]}},
        {"scores": {"paper_weighted": [1, 2, float("nan")], "mean": [1, 2, 3]}},
        {"moves": {"paper_weighted": "*", "mean": "*"}},
        {"moves": {"paper_weighted": "AAAA", "mean": "AAAA"}},
        {"moves": {"paper_weighted": 5, "mean": 5}},
        {"shots": "many"},
    ],
    ids=str,
)
def test_a_key_that_was_edited_is_refused(file: Path, change: dict[str, object]) -> None:
    """A score out of its range, draws without scores, moves that are none."""
    record = json.loads(file.read_text())
    record["scores"][0] |= change
    file.write_text(json.dumps(record))
    with pytest.raises(BaselineError, match="is no baseline, or a damaged one"):
        read_baseline(file)


def test_a_key_that_stands_twice_is_refused(file: Path) -> None:
    """As a merge may leave it."""
    record = json.loads(file.read_text())
    file.write_text(json.dumps(record | {"scores": [*record["scores"], record["scores"][0]]}))
    with pytest.raises(BaselineError, match="vae linear 1 stands there twice"):
        read_baseline(file)


def test_a_baseline_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    """The mend can be copied."""
    with pytest.raises(
        BaselineError,
        match=r"^there is no baseline .*scores\.json; make it with partbench baseline RUN --out .*scores\.json$",
    ):
        read_baseline(tmp_path / "scores.json")


TEXT = as_text(make_baseline(PLAN, scored(), METRICS)).encode()


@settings(max_examples=60)
@given(st.integers(0, len(TEXT) - 4))
def test_a_file_that_is_cut_short_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    """Wherever it ends."""
    path = tmp_path_factory.mktemp("cut") / "scores.json"
    path.write_bytes(TEXT[:length])
    with pytest.raises(BaselineError):
        read_baseline(path)


@settings(max_examples=100)
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_a_byte_that_changed_breaks_nothing(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    """The file is read or refused, and nothing else happens."""
    path = tmp_path_factory.mktemp("changed") / "scores.json"
    path.write_bytes(TEXT[:place] + bytes([value]) + TEXT[place + 1 :])
    with suppress(BaselineError):
        read_baseline(path)
