"""Foreign text in markdown and HTML pages: words only, whatever it holds.

A name from data, params or a branch may hold a mention, a link, an image or HTML. GitHub looks
for mentions and addresses after it has undone entities, so those are broken up by a zero-width
space instead.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

SHARED = "page.html.j2"  # what pages extend: named here, so that the stages list it
SECTION = "\f"  # stands between sections of a text; no foreign text holds one
_BREAK = "\u200b"
_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "|": "&#124;",
    "`": "&#96;",
    "[": "&#91;",
    "]": "&#93;",
    "*": "&#42;",
    "~": "&#126;",
    "$": "&#36;",
    "\\": "&#92;",
    "!": "&#33;",
}
# Controls, direction marks, and what Unicode lets a reader ignore change how a line reads, and say nothing.
_SIGNS = (
    "\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffc\ufffe\uffff\U000110bd\U000110cd\U00013430-\U00013440\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN = re.compile(f"[\u0000-\u001f{_SIGNS}]+")
_UNSEEN_IN_LINES = re.compile(f"[\u0000-\u0008\u000b-\u001f{_SIGNS}]+")
_MARKS = 4  # that one letter bears: no script needs more, and piles of them reach over other lines
_PATH = 10_000  # characters of which the end is looked for
_CODE = re.compile("`(\\s*[^`\\s][^`]*)`")
_START = re.compile(r"^([#+=-]|\d+[.)](?=\s|$))")
_LINKS = re.compile(r"(@|#(?=\w)|:(?=[^\s\d])|\bwww(?=\.)|\bGH(?=-\d))", re.IGNORECASE)


def plain(value: Any, longest: int = 500) -> str:
    """One line without unseen signs, cut at `longest` characters; in a log of GitHub's it is no command."""
    text = _few_marks(" ".join(_UNSEEN.sub(" ", str(value)).split())).replace("##[", "# #[")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def prose(value: Any) -> Markup:
    """Words for markdown: no tag, link, image, mention, reference, table cell or emphasis comes of them.

    What stands between two backticks is code, as `code` makes it.
    """
    parts = _CODE.split(plain(value))
    words = "".join(
        code(part, len(part)) if place % 2 else _escaped(part) for place, part in enumerate(parts)
    )
    return ready(_START.sub(lambda sign: f"{_BREAK}{sign[0]}", words))  # no head, list or rule of its start


def _escaped(text: str) -> str:
    broken = _LINKS.sub(rf"\1{_BREAK}", text)
    words = "".join(_ENTITIES.get(sign, sign) for sign in broken)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", "&#95;", words)  # within a word, it is no emphasis


def code(value: Any, longest: int = 120) -> Markup:
    """A code span for markdown, in which nothing acts, fit for a table's cell; nothing for nothing.

    Of what is longer both ends are shown: a path's last part says what it is.
    """
    text = plain(value, _PATH).replace("`", "'").replace("|", "¦")
    half = longest // 2
    text = text if len(text) <= longest else f"{text[: half - 1]}…{text[half - longest :]}"
    return ready(f"`{text}`" if text else "")


def spans(text: str) -> Markup:
    """The same for HTML: escaped text in which what stands between two backticks is code."""
    return ready(_CODE.sub(r"<code>\1</code>", str(escape(_in_lines(text)))))


def fenced(lines: Iterable[str], language: str = "") -> Markup:
    """Lines as a block of code for markdown, in which nothing acts."""
    inner = (_few_marks(_UNSEEN.sub(" ", line)).replace("`", "'") for line in lines)
    return ready("\n".join([f"```{language}", *inner, "```"]))


def ready(text: str) -> Markup:
    """Markdown made by this module or by a template: another template takes it as it is."""
    return Markup(text)  # noqa: S704 - foreign text went through `prose`, `code` or `fenced` before


def render(package: str, template: str, values: dict[str, Any], **filters: Callable[..., Any]) -> str:
    """A template of `package`, filled; a value that it names and does not get is an error.

    Values are escaped as HTML, or as words where the template is markdown: all but what the filters of
    this module, a macro or `ready` made. In markdown, `{{ section }}` ends a section, see `fitted`.
    """
    engine = _engine(package, html=".html." in template)
    engine.filters.update(filters)
    text = engine.get_template(template).render(**values)
    return text if ".html." in template else re.sub("\n{3,}", "\n\n", text)


def fitted(text: str, longest: int, note: str) -> str:
    """The first sections of a rendered text that fit into so many bytes, and a note where some do not."""
    kept, cut = "", f"{note}\n"
    for section in filter(None, map(str.strip, text.split(SECTION))):
        if len(f"{kept}{section}\n\n{cut}".encode()) > longest:
            return kept + cut
        kept += f"{section}\n\n"
    return kept.rstrip() + "\n"


def figure(value: float | None, form: str = ".4f") -> Markup:
    """A figure for people: four decimals by default, or a dash where the rows do not define it."""
    if value is None:
        return Markup("-")
    return ready(format(0.0 if abs(value) < 0.00005 else value, form))  # no "-0.0000"


def interval(low: float | None, high: float | None) -> Markup:
    """An interval for people, or a dash where the rows do not define it."""
    return figure(None) if low is None or high is None else ready(f"{figure(low)} to {figure(high)}")


def _in_lines(value: Any) -> Any:
    """A text of a page without unseen signs; its lines stay. What is made already is left as it is."""
    return _few_marks(_UNSEEN_IN_LINES.sub(" ", value)) if type(value) is str else value


def _few_marks(text: str) -> str:
    """A text without the marks that no letter bears, at its start or in piles."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = _MARKS
    for sign in text:
        marks = marks + 1 if unicodedata.category(sign) in ("Mn", "Me") else 0
        kept += sign if marks <= _MARKS else ""
    return "".join(kept)


def _words(value: Any) -> Markup:
    return value if isinstance(value, Markup) else prose(value)


@cache
def _engine(package: str, *, html: bool) -> Environment:
    """What fills the templates of a package; each is compiled once."""
    folders = [Path(str(resources(name).joinpath("templates"))) for name in (package, "loop.base")]
    engine = Environment(
        autoescape=True,
        finalize=_in_lines if html else _words,
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.globals["section"] = ready(SECTION)
    engine.filters.update(figure=figure, interval=interval, code=code, fenced=fenced)
    engine.filters.update(plain=plain, spans=spans)
    return engine
