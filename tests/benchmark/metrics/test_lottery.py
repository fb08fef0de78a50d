"""The shot lottery: what of a score is luck, from the numbers and the pictures that a run keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from partbench.benchmark.gallery import (
    DRAWS_SHOWN,
    SHOTS_FILE,
    ShotPictures,
    first_shots,
    keep_shots,
    read_shots,
    shot_sheet,
)
from partbench.benchmark.metrics.definitions import METRICS
from partbench.benchmark.metrics.estimate import Estimate, estimate
from partbench.benchmark.metrics.lottery import (
    MOST,
    Lottery,
    LotteryError,
    agreement_of,
    compute_lottery,
    draws_needed,
    growth_of,
    luck_of,
)
from partbench.benchmark.metrics.power import Components
from partbench.benchmark.pictures import GAP, TILE
from partbench.benchmark.plan import COPY, Plan
from partbench.benchmark.results import CellResult, RunFolder
from partbench.benchmark.scores.leaderboard import by_backbone, estimates
from partbench.benchmark.scores.lottery_tables import name_of, needed_text, sentences
from partbench.benchmark.shots import ShotDraws

PLAN = Plan("faces", ("vae", "pixels", COPY), ("linear", "cnn-s"), shots=(1, 2), draws=4, size=8)
SHOTS = (("e.png", "a.png"), ("b.png", "c.png"), ("c.png", "a.png"), ("d.png", "b.png"))
LUCK = (0, 90, 30, 60)
"""What the shots of a draw add, in pixels per class."""
Call = Callable[..., Any]


def made(
    mean: float = 50, by_draw: float = 4, by_image: float = 12, both: float = 6, draws: int = 5, seed: int = 0
) -> Estimate:
    """A score with chance of three kinds, in per cent."""
    random = np.random.default_rng(seed)
    table = mean + random.normal(0, by_draw, (draws, 1)) + random.normal(0, by_image, (1, 40))
    table = table + random.normal(0, both, (draws, 40))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def test_there_is_no_lottery_where_all_draws_are_alike() -> None:
    """With the same confusions for every draw, its share is 0, however much the images differ."""
    confusion = np.random.default_rng(0).integers(0, 40, (9, 3, 3))
    luck = luck_of(estimate([(draw, confusion) for draw in range(4)], METRICS["mean"], np.ones(3, dtype=bool)))
    assert (luck.share, luck.deviation, luck.spread) == (pytest.approx(0), pytest.approx(0), 0)


def test_all_is_lottery_where_all_images_are_alike() -> None:
    """With images that agree and draws that do not, the share is 1."""
    draws = [(d, np.tile(np.array([[[90, 10], [5, 20 + 4 * d]]]), (9, 1, 1))) for d in range(4)]
    luck = luck_of(estimate(draws, METRICS["mean"], np.ones(2, dtype=bool)))
    assert luck.share == pytest.approx(1)
    assert (luck.best, luck.worst) == (3, 0)


def test_without_any_chance_no_share_is_known() -> None:
    """Nothing varies, and nothing is said."""
    assert np.isnan(luck_of(Estimate((0, 1), np.full(2, 50.0), np.zeros((2, 5)))).share)


def test_the_share_is_what_was_put_in() -> None:
    """On average over runs: 4^2 of 4^2 + 12^2 / 40 + 6^2 / 40, and a deviation of 4."""
    lucks = [luck_of(made(seed=seed, draws=6)) for seed in range(300)]
    variance = np.mean([luck.deviation**2 for luck in lucks])
    assert variance == pytest.approx(16, rel=0.1)
    true = 16 / (16 + 144 / 40 + 36 / 40)
    assert np.median([luck.share for luck in lucks]) == pytest.approx(true, abs=0.04)


rankings = st.integers(2, 6).flatmap(
    lambda draws: st.lists(st.lists(st.integers(0, 4), min_size=draws, max_size=draws), min_size=2, max_size=6)
)


@given(rankings)
def test_agreement_is_friedmans_test(rows: list[list[int]]) -> None:
    """W is the statistic over its largest value; scipy has it for three draws or more."""
    table, (judges, draws) = np.array(rows, dtype=float), np.shape(rows)
    found = agreement_of(table)
    if (table == table[:, :1]).all():
        assert np.isnan(found.w)
    elif draws > 2:
        statistic, p = stats.friedmanchisquare(*table.T)
        assert found.w == pytest.approx(statistic / (judges * (draws - 1)))
        assert found.p == pytest.approx(p)


@given(st.integers(0, 500), st.integers(2, 6), st.integers(3, 7))
def test_agreement_is_the_mean_rank_correlation(seed: int, judges: int, draws: int) -> None:
    """Without ties, of all pairs of backbones."""
    table = np.random.default_rng(seed).normal(size=(judges, draws))
    rhos = [stats.spearmanr(table[i], table[j]).statistic for i in range(judges) for j in range(i)]
    assert agreement_of(table).spearman == pytest.approx(np.mean(rhos), abs=1e-12)


def test_who_ranks_alike_agrees() -> None:
    """W is 1 for one order, whatever the scores; nobody agrees with nobody."""
    order = np.array([1.0, 4.0, 2.0, 9.0])
    assert agreement_of(np.array([order, 3 * order, order**2])).w == pytest.approx(1)
    assert np.isnan(agreement_of(order[None]).w)


@pytest.mark.parametrize("difference", [3.0, 1.5, 0.8])
def test_the_draws_that_are_needed_are_enough_and_one_less_is_not(difference: float) -> None:
    """Half the interval, from the formula of the module, passes the difference there."""
    parts, images = Components(draws=9, images=4, both=16), 100

    def half_width(draws: int) -> float:
        both = parts.both / draws / images
        by_draws, by_images = parts.draws / draws + both, parts.images / images + both
        freedom = (by_draws + by_images) ** 2 / (by_draws**2 / (draws - 1) + by_images**2 / (images - 1))
        return float(stats.t.ppf(0.975, freedom) * np.sqrt(by_draws + by_images - both))

    needed = int(draws_needed(parts, images, difference))
    assert 2 < needed < MOST
    assert half_width(needed) < difference <= half_width(needed - 1)
    assert draws_needed(parts, images, -difference) == needed


def test_no_draws_help_against_few_images() -> None:
    """Where the images alone hide a difference the answer is never; elsewhere it may be more than anyone makes."""
    parts = Components(draws=9, images=100, both=0)
    assert needed_text(draws_needed(parts, 100, 1.9)) == "never"
    assert needed_text(draws_needed(parts, 100, 1.99)) == f">{MOST}"
    assert needed_text(draws_needed(parts, 100, 60)) == "2"
    assert needed_text(draws_needed(Components(0, 0, 0), 100, 0.1)) == "2"
    assert needed_text(draws_needed(Components(0, 0, 0), 100, 0)) == "never"


def test_more_draws_rank_better() -> None:
    """The rank correlation of disjoint sets grows with their size; of two draws it is what scipy says."""
    random = np.random.default_rng(3)
    scores = np.linspace(0, 4, 6)[:, None] + random.normal(0, 3, (6, 16))
    growth = growth_of(scores)
    assert list(growth) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert growth[1] < growth[2] < growth[4] < growth[8]
    assert growth == growth_of(scores)
    two = scores[:, :2]
    assert growth_of(two) == {1: pytest.approx(stats.spearmanr(two[:, 0], two[:, 1]).statistic)}
    assert growth_of(scores[:1]) == {}
    assert np.isnan(growth_of(np.zeros((3, 4)))[2])


def test_backbones_are_held_on_the_draws_that_all_have() -> None:
    """Best first; what is not a number is left out, and a lottery takes two draws."""
    scores = {"low": made(30, seed=1), "high": made(70, seed=2).at([0, 2, 3]), "none": made(float("nan"))}
    found = compute_lottery(scores)
    assert (found.draws, found.images, list(found.lucks)) == ((0, 2, 3), 40, ["high", "low"])
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
    assert found.overall.best == next(iter(found.scores))
    (pair,) = found.neighbours
    assert (pair.better, pair.worse) == ("high", "low")
    assert pair.half_width == pytest.approx((made(70, seed=2) - made(30, seed=1)).at([0, 2, 3]).half_width())
    with pytest.raises(LotteryError, match="all backbones have 1 draw in common and a lottery needs 2; run with"):
        compute_lottery({"one": made().at([1])})
    with pytest.raises(LotteryError, match="no score that is a number; choose another --metric"):
        compute_lottery({"none": made(float("nan"))})


def test_sentences_say_what_is_known() -> None:
    """One backbone agrees with nobody and has no neighbour."""
    one = sentences(compute_lottery({"alone": made()}), {})
    assert len(one) == 1
    assert one[0].startswith("mean over backbones: draw ")
    two: Lottery = compute_lottery({"a": made(60), "b": made(10, seed=1)})
    assert any(text.startswith("a stable ranking needs ") for text in sentences(two, {}))


def test_a_draw_is_named_by_its_shots() -> None:
    """One by its name, of several the first, an unknown one by its number; a long name keeps its end."""
    names = {0: ("a.png",), 1: ("a.png", "b.png"), 2: ("some/folder/of/annotated/images/cat.png",)}
    assert name_of(0, names) == "a.png"
    assert name_of(1, names) == "draw 1 (a.png, …)"
    assert name_of(2, names).endswith("images/cat.png")
    assert name_of(3, names) == "draw 3"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was never computed; its draws differ by their luck, for all backbones alike."""
    folder = RunFolder(tmp_path / "run")
    folder.write_plan(PLAN, {"data": "abc", "shots": SHOTS})
    manifest = ShotDraws(((),) * 4, SHOTS)
    for cell in PLAN.cells():
        random = np.random.default_rng([cell.draw, cell.shots, PLAN.backbones.index(cell.backbone)])
        right = 30 + LUCK[cell.draw] + 5 * PLAN.backbones.index(cell.backbone)
        confusion = random.integers(0, 9, (6, 3, 3)) + right * np.eye(3, dtype=np.int64)
        facts = {"data": "abc", "shots": manifest.seen(cell.draw, cell.shots)}
        folder.write(CellResult(cell, ("ground", "hair", "skin"), (), None, confusion, facts))
    return folder.path


def keep(run: Path, count: int = 1) -> ShotPictures:
    """Pictures of the first shots, each in a grey of its own."""
    names = first_shots(SHOTS, count)
    images = np.linspace(0, 1, len(names)).reshape(-1, 1, 1, 1) * np.ones((1, 3, 8, 8))
    shots = ShotPictures.of(names, images, np.arange(len(names)).reshape(-1, 1, 1) * np.ones((1, 8, 8), dtype=np.int64))
    keep_shots(run, shots)
    return shots


def test_a_lottery_is_told(call: Call, run: Path) -> None:
    """Within 80 columns: luck by backbone, the shots by name, agreement, and how many draws are needed."""
    code, out, err = call("lottery", run)
    assert (code, err) == (0, "")
    assert "faces: lottery of 1 shot, mean IoU, %; 4 draws x 6 images, mean over heads" in out
    told = " ".join(out.split())
    assert "mean over backbones: b.png gives " in told
    assert "the backbones agree on which draw is good (Kendall's W " in told
    assert max(map(len, out.splitlines())) <= 80
    rows = {
        line.split()[0]: line.split()[1:3] for line in out.splitlines() if "b.png" in line and " gives " not in line
    }
    assert rows == {name: ["b.png", "e.png"] for name in ("vae", "pixels", COPY, "(all)")}


def test_a_lottery_can_be_read_by_programs(call: Call, run: Path) -> None:
    """The same numbers; draws from the best to the worst, with their shots."""
    found = json.loads(call("lottery", run, "--json", "--metric", "paper_weighted")[1])
    assert (found["metric"], found["shots"], found["images"]) == ("paper_weighted", 1, 6)
    assert [row["draw"] for row in found["draws"]] == [1, 3, 2, 0]
    assert [row["shots"] for row in found["draws"]] == [["b.png"], ["d.png"], ["c.png"], ["e.png"]]
    assert [row["backbone"] for row in found["backbones"]] == [COPY, "pixels", "vae"]
    assert [(row["best"], row["worst"]) for row in found["backbones"]] == [(1, 0)] * 3
    known = by_backbone(estimates(RunFolder(run).results()[0], "paper_weighted"), 1)
    for row in found["backbones"]:
        assert row["share"] == pytest.approx(luck_of(known[row["backbone"]]).share, abs=1e-4)
        assert row["share"] > 0.8
    assert found["overall"]["spread"] == pytest.approx(
        found["draws"][0]["score"] - found["draws"][-1]["score"], abs=2e-4
    )
    assert found["agreement"]["w"] > 0.9
    assert list(found["growth"]) == ["1", "2"]
    assert found["picture"] is None
    other = json.loads(call("lottery", run, "--json", "--shots", "2")[1])
    assert other["draws"][0]["shots"] == ["b.png", "c.png"]


def test_best_and_worst_shots_are_shown(call: Call, run: Path, tmp_path: Path) -> None:
    """A column per draw, the best first, the image above its mask; of two shots those that are kept."""
    keep(run)
    for shots in (1, 2):
        code, out, _ = call("lottery", run, "--out", tmp_path / "out", "--shots", shots)
        path = tmp_path / "out" / f"{shots}-shot-mean.png"
        assert (code, f"picture: {path}" in out) == (0, True)
        with Image.open(path) as image:
            left = image.width - 4 * (TILE + GAP)
            greys = [image.getpixel((left + i * (TILE + GAP) + 9, 60)) for i in range(4)]
    # The names are kept in the order e, b, c, d; the best draw is that of b, then d, c, e.
    assert greys == [(grey,) * 3 for grey in (85, 255, 170, 0)]


def test_without_pictures_the_numbers_are_told(call: Call, run: Path, tmp_path: Path) -> None:
    """A run that kept none, or whose file is damaged, says so on stderr."""
    for _ in range(2):
        code, out, err = call("lottery", run, "--out", tmp_path / "out")
        assert code == 0
        assert "picture" not in out
        assert err == f"{run} kept no pictures of its shots; the same partbench run again keeps them\n"
        keep(run)
        (run / SHOTS_FILE).write_bytes((run / SHOTS_FILE).read_bytes()[:99])


def test_of_many_draws_the_best_and_the_worst_are_shown(run: Path) -> None:
    """Four of each; what has no picture of its first shot has no sheet."""
    shots = keep(run)
    names = {draw: SHOTS[draw % 4][:1] for draw in range(20)}
    sheet = shot_sheet(shots, names, {draw: 100.0 - draw for draw in range(20)})
    assert sheet is not None
    assert 2 * DRAWS_SHOWN * (TILE + GAP) < sheet.width < (2 * DRAWS_SHOWN + 1) * (TILE + GAP)
    assert shot_sheet(shots, {0: ("z.png",)}, {0: 1.0}) is None


def test_pictures_are_kept_as_they_are(run: Path) -> None:
    """Read again they are the same; a file of anything else is no picture."""
    shots, known = keep(run, 2), read_shots(run)
    assert known is not None
    assert known.names == shots.names == ("e.png", "a.png", "b.png", "c.png", "d.png")
    assert np.array_equal(known.images, shots.images)
    assert np.array_equal(known.masks, shots.masks)
    with (run / SHOTS_FILE).open("wb") as file:
        np.savez(file, names=np.array(["a"]), images=np.zeros((2, 8, 8, 3)), masks=np.zeros((2, 8, 8)))
    assert read_shots(run) is None


def test_a_run_keeps_the_shots_that_its_draws_begin_with(call: Call, tmp_path: Path) -> None:
    """Images and masks at the size that is scored; more draws add theirs, and what is kept is not read again."""
    out, tiny = tmp_path / "run", ("--head", "linear", "--test", "2", "--pool", "6", "--size", "16", "--shots", "2,3")
    for draws in (2, 4):
        code, _, err = call("run", "--backbone", COPY, *tiny, "--draws", draws, "--out", out)
        assert (code, err) == (0, "")
        kept, before = read_shots(out), (out / SHOTS_FILE).stat()
        assert kept is not None
        assert list(kept.names) == first_shots(RunFolder(out).read_shots(), 2)
        assert kept.images.shape == (*kept.masks.shape, 3) == (len(kept.names), 16, 16, 3)
        assert kept.images.std() > 10
        assert len(np.unique(kept.masks)) > 2
        call("run", "--backbone", COPY, *tiny, "--draws", draws, "--out", out)
        assert (out / SHOTS_FILE).stat().st_ino == before.st_ino


def test_other_names_than_were_seen_are_set_aside(call: Call, run: Path) -> None:
    """A plan that was edited by hand names no shots."""
    RunFolder(run).write_plan(PLAN, {"data": "abc", "shots": [("z.png", "a.png"), *SHOTS[1:]]})
    _, out, err = call("lottery", run)
    assert err == "set aside: plan.json names other shots of draw 0 than were seen\n"
    assert "b.png gives" in " ".join(out.split())
    assert "z.png" not in out
    RunFolder(run).write_plan(PLAN, {"data": "abc", "shots": 7})
    assert "draw 1 gives" in " ".join(call("lottery", run)[1].split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--shots", "3"), "RUN has no scores of --shots 3; choose 1, 2"),
        (("--metric", "dice"), "there is no metric 'dice'; choose "),
    ],
)
def test_a_mistake_is_one_sentence(call: Call, run: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """The fact, the culprit and the mend, exit code 2."""
    code, _, err = call("lottery", run, *arguments)
    assert code == 2
    assert err.startswith(f"partbench: {sentence.replace('RUN', str(run))}")


def test_a_backbone_without_two_draws_is_set_aside(call: Call, run: Path) -> None:
    """It is named, and the lottery is that of the others."""
    for cell in PLAN.cells():
        if cell.backbone == "vae" and cell.head == "linear" and cell.draw:
            RunFolder(run).write(CellResult(cell, ("a",), error="it broke"))
    _, out, err = call("lottery", run, "--json")
    assert err.splitlines()[-1].startswith("set aside: vae, without a number or with a single draw")
    assert [row["backbone"] for row in json.loads(out)["backbones"]] == [COPY, "pixels"]


def test_one_draw_is_no_lottery(call: Call, run: Path) -> None:
    """It says nothing of others."""
    RunFolder(run).write_plan(replace(PLAN, draws=1), {"data": "abc", "shots": SHOTS})
    assert "all backbones have 1 draw in common and a lottery needs 2; run with --draws 5" in call("lottery", run)[2]
