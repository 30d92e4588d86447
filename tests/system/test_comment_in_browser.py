"""The comment's figures, drawn by Mermaid in a real browser as GitHub draws them, on light and on dark."""

import json

import pytest
from docs.make import pictures
from selenium.common.exceptions import NoAlertPresentException

from loop.review import review_report
from loop.review.verdict import Verdict
from review.test_comment_figures import calibration, metric
from review.test_review_report import HOSTILE, verdict
from support.tools import tool

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
BACKGROUND = {"default": (255, 255, 255), "dark": (13, 17, 23)}  # Mermaid's themes, GitHub's pages
ACTING = [
    HOSTILE,
    "<script>alert(1)</script>",
    "```\n\n# out\n\n```mermaid",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "a\n  click b call alert(1)",
    "a : crit, 0, 9999999 ; section b",
    "#quot;]; end",
    "__proto__",
    "constructor",
    "toString",
    "مقياس 指標 показатель",
    "\u202e\u0000",
    "W" * 300,
]
SMALL = [
    metric(-0.004, -0.001, 0.002, title="log loss"),
    metric(0.001, 0.006, 0.013, title="ROC AUC"),
    metric(0.0, 0.0, 0.0, title="calibration error"),
]
COMMENTS = {
    "a small change": verdict(metrics=SMALL, calibration=calibration(0.02, -0.01)),
    "beyond the scale": verdict(metrics=[metric(-9.0, -8.0, 7.0)], calibration=calibration(1e12, -1e12)),
    "amounts": verdict(metrics=SMALL, calibration=calibration(12_000.0, -8_000.0)),
    "hostile": verdict(
        metrics=[metric(-0.005, 0.0, 0.005, title=name) for name in ACTING], calibration=calibration(0.0, 0.0)
    ),
    "no calibration": verdict(metrics=SMALL[:1]),
    "no champion": verdict(metrics=[]),
}
TEXTS = """return [...document.querySelectorAll('pre.mermaid svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => /[^\\s\u200b]/.test(text.textContent)).map(text => {
    const box = text.getBoundingClientRect(), style = getComputedStyle(text);
    const colour = style.fill === 'none' ? style.color : style.fill;
    const off = Math.max(frame.left - box.left, box.right - frame.right, box.bottom - frame.bottom);
    return [text.textContent, colour, off, parseFloat(style.fontSize)];
  });
})"""
BARS = """return [...document.querySelectorAll('pre.mermaid rect.task')].map(bar => {
  const box = bar.getBBox();
  return [Math.round(box.y), box.x, box.x + box.width];
}).sort(([row, left], [other, right]) => row - other || left - right)"""
TICKS = """return [...document.querySelectorAll('pre.mermaid .grid .tick')].map(tick =>
  [Number(tick.textContent), tick.transform.baseVal[0].matrix.e])"""
LINES = """return [...document.querySelectorAll('pre.mermaid [class^=line-plot] path')].map(path =>
  [path.getAttribute('stroke'), path.getAttribute('d').split(/[ML]/).slice(1)
    .map(pair => pair.split(',').map(Number))])"""


@pytest.fixture(params=[(theme, size) for theme in BACKGROUND for size in SIZES], ids="-".join)
def place(browser, request):
    """The browser at a size, and a theme."""
    tool("MERMAID")
    theme, size = request.param
    browser.set_window_size(*SIZES[size])
    return browser, theme


def show(place, folder, found: Verdict):
    browser, theme = place
    page = folder / "comment.html"
    page.write_text(pictures.comment(review_report.markdown(found), theme))
    pictures.show(browser, page)
    return browser


@pytest.fixture(params=COMMENTS)
def comment(place, tmp_path, request):
    """A comment with its figures drawn, its verdict and its theme."""
    found = COMMENTS[request.param]
    return show(place, tmp_path, found), found, place[1]


def luminance(colour: tuple[float, ...]) -> float:
    """Of sRGB, by WCAG 2.2."""
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(colour: str, theme: str) -> float:
    """Of a colour to the page."""
    if colour.startswith("#"):
        own = tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    else:
        own = tuple(float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    low, high = sorted((luminance(own), luminance(tuple(part / 255 for part in BACKGROUND[theme]))))
    return (high + 0.05) / (low + 0.05)


def test_every_figure_is_drawn_and_nothing_else_happens(comment):
    browser, found, _ = comment
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('pre.mermaid')].map(one => [...one.querySelectorAll('svg')])"
        ".map(drawn => [drawn.length, drawn[0].getAttribute('aria-roledescription')])"
    )
    kinds = ["gantt"] * bool(found.metrics) + ["xychart"] * bool(found.calibration)
    assert drawn == [[1, kind] for kind in kinds]
    assert not browser.execute_script(
        "return document.querySelectorAll('.comment script, .comment a, h1').length"
    )
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert.text


def test_every_text_can_be_read_and_lies_within_its_figure(comment):
    browser, _, theme = comment
    wide, seen = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen
    for text, colour, off, size in browser.execute_script(TEXTS):
        assert (off <= 1, size >= 10) == (True, True), text
        assert contrast(colour, theme) > 3, (text, colour)


def test_bars_lie_where_their_numbers_are(comment):
    browser, found, _ = comment
    bars = browser.execute_script(BARS)
    shown = found.metrics[:12]
    assert len(bars) == (1 + 2 * len(shown) if shown else 0)
    assert len({row for row, *_ in bars}) == (1 + len(shown) if shown else 0)
    if not shown:
        return
    ticks = dict(browser.execute_script(TICKS))
    unit = ticks[1] - ticks[0]
    start = bars[0][1]  # the band's: one margin below zero
    for judged, (_, low, gain), (_, meets, high) in zip(shown, bars[1::2], bars[2::2], strict=True):
        numbers = [
            max(-3.0, min(3.0, value / judged.margin)) for value in (judged.low, judged.gain, judged.high)
        ]
        assert [low, gain, high] == pytest.approx(
            [start + unit * (1 + one) for one in numbers], abs=max(1.5, unit / 30)
        )
        assert meets == pytest.approx(gain, abs=0.5)


def test_each_line_has_its_ten_points_and_can_be_told_from_the_page(comment):
    browser, found, theme = comment
    lines = browser.execute_script(LINES)
    assert [len(points) for _, points in lines] == ([10] * 3 if found.calibration else [])
    assert all(contrast(colour, theme) > 3 for colour, _ in lines)
    assert len({colour for colour, _ in lines}) == len(lines)
    if found.calibration:
        zero, champion, candidate = ([high for _, high in points] for _, points in lines)
        for side, heights in (
            (found.calibration.champion, champion),
            (found.calibration.candidate, candidate),
        ):
            gap = side[0].outcome - side[0].predicted
            assert (heights[0] < zero[0] + 0.01) == (gap >= 0), "above zero is higher on the page"


def test_the_comment_of_a_real_review_is_drawn(place, reviewed, tmp_path):
    found = Verdict.model_validate(json.loads(reviewed.text("review/verdict.json")))
    browser = show(place, tmp_path, found)
    judged = [one for one in found.metrics if one.margin]
    assert len(browser.execute_script(BARS)) == 1 + 2 * len(judged)
    assert [len(points) for _, points in browser.execute_script(LINES)] == [10] * 3
