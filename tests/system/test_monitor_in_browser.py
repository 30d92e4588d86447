"""The monitor's page in a real browser: every finding is drawn, nothing is fetched, nothing overflows."""

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By

from loop.monitor.report.html import report as written
from monitor.report.test_text import HOSTILE, many, with_text
from support import findings

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
ACTING = "<script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>" + "W" * 200
PAGES = {
    **findings.ALL,
    "many": lambda: many(findings.retrain()),
    "hostile": lambda: with_text(findings.retrain(), ACTING + HOSTILE),
    "hostile feed": lambda: with_text(findings.broken_feed(), ACTING + HOSTILE),
}
FIGURES = ["signals", "timeline", "heat", "ages"]
OVERLAPS = """
  const texts = [...arguments[0].querySelectorAll('text')];
  const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
  const found = [];
  boxes.forEach(([one, a], i) => boxes.slice(i + 1).forEach(([two, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 1 && high > 3) found.push(one + ' / ' + two);
  }));
  return found;
"""
OUTSIDE = """
  const frame = arguments[0].getBoundingClientRect();
  return [...arguments[0].querySelectorAll('text')].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
  }).map(text => text.textContent);
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Each page, written once."""
    folder = tmp_path_factory.mktemp("pages")
    for name, finding in PAGES.items():
        (folder / f"{name}.html").write_text(written(finding()))
    return folder


@pytest.fixture(params=[(name, size) for name in PAGES for size in SIZES], ids="-".join)
def page(browser, files, request):
    name, size = request.param
    browser.set_window_size(*SIZES[size])
    browser.get(f"file://{files}/{name}.html")
    browser.name_of_page = name
    return browser


def test_it_loads_without_a_complaint_without_the_network_and_without_running_anything(page):
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert not page.find_elements(By.CSS_SELECTOR, "script, img, image, iframe, a")
    with pytest.raises(NoAlertPresentException):
        _ = page.switch_to.alert.text


def test_it_is_no_wider_than_the_screen(page):
    wide, seen = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen


def test_its_figures_are_drawn_named_and_can_be_read(page):
    figures = page.find_elements(By.CSS_SELECTOR, "figure")
    judged = page.name_of_page not in ("broken feed", "hostile feed", "no data")
    changed = ["changes"] if page.name_of_page in ("suspected feed fault", "many") else []
    drawn = [*changed, *FIGURES] if judged else []
    assert [figure.get_attribute("data-figure") for figure in figures] == drawn
    for figure in figures:
        svg = figure.find_element(By.TAG_NAME, "svg")
        assert svg.size["width"] >= 340
        assert svg.size["height"] > 100
        assert svg.get_attribute("aria-label")
        assert figure.find_element(By.TAG_NAME, "figcaption").text
        assert page.execute_script(OVERLAPS, svg) == []
        assert page.execute_script(OUTSIDE, svg) == []


def test_it_opens_with_the_decision_and_what_to_do(page):
    header = page.find_element(By.TAG_NAME, "header")
    decision = header.get_attribute("data-decision")
    assert header.find_element(By.TAG_NAME, "h1").text.lower().startswith(decision)
    assert "To do:" in header.text
    assert header.location["y"] < 100


@pytest.mark.parametrize("size", SIZES)
def test_a_page_cannot_be_overlooked(browser, files, size):
    browser.set_window_size(*SIZES[size])
    heights = {}
    for name in ("quiet", "alert"):
        browser.get(f"file://{files}/{name}.html")
        title = browser.find_element(By.TAG_NAME, "h1")
        heights[name] = float(title.value_of_css_property("font-size").removesuffix("px"))
    assert heights["alert"] > 1.25 * heights["quiet"]
    frame = browser.find_element(By.TAG_NAME, "header")
    assert frame.value_of_css_property("border-top-width") == "6px"


def test_a_broken_feed_shows_its_rules_before_all_else(browser, files):
    browser.set_window_size(*SIZES["desktop"])
    browser.get(f"file://{files}/broken feed.html")
    rows = browser.find_elements(By.CSS_SELECTOR, "[data-table=breaches] tr")[1:]
    reported = [breach.rule for breach in findings.broken_feed().breaches]
    assert [row.find_elements(By.TAG_NAME, "code")[2].text for row in rows] == reported
    assert rows[-1].location["y"] < 900


def test_the_tables_open_on_demand_and_print_with_the_page(browser, files):
    browser.set_window_size(*SIZES["desktop"])
    browser.get(f"file://{files}/retrain.html")
    details = browser.find_elements(By.TAG_NAME, "details")
    assert len(details) == 3
    for part in details:
        table = part.find_element(By.TAG_NAME, "table")
        assert not table.is_displayed()
        part.find_element(By.TAG_NAME, "summary").click()
        assert table.is_displayed()


def test_on_paper_no_figure_is_cut(browser, files):
    """A page of A4 is 210 mm wide, less margins of 10 mm: 718 px."""
    browser.set_window_size(718, 1000)
    browser.get(f"file://{files}/retrain.html")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    cut = browser.execute_script(
        "return [...document.querySelectorAll('figure .scroll')]"
        ".filter(box => box.scrollWidth > box.clientWidth).length"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert cut == 0


def test_the_page_says_the_numbers_of_the_finding(browser, files):
    browser.set_window_size(*SIZES["desktop"])
    browser.get(f"file://{files}/retrain.html")
    tiles = {
        tile.get_attribute("data-tile"): tile.find_element(By.TAG_NAME, "b").text
        for tile in browser.find_elements(By.CSS_SELECTOR, "[data-tile]")
    }
    reported = {
        "since": "2013-08-20",
        "alarms": "5 of 8",
        "loss": "0.4312",
        "gain": "+0.0180",
        "labels": "94.9%",
    }
    assert tiles == reported
    matter = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "[data-list=matter] code")]
    assert matter == findings.retrain().features_that_matter
