"""Evaluation and review in a real browser: everything is drawn, nothing is fetched, nothing overflows."""

import json

import pytest
from selenium.webdriver.common.by import By

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
FIGURES = {
    "evaluation": ["calibration", "scores", "clusters", "slices"],
    "review": ["gains", "clusters", "slices", "calibration", "scores"],
}


def opened(browser, path, size):
    """The browser with a page open."""
    browser.set_window_size(*SIZES[size])
    browser.get(f"file://{path}")
    return browser


@pytest.fixture(params=SIZES)
def evaluation(browser, finished, request):
    return opened(browser, finished.path / "reports/evaluation.html", request.param)


@pytest.fixture(params=SIZES)
def review(browser, reviewed, request):
    return opened(browser, reviewed.path / "review/report.html", request.param)


@pytest.fixture(params=[(name, size) for name in FIGURES for size in SIZES], ids="-".join)
def page(browser, finished, reviewed, request):
    name, size = request.param
    where = {
        "evaluation": finished.path / "reports/evaluation.html",
        "review": reviewed.path / "review/report.html",
    }
    return opened(browser, where[name], size)


def test_the_page_loads_without_a_complaint_and_without_the_network(page):
    assert page.get_log("browser") == []
    fetched = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert fetched == []


def test_every_figure_is_drawn_and_named(page):
    figures = page.find_elements(By.CSS_SELECTOR, "figure")
    name = "review" if "review" in page.current_url else "evaluation"
    assert [figure.get_attribute("data-figure") for figure in figures] == FIGURES[name]
    for figure in figures:
        svg = figure.find_element(By.TAG_NAME, "svg")
        assert svg.size["width"] > 200
        assert svg.size["height"] > 100
        assert len(svg.find_elements(By.CSS_SELECTOR, "path, use")) > 20
        assert svg.get_attribute("aria-label")
        assert figure.find_element(By.TAG_NAME, "figcaption").text


def test_the_page_is_no_wider_than_the_screen(page):
    wide, seen = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen


def test_the_texts_of_a_figure_can_be_read(page):
    heights = page.execute_script(
        "return [...document.querySelectorAll('figure svg text')].map(t => t.getBoundingClientRect())"
        ".map(box => Math.min(box.width, box.height))"
    )
    assert len(heights) > 50
    assert min(heights) > 3, "of the narrowest sign"
    assert sorted(heights)[len(heights) // 2] >= 9


def test_the_texts_of_a_figure_do_not_run_out_of_it(page):
    outside = page.execute_script(
        """
        return [...document.querySelectorAll('figure svg')].flatMap(svg => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
          }).map(text => text.textContent);
        })
        """
    )
    assert outside == []


def test_the_headline_figures_come_first_with_intervals(evaluation, finished):
    tiles = evaluation.find_elements(By.CSS_SELECTOR, "[data-metric]")
    assert len(tiles) == len(json.loads(finished.text("reports/metrics.json"))) - 2, "less rows and clusters"
    assert "decides" in tiles[0].text
    assert all(" to " in tile.text for tile in tiles)
    figures = evaluation.find_element(By.CSS_SELECTOR, "figure").location["y"]
    assert all(tile.location["y"] < figures for tile in tiles)


def test_the_tables_open_on_demand(evaluation):
    details = evaluation.find_elements(By.TAG_NAME, "details")
    assert len(details) >= 2
    table = details[0].find_element(By.TAG_NAME, "table")
    assert not table.is_displayed()
    details[0].find_element(By.TAG_NAME, "summary").click()
    assert table.is_displayed()
    assert len(table.find_elements(By.TAG_NAME, "tr")) > 1


def test_a_review_opens_with_its_verdict_and_shows_every_check_with_its_reason(review, reviewed):
    verdict = json.loads(reviewed.text("review/verdict.json"))
    assert review.find_element(By.TAG_NAME, "h1").text.lower().startswith(verdict["verdict"])
    assert verdict["sentence"] in review.find_element(By.TAG_NAME, "header").text
    rows = review.find_elements(By.CSS_SELECTOR, "[data-table=checks] tr")[1:]
    shown = [row.find_element(By.TAG_NAME, "code").text for row in rows]
    assert shown == [check["name"] for check in verdict["checks"]]
    assert all(len(row.find_elements(By.TAG_NAME, "td")[-1].text) > 5 for row in rows)
