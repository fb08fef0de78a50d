"""The report in a real browser: what can be chosen, sorted and read, and that nothing leaves the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

SCORES = "#board tbody td.score"
NAMES = "#board tbody th"


@pytest.fixture(scope="module")
def opened(window_of: Callable[..., Any], told_report: Path) -> Any:
    """The page in a wide window; tests that choose something choose it for themselves."""
    window = window_of(told_report, viewport={"width": 1280, "height": 900})
    window.open("index.html")
    return window


@pytest.fixture
def page(opened: Any) -> Iterator[Any]:
    """The page as it opens; after each test nothing has left the file, and nothing was complained about."""
    opened.page.reload()
    yield opened.page
    assert (opened.outside(), opened.complaints) == ([], [])
    assert opened.page.evaluate("window.hacked") is None


def test_the_page_opens_with_the_best_first(page: Any, opened: Any) -> None:
    """The mean over heads with most shots, by the metric that was asked for."""
    assert page.locator("#board-formula").inner_text().startswith("mean: ")
    assert len(opened.numbers(SCORES)) == 5
    assert opened.numbers(SCORES) == sorted(opened.numbers(SCORES), reverse=True)
    assert page.locator("th[aria-sort]").get_attribute("data-key") == "score"


def test_hostile_names_are_seen_as_they_are(page: Any, opened: Any) -> None:
    """As text in tables, choices and legends; no element comes of them."""
    assert "<img src=x onerror=alert(1)>" in opened.texts(NAMES)[0]
    assert any("</script><script>window.hacked=1</script>" in text for text in opened.texts(NAMES))
    assert any("</title><script>window.hacked=2</script>" in text for text in opened.texts(".legend li"))
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


def test_a_script_that_is_not_ours_does_not_run(page: Any, opened: Any) -> None:
    """The page's policy stops even one that is put into it later, and every address outside."""
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.hacked = 5'}))")
    with page.expect_event("requestfailed") as refused:
        page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.invalid/x.png'}))")
    assert refused.value.failure == "csp"
    assert len(opened.complaints) == 2
    assert all("Content Security Policy" in text for text in opened.complaints)
    opened.complaints.clear()
    opened.requests.remove("https://example.invalid/x.png")


@pytest.mark.parametrize("key", ["rank", "backbone", "score", "ms", "draws"])
def test_every_column_sorts_both_ways(page: Any, key: str) -> None:
    """A click sorts, a second click the other way round, and assistive software is told."""
    header = page.locator(f"#board th[data-key={key}]")
    orders = []
    for _ in range(2):
        header.locator("button").click()
        orders.append((header.get_attribute("aria-sort"), page.locator(f"{NAMES}").all_inner_texts()))
    assert {direction for direction, _ in orders} == {"ascending", "descending"}
    assert page.locator("#board th[aria-sort]").count() == 1
    first, second = (names for _, names in orders)
    assert sorted(first) == sorted(second)
    if key == "backbone":
        assert first == second[::-1]


def test_sorting_works_from_the_keyboard(page: Any, opened: Any) -> None:
    """Tab reaches every header, Enter sorts, and the focus can be seen."""
    page.locator("#board-filter").focus()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Score, %":
            break
    page.keyboard.press("Enter")
    assert opened.numbers(SCORES) == sorted(opened.numbers(SCORES))
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate("document.activeElement.textContent") == "Score, %"
    assert page.evaluate(outline) == "solid"


def test_the_first_tab_skips_to_the_leaderboard(page: Any) -> None:
    """The skip link comes first and can be seen once it has the focus."""
    page.keyboard.press("Tab")
    link = page.locator(".skip")
    assert link.evaluate("one => one === document.activeElement")
    assert link.bounding_box()["x"] >= 0


def test_the_leaderboard_filters(page: Any, opened: Any) -> None:
    """By a part of the name, by head, and by shots; the number of lines is said."""
    page.locator("#board-filter").fill("VAE")
    assert opened.texts(NAMES) == ["vae"]
    assert page.locator("#board-count").inner_text() == "1 line"
    page.locator("#board-filter").fill("")
    page.locator("#board-head").select_option("every")
    page.locator("#board-shots").select_option("every")
    assert page.locator("#board-count").inner_text() == f"{(4 * 2 + 1) * 2} lines"
    page.locator("#board-head").select_option(label="linear")
    page.locator("#board-shots").select_option("1")
    assert page.locator("#board-count").inner_text() == "5 lines"
    page.locator("#board-filter").fill("nothing is called so")
    assert opened.texts(NAMES) == []


def test_every_metric_can_be_chosen(page: Any, opened: Any) -> None:
    """Each with its definition; another one gives other scores."""
    seen = {}
    for name in page.locator("#board-metric option").all_inner_texts():
        page.locator("#board-metric").select_option(label=name)
        assert page.locator("#board-formula").inner_text().startswith(f"{name}: ")
        seen[name] = opened.texts(SCORES)
    assert len(seen) == 8
    assert seen["mean"] != seen["paper_weighted"]


def test_an_interval_is_drawn_where_its_numbers_say(page: Any) -> None:
    """The bar lies between the ends of the axis as the numbers beside it do."""
    low, high = (float(page.locator(f"#board-{end}").inner_text()) for end in ("low", "high"))
    row = page.locator("#board tbody tr").first
    mean, half = (float(part) for part in row.locator(".score").inner_text().split(" ± "))
    axis, bar = row.locator(".bar").bounding_box(), row.locator(".bar i").bounding_box()
    scale = axis["width"] / (high - low)
    assert bar["width"] == pytest.approx(2 * half * scale, abs=2)
    assert bar["x"] - axis["x"] == pytest.approx((mean - half - low) * scale, abs=2)


def test_charts_follow_the_metric(page: Any) -> None:
    """Of the metrics that were asked for, one is shown."""
    shown = page.locator(".drawn:visible")
    assert set(shown.evaluate_all("all => all.map(one => one.dataset.metric)")) == {"mean"}
    page.locator("#chart-metric").select_option("small_parts")
    assert set(shown.evaluate_all("all => all.map(one => one.dataset.metric)")) == {"small_parts"}


def test_closeups_can_be_chosen(page: Any, opened: Any) -> None:
    """Classes, confusions and pictures of another head or number of shots."""
    for section, selector in (
        ("classes", "#class-table tbody td"),
        ("confusion", "#confusion-table tbody td"),
        ("pictures", "#picture-table tbody td"),
    ):
        before = opened.texts(selector)
        assert len(before) >= 4
        page.locator(f"#{section}-shots").select_option("1")
        assert opened.texts(selector) != before


def test_the_worst_images_come_first(page: Any) -> None:
    """By the mean of the scores in the row."""
    rows = page.locator("#picture-table tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(3).map(cell => Number(cell.textContent)))"
    )
    means = [sum(row) / len(row) for row in rows]
    assert len(rows) == 6
    assert all(a <= b + 1 for a, b in pairwise(means))


def test_an_error_picture_is_black_where_the_prediction_is_wrong(page: Any) -> None:
    """As much of it is black as the prediction has wrong pixels."""
    page.locator("#pictures-show").select_option("errors")
    assert "errors" in str(page.locator("#picture-table").get_attribute("class"))
    pixels = {}
    for kind in ("truth", "guess"):
        style = page.locator(f"#picture-table .{kind if kind == 'guess' else 'truth i'}").first
        pixels[kind] = style.evaluate("one => getComputedStyle(one).backgroundImage.split('url(').length - 1")
    assert pixels == {"truth": 1, "guess": 2}


def test_the_theme_follows_the_system(page: Any) -> None:
    """Page and charts are light on dark, or dark on light."""

    def look() -> tuple[str, str]:
        page_colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        line = page.locator(".chart:visible svg [style*='--series-0']").first
        return page_colour, line.evaluate("one => getComputedStyle(one).stroke + getComputedStyle(one).fill")

    page.emulate_media(color_scheme="light")
    light = look()
    page.emulate_media(color_scheme="dark")
    dark = look()
    page.emulate_media(color_scheme=None)
    assert light[0] == "rgb(255, 255, 255)"
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_the_page_prints(page: Any) -> None:
    """Dark on white even in a dark system; nothing to click on is printed."""
    page.emulate_media(media="print", color_scheme="dark")
    try:
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator(".controls:visible, nav:visible").count() == 0
        assert page.locator("#board:visible, .chart svg:visible").count() >= 3
    finally:
        page.emulate_media(media="screen", color_scheme=None)
    assert page.pdf()[:5] == b"%PDF-"


def test_a_narrow_screen_needs_no_sideways_scrolling(window_of: Callable[..., Any], told_report: Path) -> None:
    """At 390 pixels the page fits; what is wider scrolls in its own box."""
    seen = window_of(told_report, viewport={"width": 390, "height": 800})
    seen.open("index.html")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    inside = seen.page.locator(".scroll").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(inside) <= 390
    assert seen.page.locator(".chart:visible").first.evaluate("one => one.scrollWidth > one.clientWidth")
    seen.page.close()


def test_the_page_can_be_read_without_scripts(browser: Any, told_report: Path) -> None:
    """The leaderboard and the charts are there, and where the rest is, is said."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((told_report / "index.html").as_uri())
    assert page.locator(SCORES).count() == 5
    assert page.locator(".chart svg:visible").count() >= 3
    assert "in the files beside it" in page.locator("body").inner_text()
    context.close()
