"""The audit in a real browser: every move and every day is there, and what others wrote does nothing."""

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.common.by import By

from loop.history import audit
from loop.production import branch, transitions
from loop.repo import remote
from production.test_log import by_hand, replace
from support.states import NOW, STAGED, at, clone, released, version  # noqa: F401 - clone is a fixture

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}
HOSTILE = "<script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>" + "W" * 200


@pytest.fixture(params=SIZES)
def page(browser, clone, monkeypatch, request):  # noqa: F811
    """A release, a challenger whose evidence is hostile, and an edit by hand, on three days."""

    def on(day):
        dates = {"GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
        monkeypatch.setattr(branch, "identity", lambda: dates)

    on("2026-01-05T09:00:00Z")
    released(version(1))
    on("2026-01-08T09:00:00Z")
    released(version(2, author=HOSTILE))
    text = remote.message(f"Advance {HOSTILE}", HOSTILE, Because=HOSTILE)
    branch.change(lambda now: (transitions.advance(now.state, STAGED, NOW), text, None), lambda _: {})
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-09T09:00:00Z")
    by_hand(clone, lambda: replace(clone / "rollout.yaml", "weight: 95", f"weight: '{HOSTILE}'"), HOSTILE)
    audit.main(None, None, None, at("2026-01-12T12:00"))
    browser.set_window_size(*SIZES[request.param])
    browser.get(f"file://{clone / audit.PAGE}")
    return browser


def test_it_loads_without_a_complaint_without_the_network_and_without_running_anything(page):
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert not page.find_elements(By.CSS_SELECTOR, "script, img")
    with pytest.raises(NoAlertPresentException):
        _ = page.switch_to.alert.text


def test_it_is_no_wider_than_the_screen(page):
    wide, seen = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen


def test_every_move_is_shown_newest_first_and_an_edit_as_what_it_is(page):
    shown = page.find_elements(By.CSS_SELECTOR, "article")
    kinds = [one.get_attribute("data-transition") for one in shown]
    assert kinds == ["by hand", "advance", "release", "release"]
    assert "this state cannot serve" in shown[0].text
    assert "Because" in shown[1].text


def test_every_day_says_what_served_and_leads_to_its_moves(page):
    rows = page.find_elements(By.CSS_SELECTOR, "[data-table=days] tr")[1:]
    assert len(rows) == len(range(5, 13))
    assert rows[-1].text.startswith("2026-01-05")
    assert "version 1: 100 % (champion)" in rows[-2].text, "a day without a move"
    shares = rows[0].find_elements(By.CSS_SELECTOR, ".share i")
    assert [one.get_attribute("class") for one in shares] == ["champion", "challenger"]
    assert shares[0].size["width"] > 5 * shares[1].size["width"] > 0
    page.execute_script("arguments[0].click()", rows[-1].find_element(By.TAG_NAME, "a"))
    target = page.find_element(By.CSS_SELECTOR, ":target")
    assert target.get_attribute("data-transition") == "release"
