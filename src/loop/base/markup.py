"""Foreign text in markdown and HTML pages: words only, whatever it holds.

A name from data, params or a branch may hold a mention, a link, an image or HTML. GitHub looks
for mentions and addresses after it has undone entities, so those are broken up by a zero-width
space instead.
"""

import re
from collections.abc import Callable
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

SHARED = "page.html.j2"  # what pages extend: named here, so that the stages list it
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
# Direction marks, zero-width signs and controls change how a line reads, and say nothing.
_UNSEEN = re.compile("[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_START = re.compile(r"^([#+=-]|\d+[.)](?=\s|$))")
_LINKS = re.compile(r"(@|#(?=\w)|:(?=[^\s\d])|\bwww(?=\.)|\bGH(?=-\d))", re.IGNORECASE)


def plain(value: Any, longest: int = 500) -> str:
    """One line without unseen signs, cut at `longest` characters; in a log of GitHub's it is no command."""
    text = " ".join(_UNSEEN.sub(" ", str(value)).split()).replace("##[", "# #[")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def prose(value: Any) -> str:
    """Words for markdown: no tag, link, image, mention, reference, table cell or emphasis comes of them."""
    broken = _LINKS.sub(rf"\1{_BREAK}", plain(value))
    words = "".join(_ENTITIES.get(sign, sign) for sign in broken)
    words = re.sub(r"(?<![^\W_])_|_(?![^\W_])", "&#95;", words)  # within a word, it is no emphasis
    return _START.sub(lambda sign: f"{_BREAK}{sign[0]}", words)  # no head, list or rule of a line's start


def code(value: Any, longest: int = 120) -> str:
    """A code span for markdown, in which nothing acts; fit for a table's cell."""
    return f"`{plain(value, longest).replace('`', chr(39)).replace('|', '¦') or ' '}`"


def render(package: str, template: str, values: dict[str, Any], **filters: Callable[..., Any]) -> str:
    """A template of `package`, filled; a value that it names and does not get is an error.

    Values are escaped as HTML, or as words where the template is markdown.
    """
    folders = [Path(str(resources(name).joinpath("templates"))) for name in (package, "loop.base")]
    html = ".html." in template
    engine = Environment(
        autoescape=html,  # noqa: S701 - `prose` does it for what is not HTML
        finalize=None if html else prose,
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters.update(figure=figure, **filters)
    return engine.get_template(template).render(**values)


def figure(value: float | None, form: str = ".4f") -> str:
    """A figure for people: four decimals by default, or a dash where the rows do not define it."""
    if value is None:
        return "-"
    return format(0.0 if abs(value) < 0.00005 else value, form)  # no "-0.0000"
