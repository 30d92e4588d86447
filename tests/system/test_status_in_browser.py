"""The status pages in a real browser: no complaint, no script, and nothing beside the screen of a phone."""

import shutil
from pathlib import Path

import pytest

from loop.production import heartbeats
from loop.production.heartbeats import Heartbeat
from loop.status import overview, site
from support.states import at, clone, released, version  # noqa: F401 - clone is a fixture

ROOT = Path(__file__).parents[2]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
HOSTILE = "<script>alert(1)</script>" + "W" * 200


@pytest.fixture
def pages(clone):  # noqa: F811
    """Two versions, the second by a hostile author, and a monitoring run with a hostile reason."""
    (clone / "deploy").mkdir()
    for name in ("slo.yaml", "policy.yaml"):
        shutil.copy2(ROOT / "deploy" / name, clone / "deploy" / name)
    released(version(1), version(2, author=HOSTILE, verdict=HOSTILE))
    more = {"Decision": "warning", "Reason": HOSTILE, "Loss": "0.45"}
    heartbeats.record(Heartbeat("monitor", at("2026-01-05"), "success", good=True, more=more))
    site.write(overview.view(at("2026-01-20")), clone / "site")
    return sorted((clone / "site").rglob("*.html"))


@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_readable_without_a_complaint(browser, pages, size):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {
            "width": SIZES[size][0],
            "height": SIZES[size][1],
            "deviceScaleFactor": 1,
            "mobile": size == "phone",
        },
    )
    try:
        for page in pages:
            browser.get(f"file://{page}")
            assert browser.get_log("browser") == []
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= SIZES[size][0], page.name
            assert browser.execute_script("return document.scripts.length") == 0
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
