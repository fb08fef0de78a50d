"""The pages of a board in a real browser: what is sorted, filtered and compared, and that nothing leaves the folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t as student

from partbench.benchmark.board.board_runs import board_runs
from partbench.benchmark.board.from_run import SubmitOptions, submissions_of
from partbench.benchmark.board.layout import ROOT
from partbench.benchmark.board.query import BoardQuery
from partbench.benchmark.board.site.build import build_site
from partbench.benchmark.board.writing import files_of, write
from partbench.benchmark.metrics.significance import Comparison, compare
from partbench.benchmark.scores.leaderboard import trusted_estimates
from partbench.benchmark.scores.pairings import of_backbones

HOSTILE = "<img src=x onerror=alert(1)>"
MANY = 56
"""Backbones of one family, more than a table shows at once."""
NAMES, PINNED, SCORES = "#rows th a", "#yardsticks th a", "#rows td.score"


@pytest.fixture(scope="module")
def board(drawn_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three controls, two backbones of ours, many of another family, and a name that is markup."""
    base = tmp_path_factory.mktemp("pages")
    (base / "board" / ROOT).mkdir(parents=True)
    skills = {"jigsaw": 0.8, "vae": 0.78, "pixels": 0.4, "copy": 0.3, "random:vae": 0.35, HOSTILE: 0.6}
    many = {f"timm:net-{i:02d}": 0.5 + 0.005 * i for i in range(MANY)}
    for name, kept, heads in (("ours", skills, ("ridge", "knn")), ("many", many, ("ridge",))):
        run = drawn_run(base / name, kept, heads=heads)
        own = {HOSTILE: "<b>none</b>"} if HOSTILE in kept else {}
        options = SubmitOptions("alice", licences={"": "Apache-2.0", **own})
        for _, files in files_of(submissions_of(run, options), base / "board"):
            write(base / "board", files)
    return base / "board"


@pytest.fixture(scope="module")
def site(board: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(BoardQuery(board, {}), tmp_path_factory.mktemp("site") / "site").page.parent


@pytest.fixture(scope="module")
def opened(window_of: Callable[..., Any], site: Path) -> Any:
    return window_of(site, viewport={"width": 1280, "height": 900})


@pytest.fixture
def window(opened: Any) -> Iterator[Any]:
    """After each test nothing has left the folder, and nothing was complained about."""
    opened.requests.clear()
    yield opened
    assert (opened.outside(), opened.complaints) == ([], [])
    assert opened.page.locator("img").count() == 0


@pytest.fixture
def table(window: Any) -> Any:
    """The page of the table, in its first view: the ridge, with two shots."""
    return window.open("tables/*.html")


def test_a_table_opens_with_the_best_first(table: Any, window: Any) -> None:
    """Fifty at a time, and the controls above them."""
    assert len(window.texts(NAMES)) == 50
    assert window.numbers(SCORES) == sorted(window.numbers(SCORES), reverse=True)
    assert {*window.texts(PINNED)} == {"pixels", "copy", "random:vae"}
    assert table.locator("#count").inner_text() == f"1 to 50 of {MANY + 3} backbones and 3 controls"


def test_a_name_is_seen_as_it_is(table: Any, window: Any) -> None:
    """And so is a licence; both lead to a page."""
    table.locator("#filter").fill("<img")
    assert window.texts(NAMES) == [HOSTILE]
    assert "<b>none</b>" in window.texts("#rows td.long")
    window.follow(table.locator(NAMES))
    assert window.texts("h1")[0].startswith(HOSTILE)


@pytest.mark.parametrize("key", ["rank", "name", "score", "licence", "by", "draws", "size", "ms"])
def test_every_column_sorts_both_ways(table: Any, window: Any, key: str) -> None:
    """A click sorts, a second click the other way round, and assistive software is told; controls stay above."""
    header = table.locator(f"#board th[data-key={key}]")
    directions, firsts = set(), []
    for _ in range(2):
        header.locator("button").click()
        directions.add(header.get_attribute("aria-sort"))
        firsts.append(window.texts(NAMES))
        assert len(window.texts(PINNED)) == 3
    assert directions == {"ascending", "descending"}
    assert table.locator("#board th[aria-sort]").count() == 1
    if key == "size":
        assert [names[:2] for names in firsts] == [["jigsaw", "vae"], ["vae", "jigsaw"]]
    if key in ("name", "score", "rank"):
        assert firsts[0] != firsts[1]


def test_pages_turn(table: Any, window: Any) -> None:
    """The second has the rest; no backbone is on both."""
    first = window.texts(NAMES)
    assert table.locator("#back").is_disabled()
    table.locator("#on").click()
    assert len(window.texts(NAMES)) == MANY + 3 - 50
    assert not {*first} & {*window.texts(NAMES)}
    assert table.locator("#on").is_disabled()
    table.locator("#filter").fill("net-0")
    assert len(window.texts(NAMES)) == 10 and not table.locator(".pager").is_visible()


def test_filters_leave_the_controls(table: Any, window: Any) -> None:
    """By family, licence, size, cost and mark; what is filtered is said, and what is not known is in no range."""
    table.locator("#family").select_option("vae")
    assert window.texts(NAMES) == ["vae"] and len(window.texts(PINNED)) == 3
    table.locator("#family").select_option("")
    table.locator("#licence").select_option("MIT, shipped with partbench")
    assert window.texts(NAMES) == ["jigsaw", "vae"]
    table.locator("#size").fill("1.67")
    assert window.texts(NAMES) == ["jigsaw"]
    table.locator("#size").fill("1.68")
    assert window.texts(NAMES) == ["jigsaw", "vae"]
    table.locator("#licence").select_option("")
    assert window.texts(NAMES) == ["jigsaw", "vae"]
    table.locator("#size").fill("")
    table.locator("#licence").select_option("MIT, shipped with partbench")
    table.locator("#cost").fill("5")
    assert table.locator("#count").inner_text() == "0 backbones and 3 controls"
    table.locator("#cost").fill("")
    table.locator("#marked").select_option("1")
    assert window.texts(NAMES) == []


def test_metric_head_and_shots_can_be_chosen(table: Any, window: Any) -> None:
    """Under another head there are those that have it, and what takes none."""
    seen = {}
    for name in table.locator("#metric option").all_inner_texts():
        table.locator("#metric").select_option(label=name)
        assert table.locator("#formula").inner_text().startswith(f"{name}: ")
        seen[name] = window.numbers(SCORES)
    assert len(seen) == 3 and seen["mean"] != seen["paper_weighted"]
    table.locator("#head").select_option("knn")
    assert {*window.texts(NAMES)} == {"jigsaw", "vae", HOSTILE}
    assert "copy" in window.texts(PINNED)
    assert window.texts("#shown") == ["small_parts, head knn, 2 shots"]
    before = window.numbers(SCORES)
    table.locator("#shots").select_option("1")
    assert window.numbers(SCORES) != before


def test_the_script_draws_what_the_file_says(table: Any, browser: Any, site: Path) -> None:
    """Without scripts the same rows stand there, with the same ranks and intervals."""
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto(next(site.glob("tables/*.html")).as_uri())
    for selector in ("#rows tr", "#yardsticks tr", "#low", "#high", "caption"):
        assert still.locator(selector).all_inner_texts() == table.locator(selector).all_inner_texts()
    assert "all are in board.json" in still.locator("body").inner_text()
    context.close()


def test_an_interval_is_drawn_where_its_numbers_say(table: Any) -> None:
    """The bar lies between the ends of the axis as the numbers beside it do."""
    low, high = (float(table.locator(f"#{end}").inner_text()) for end in ("low", "high"))
    row = table.locator("#rows tr").first
    mean, half = (float(part) for part in row.locator(".score").inner_text().split(" ± "))
    axis, bar = row.locator(".bar").bounding_box(), row.locator(".bar i").bounding_box()
    scale = axis["width"] / (high - low)
    assert bar["width"] == pytest.approx(2 * half * scale, abs=2)
    assert bar["x"] - axis["x"] == pytest.approx((mean - half - low) * scale, abs=2)


def test_the_keyboard_is_enough(table: Any, window: Any) -> None:
    """The first tab skips to the content, headers are reached and sort, and the focus can be seen."""
    table.keyboard.press("Tab")
    assert table.locator(".skip").evaluate("one => one === document.activeElement")
    table.locator("#marked").focus()
    for _ in range(10):
        table.keyboard.press("Tab")
        if table.evaluate("document.activeElement.textContent") == "Score, %":
            break
    table.keyboard.press("Enter")
    assert window.numbers(SCORES) == sorted(window.numbers(SCORES))
    assert table.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_everything_has_a_label(window: Any) -> None:
    """Every table a caption, every header cell a scope, every field a label, on every kind of page."""
    for name in ("index.html", "tables/*.html", "backbones/jigsaw*.html", "compare.html"):
        page = window.open(name, "#a=vae@423e5e558912ed43&b=copy@none" if name == "compare.html" else "")
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.locator("th:not([scope])").count() == 0
        labels = page.locator("input, select").evaluate_all("all => all.map(one => one.labels.length)")
        assert all(labels)
        assert page.locator("h1").count() == 1


def python_compares(board: Path, a: str, b: str) -> dict[tuple[str, int], Comparison]:
    [run] = board_runs(BoardQuery(board, {}))
    pairs = of_backbones(trusted_estimates(run.results, "mean"), a, b)
    return {(place.head, place.shots or 0): found for place, found in compare(pairs).items()}


def compared(page: Any, a: str, b: str) -> None:
    """Waits for these two: what was compared before stands until their scores have been read."""
    page.locator(f'#found table:has(th:text-is("A: {a}")):has(th:text-is("B: {b}"))').first.wait_for()


@pytest.mark.parametrize(
    ("a", "b"), [("vae", "jigsaw"), ("copy", "vae"), ("timm:net-50", "timm:net-51"), ("copy", "copy")]
)
def test_two_are_compared_as_partbench_compares_them(board: Path, window: Any, a: str, b: str) -> None:
    """Scores, paired differences, intervals and corrected p are those of Python; what takes no head is beside all."""
    page = window.open("compare.html")
    page.locator("#a").fill(a)
    page.locator("#b").fill(b)
    page.locator("#b").press("Enter")
    compared(page, a, b)
    script = """([a, b]) => partbench.paired.test(partbench.compare.pairsOf(
        ...[a, b].map(name => [...partbench.compare.taken.values()].find(one => one.name === name).tables[0])))
        .map(({head, shots, a, b, mean, half, p, shown}) => ({head, shots, a, b, mean, half, p, shown}))"""
    found = {(one["head"], one["shots"]): one for one in page.evaluate(script, [a, b])}
    expected = python_compares(board, a, b)
    assert found.keys() == expected.keys()
    for key, one in expected.items():
        ours = found[key]
        assert (ours["a"], ours["b"]) == pytest.approx((one.a.mean, one.b.mean))
        assert ours["mean"] == pytest.approx(one.difference.mean, abs=1e-9)
        assert ours["half"] == pytest.approx(one.difference.half_width(), rel=1e-3, abs=1e-9)
        assert ours["p"] == pytest.approx(one.p, rel=5e-3, abs=1e-12)
        assert ours["shown"] == one.shown()
    assert len(window.texts("#found tbody tr")) == len(expected)


def test_it_opens_with_the_two_best(window: Any) -> None:
    """Of the first table and no control; beside one that is named, with the best of the others."""
    page = window.open("compare.html")
    page.locator("#found table").wait_for()
    best = [page.locator(f"#{id}").input_value() for id in ("a", "b")]
    window.open("tables/*.html")
    assert best == window.texts(NAMES)[:2]
    for named, beside in ((best[0], best[1]), ("copy", best[0])):
        window.follow(window.open(f"backbones/{named.replace(':', '_')}*.html").get_by_text("with another backbone"))
        assert [page.locator(f"#{id}").input_value() for id in ("a", "b")] == [named, beside]
        compared(page, named, beside)


def test_the_distribution_is_students(window: Any) -> None:
    """Both its tails and its quantiles, for few degrees of freedom and many."""
    page = window.open("compare.html")
    for freedom in (1, 2.5, 7, 99, 1e4, 1e6):
        for t in (0.01, 1, 2.5, 8):
            beyond = page.evaluate(f"partbench.paired.beyond({t}, {freedom})")
            assert beyond == pytest.approx(2 * student.sf(t, freedom), rel=1e-8)
        quantile = page.evaluate(f"partbench.paired.quantile({freedom}, 0.05)")
        assert quantile == pytest.approx(student.ppf(0.975, freedom), rel=1e-8)


def test_a_comparison_has_an_address(window: Any) -> None:
    """Which a page of a backbone gives, and the fields change."""
    page = window.open("backbones/jigsaw*.html")
    window.follow(page.get_by_text("with another backbone"))
    assert page.locator("#a").input_value() == "jigsaw"
    page.locator("#b").fill("vae")
    page.locator("#b").press("Enter")
    compared(page, "jigsaw", "vae")
    verdict = page.locator("#verdict").inner_text()
    page.reload()
    compared(page, "jigsaw", "vae")
    assert page.locator("#verdict").inner_text() == verdict
    page.locator("#swap").click()
    assert page.locator("#a").input_value() == "vae"


def test_the_first_page_finds_tables_and_backbones(window: Any) -> None:
    """By a part of a name, by the size of masks, by family."""
    page = window.open("index.html")
    assert window.texts("#tables tbody th") == ["faces"]
    page.locator("#tables-filter").fill("cats")
    assert page.locator("#tables-count").inner_text() == "0 tables"
    page.locator("#family").select_option("jigsaw")
    assert window.texts(NAMES) == ["jigsaw"]
    window.follow(page.locator(NAMES))
    assert window.texts("h1") == ["jigsaw"]


def test_a_narrow_screen_needs_no_sideways_scrolling(window_of: Callable[..., Any], site: Path) -> None:
    """At 390 pixels every page fits; what is wider scrolls in its own box."""
    window = window_of(site, viewport={"width": 390, "height": 800})
    for name in ("index.html", "tables/*.html", "backbones/jigsaw*.html", "backbones/_img*.html", "compare.html"):
        page = window.open(name, "#a=vae@423e5e558912ed43&b=copy@none" if name == "compare.html" else "")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    window.page.close()


def test_it_is_light_dark_and_printed(table: Any) -> None:
    """As the system says; on paper dark on white, without what can only be clicked."""
    seen = []
    for scheme in ("light", "dark"):
        table.emulate_media(color_scheme=scheme)
        seen.append(table.evaluate("getComputedStyle(document.body).backgroundColor"))
    table.emulate_media(media="print", color_scheme="dark")
    try:
        assert seen[0] == table.evaluate("getComputedStyle(document.body).backgroundColor") != seen[1]
        assert table.locator("form:visible, nav:visible, .pager:visible").count() == 0
        assert table.locator("#rows tr:visible").count() == 50
    finally:
        table.emulate_media(media="screen", color_scheme=None)


def test_a_site_is_served_as_well(window: Any, site: Path) -> None:
    """What it says of itself is the same from any host: every address is relative."""
    for page in site.rglob("*.html"):
        assert 'src="/' not in page.read_text() and 'href="/' not in page.read_text()
    assert json.loads((site / "board.json").read_text())
