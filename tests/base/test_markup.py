"""Foreign text is only words: rendered as GitHub would, nothing of it acts."""

import re
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, UndefinedError, nodes
from markdown_it import MarkdownIt

from conftest import ROOT
from loop.base.markup import SECTION, code, fenced, figure, fitted, plain, prose, render, spans

RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
RENDERER.linkify.set({"fuzzy_link": False})  # GitHub links no bare "0.gl"; "www." is looked for
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
    """What GitHub would turn into a mention, a reference or a link: in words, not in code."""
    words = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", " ", words)
    return re.findall(r"(?<![\w`])(@\w+|#\d+|GH-\d+|www\.\w)", words, re.IGNORECASE)


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
    assert html.count("<code>") == bool(plain(value))
    assert html.count("<p>") == 1


def test_what_stands_between_backticks_is_code_in_words_and_in_html():
    assert prose("`loop run` of a_b, or _`x|y`_") == "`loop run` of a_b, or &#95;`x¦y`&#95;"
    assert [prose("one ` alone"), prose("a ` ` b")] == ["one &#96; alone", "a &#96; &#96; b"]
    assert spans("`a < b` & `c`") == "<code>a &lt; b</code> &amp; <code>c</code>"


@pytest.mark.parametrize("nothing", ["", " ", "\u200b"])
def test_a_value_that_is_absent_gives_no_markup(nothing):
    assert (code(nothing), prose(nothing)) == ("", "")


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


def test_of_a_long_path_in_code_both_ends_are_shown():
    found = str(code(f"data/{'x' * 300}/dvc.yaml"))
    assert found.startswith("`data/xx")
    assert found.endswith("x/dvc.yaml`")
    assert len(found) == 122
    assert str(code("abcdefgh", 4)) == "`a…gh`"


def test_a_figure_is_four_decimals_without_a_negative_zero():
    assert [figure(v) for v in (None, 0.12345, -0.00001)] == ["-", "0.1235", "0.0000"]
    assert figure(-0.00001, "+.4f") == "+0.0000"


def test_a_value_that_a_template_lacks_is_an_error_by_name():
    with pytest.raises(UndefinedError, match="name"):
        render("loop.pipeline", "card.md.j2", {})


TEMPLATES = sorted(ROOT.glob("src/**/*.md.j2"))
FILTERS = {  # ours, and those of jinja that mark nothing as safe
    *(
        "code",
        "fenced",
        "figure",
        "in_words",
        "interval",
        "plain",
        "labels",
        "moved",
        "sentence",
        "slice_drift",
        "slice_loss",
    ),
    *("state", "subgroup_gap", "value"),
    *("first", "format", "length", "list", "map", "max", "min", "select", "trim"),
}
PAGE = """
{% macro cell(text) %}{{ text }} and {{ text | code }}{% endmacro %}
{% macro quoted() %}{{ caller() | trim }}{% endmacro %}
{% set block %}
{{ value }}
{% endset %}
Said: {{ cell(value) }}{% call quoted() %}{{ value }}{% endcall %}{{ block -}}
{{ "it is %s" | format(value) }} end
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "told_page/templates").mkdir(parents=True)
    (folder / "told_page/__init__.py").touch()
    (folder / "told_page/templates/page.md.j2").write_text(PAGE)
    (folder / "told_page/templates/text.html.j2").write_text("<pre>{{ value }}</pre>")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield "told_page"


IGNORABLE = "\u034f\u115f\u1160\u17b4\u180b\u180e\u2065\u2800\u3164\ufe0f\uffa0\ufff0\U000e0041\U000e0100"
IGNORABLE += "\ufffc\uffff\U00013440\U00016fe4\U0001d159"  # drawn as nothing, whatever their category
CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")
UNSEEN = {*IGNORABLE} | {chr(n) for n in range(0x110000) if category(chr(n)) in CATEGORIES}


@pytest.mark.parametrize("shown", [plain, prose, code, spans, lambda text: fenced([text])])
def test_no_sign_that_is_not_seen_is_shown(shown):
    lines = {"\n", "\t", "\u200b"}  # of a block, and what breaks a mention
    for at in range(0, len(UNSEEN), 100):
        found = shown("".join(f"a{sign}" for sign in sorted(UNSEEN)[at : at + 100]))
        assert not (set(str(found)) & UNSEEN) - lines


@pytest.mark.parametrize("shown", [plain, prose, code, spans, lambda text: fenced([text])])
def test_marks_are_on_letters_and_not_in_piles(shown):
    pile = "\u0335\u20dd\u0301" * 100
    assert len(str(shown(f"{pile}Z{pile}"))) < 30
    written = "e\u0301 \u05d1\u05bc\u05b8\u0591"  # marks that people write: of Hebrew up to three
    assert written in str(shown(written))


def test_a_page_shows_no_sign_that_is_not_seen_and_keeps_its_lines(package):
    page = render(package, "text.html.j2", {"value": "a\x1b[31mb\u202ec\nd<"})
    assert page == "<pre>a [31mb c\nd&lt;</pre>"


@given(value=text)
def test_a_value_in_a_template_is_words_by_whatever_way_it_goes(package, value):
    html = RENDERER.render(render(package, "page.md.j2", {"value": value}))
    assert not ACTING.search(html)
    assert not mentions(html)
    assert html.count("<code>") >= bool(plain(value))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_takes_a_value_past_the_words(path):
    """Joining by + or ~, and filters that mark as safe, escape a value as HTML, which markdown undoes."""
    tree = Environment(autoescape=True).parse(path.read_text())
    assert not list(tree.find_all((nodes.Concat, nodes.Add, nodes.Mod, nodes.MarkSafe)))
    for one in tree.find_all(nodes.Filter):
        assert one.name in FILTERS
        assert one.name != "format" or isinstance(one.node, nodes.Const)


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(HOSTILE)), max_size=5))
def test_a_block_of_code_keeps_its_lines_and_nothing_acts_in_it(lines):
    html = RENDERER.render(f"Do:\n\n{fenced(lines, 'sh')}\n\nend")
    assert html.startswith("<p>Do:</p>\n<pre>")
    assert html.endswith("</pre>\n<p>end</p>\n")
    assert html.count("\n", html.index("<code"), html.index("</code>")) == len(lines)


def test_what_is_too_long_is_cut_between_sections_and_says_so():
    page = SECTION.join(["one", " \n", "two\n", "é" * 50])
    assert fitted(page, 200, "cut") == f"one\n\ntwo\n\n{'é' * 50}\n"
    assert fitted(page, 100, "cut") == "one\n\ntwo\n\ncut\n"
    for longest in range(10, 130):
        assert len(fitted(page, longest, "cut").encode()) <= longest


def test_no_foreign_text_ends_a_section():
    assert SECTION not in f"{prose(SECTION)}{code(SECTION)}{fenced([SECTION])}"
