"""The evaluation report in a real browser: everything is drawn, nothing is fetched, nothing overflows."""

import json
import shutil
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no browser: on Debian, apt install chromium chromium-driver"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        yield driver
        driver.quit()


@pytest.fixture(params=[(1200, 900), (390, 844)], ids=["desktop", "phone"])
def page(browser, finished, request):
    browser.set_window_size(*request.param)
    browser.get(f"file://{finished.path}/reports/evaluation.html")
    return browser


def test_the_page_loads_without_a_complaint_and_without_the_network(page):
    assert page.get_log("browser") == []
    fetched = page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert fetched == []


def test_every_figure_is_drawn_and_named(page):
    figures = page.find_elements(By.CSS_SELECTOR, "figure")
    assert [figure.get_attribute("data-figure") for figure in figures] == [
        "calibration",
        "scores",
        "clusters",
        "slices",
    ]
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


def test_the_headline_figures_come_first_with_intervals(page, finished):
    tiles = page.find_elements(By.CSS_SELECTOR, "[data-metric]")
    assert len(tiles) == len(json.loads(finished.text("reports/metrics.json"))) - 2, "less rows and clusters"
    assert "decides" in tiles[0].text
    assert all(" to " in tile.text for tile in tiles)
    figures = page.find_element(By.CSS_SELECTOR, "figure").location["y"]
    assert all(tile.location["y"] < figures for tile in tiles)


def test_the_tables_open_on_demand(page):
    details = page.find_elements(By.TAG_NAME, "details")
    assert len(details) >= 2
    table = details[0].find_element(By.TAG_NAME, "table")
    assert not table.is_displayed()
    details[0].find_element(By.TAG_NAME, "summary").click()
    assert table.is_displayed()
    assert len(table.find_elements(By.TAG_NAME, "tr")) > 1
