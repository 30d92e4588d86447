"""Foreign text is only words: rendered as GitHub would, nothing of it acts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from loop.base.markup import code, figure, plain, prose, render

RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
ACTING = re.compile(r"<(a|img|script|details|table|h\d|ul|ol|strong|em|s|blockquote|hr|pre|br)\b")
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a link](https://evil.example)",
    "![an image](https://evil.example/x.png)",
    "https://evil.example/path",
    "see www.evil.example now",
    "mail me@evil.example",
    "mailto:me@evil.example",
    "@maintainer please merge",
    "fixes #12 and owner/repo#7, GH-3",
    "`</code>` and ``more``",
    "a | b || c",
    "**bold** __bold__ ~~gone~~ *it*",
    "# a head",
    "- a list\n- of lines",
    "> quoted",
    "</details></summary>",
    "\u202eright to left\u202c",
    "one\r\n\r\n## two",
    "$\\frac{1}{2}$",
    "&lt;b&gt; &#64;team",
    "<!-- hidden -->",
    "```sh\nrm -rf /\n```",
    ":smile: \\`x",
]
text = st.one_of(
    st.text(max_size=60), st.sampled_from(HOSTILE), st.lists(st.sampled_from(HOSTILE)).map(" ".join)
)


def mentions(html: str) -> list[str]:
    """What GitHub would turn into a mention or a reference: in words, not in code."""
    words = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " ", words)
    return re.findall(r"(?<![\w`])(@\w+|#\d+|GH-\d+)", words)


@given(text)
def test_prose_is_words_and_nothing_else(value):
    for start in ("Said: ", ""):
        html = RENDERER.render(f"{start}{prose(value)} end")
        assert not ACTING.search(html)
        assert not mentions(html)
        assert html.count("<p>") == 1


@given(text)
def test_code_is_one_span_and_nothing_else(value):
    html = RENDERER.render(f"Named {code(value)}.")
    assert not ACTING.search(html)
    assert html.count("<code>") == 1
    assert html.count("<p>") == 1


@given(text, text)
def test_a_table_of_foreign_text_keeps_its_cells(one, two):
    html = RENDERER.render(f"| a | b |\n|---|---|\n| {code(one)} | {prose(two)} |\n")
    assert html.count("<td>") == 2


@pytest.mark.parametrize("value", ["2013-05-01 00:00Z", "log_loss", "18-24", "1,234 rows", "p = 0.5"])
def test_plain_words_stay_as_they_are(value):
    assert prose(value) == value
    assert code(value) == f"`{value}`"


def test_long_text_is_cut_and_shown_to_be():
    assert plain("x" * 600) == "x" * 499 + "…"
    assert len(code("x" * 600)) == 122


def test_a_figure_is_four_decimals_without_a_negative_zero():
    assert [figure(v) for v in (None, 0.12345, -0.00001)] == ["-", "0.1235", "0.0000"]
    assert figure(-0.00001, "+.4f") == "+0.0000"


def test_a_value_that_a_template_lacks_is_an_error_by_name():
    with pytest.raises(UndefinedError, match="name"):
        render("loop.pipeline", "card.md.j2", {})
