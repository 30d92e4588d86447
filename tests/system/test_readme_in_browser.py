"""README.md about as GitHub shows it, in a real browser: every picture is there, and it fits a phone."""

import pytest
from docs.make import pictures, readme
from PIL import Image

from support.tools import tool

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
ROOT = pictures.ROOT


@pytest.fixture(params=SIZES)
def door(browser, tmp_path, request):
    page = tmp_path / "readme.html"
    page.write_text(pictures.page((ROOT / readme.PAGE).read_text()))
    browser.set_window_size(*SIZES[request.param])
    browser.get(page.as_uri())
    return browser


def test_every_picture_is_drawn(door):
    drawn = door.execute_script("return [...document.images].map(i => [i.naturalWidth, i.alt.length])")
    assert len(drawn) == 3
    assert all(width > 200 and alt > 20 for width, alt in drawn)


def test_the_page_is_no_wider_than_the_screen(door):
    wide, seen = door.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen


def test_no_table_has_to_be_scrolled(door):
    tables = door.execute_script(
        "return [...document.querySelectorAll('table')].map(t => [t.scrollWidth, t.clientWidth])"
    )
    assert tables
    assert not [wide for wide, seen in tables if wide > seen + 1]


def test_the_pictures_are_taken_of_a_review(browser, reviewed, tmp_path):
    tool("MERMAID")
    pictures.take(browser, reviewed.path / "review", tmp_path)
    for name, wide in (("comment.png", pictures.COMMENT_WIDE), ("report.png", pictures.REPORT_WIDE)):
        with Image.open(tmp_path / name) as picture:
            assert picture.width == wide * pictures.SHARP
            assert picture.height > 500 * pictures.SHARP
            assert len(picture.convert("RGB").getcolors(maxcolors=1_000)) > 20, "it is not blank"
