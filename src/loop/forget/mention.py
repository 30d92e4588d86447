"""Where bytes mention a person: each value that they were named by, as a whole, in any form.

A text that is long enough stands for them wherever it is; a number, or a shorter text, only beside the
name of its column (`"patient": 12`). Who was named by several columns is mentioned where all of them stand
close by.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, quote_plus

import pandas as pd

TELLING = 4  # characters from which on a text is looked for wherever it stands
NEAR = 200  # bytes within which values of several columns are one mention
# Where a word may begin, also behind a sign that JSON or an address writes as letters.
BEGINS = rb"(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
ENDS = rb"(?![0-9A-Za-z])"
ERASED = b"(erased)"


@dataclass(frozen=True)
class Value:
    """One value as it may be written: anywhere where it tells enough, else beside a name of its column."""

    forms: tuple[bytes, ...]
    names: tuple[bytes, ...]

    @cached_property
    def _patterns(self) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        any_form = b"(?:" + b"|".join(map(re.escape, self.forms)) + b")"
        if self.names:
            name = b"(?:" + b"|".join(map(re.escape, self.names)) + b")"
            head = BEGINS + name + rb"""\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?"""
            pattern = re.compile(
                b"(?P<before>" + head + b")" + any_form + rb"(?:\.0+)?" + ENDS + rb"(?!\.\d)"
            )
            return pattern, pattern
        return re.compile(BEGINS + any_form + ENDS), re.compile(any_form)

    def spans(self, content: bytes) -> Iterator[tuple[int, int]]:
        """From where to where it stands; in bytes that are no text a value may touch its neighbours."""
        if any(one in content for one in self.names or self.forms):
            pattern = self._patterns[b"\x00" in content]
            yield from (one.span() for one in pattern.finditer(content))

    def without(self, content: bytes) -> bytes:
        """The bytes with another text in its place."""
        return self._patterns[b"\x00" in content].sub(
            lambda found: found.groupdict().get("before", b"") + ERASED, content
        )


class Mention:
    """All values that a person was named by."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = values

    def spans(self, content: bytes) -> list[tuple[int, int]]:
        """Where they are mentioned: the places of the first value that have the others close by."""
        if not self._values:
            return []
        first, *others = self._values
        return [
            (start, end)
            for start, end in first.spans(content)
            if all(any(one.spans(content[max(0, start - NEAR) : end + NEAR])) for one in others)
        ]

    def count(self, content: bytes) -> int:
        """How often they are mentioned."""
        return len(self.spans(content))

    def without(self, content: bytes) -> bytes:
        """The bytes with another text in place of each value, where they are mentioned."""
        if self.count(content):
            for one in self._values:
                content = one.without(content)
        return content


def of(values: Mapping[str, str], hashes: Mapping[str, str], names: Mapping[str, Iterable[str]]) -> Mention:
    """What mentions a person: `values` and `hashes` by column, and the `names` that each column has."""
    found = []
    for column, text in values.items():
        hashed = [hashes[column].encode()] if column in hashes else []
        if len(text) >= TELLING and not number(text):
            found.append(Value(tuple(dict.fromkeys([*_forms(text), *hashed])), ()))
        else:
            known = tuple(sorted(name.encode() for name in {column, *names.get(column, ())}))
            found.append(Value((text.encode(), *hashed), known))
    found.sort(key=lambda one: (bool(one.names), -len(one.forms[0])))  # what tells most is looked for first
    return Mention(found)


def number(text: str) -> bool:
    """Whether a text is a number."""
    return bool(pd.notna(pd.to_numeric(text, errors="coerce")))


def _forms(text: str) -> Iterator[bytes]:
    """A text as files, pages, addresses and tables write it, its accents composed or not."""
    for one in (unicodedata.normalize(form, text) for form in ("NFC", "NFD")):
        entities = html.escape(one)
        written = [one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1], entities]
        written += [
            entities.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
            html.escape(one, quote=False),
        ]
        written += [
            quote(one),
            quote(one, safe=""),
            quote_plus(one),
            one.replace('"', '""'),
            one.replace("'", "''"),
        ]
        yield from (form.encode() for form in written)
        yield one.encode("utf-16-le")
        if all(ord(sign) < 256 for sign in one):
            yield one.encode("latin-1")
