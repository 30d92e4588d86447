"""The status as static pages: linkable, readable on a phone, without script; only what changed is made anew.

Lists are cut from the oldest on, so that a page once full never changes. What each page was made from is
remembered as a hash in `made.json` beside them.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import yaml

from loop.base import json_text
from loop.base.files import write_text
from loop.base.markup import plain, render
from loop.deploy import alerting
from loop.history.audit import KINDS
from loop.production import heartbeats, log
from loop.production.log import Transition
from loop.production.state import Version
from loop.repo.commit import contents
from loop.settings import slo
from loop.settings.paths import CARD_JSON
from loop.status import overview
from loop.status.overview import Overview

MADE = "made.json"
A_PAGE = 50  # entries of a list
LONGEST = 800  # characters of evidence that are shown
AT_ONCE = 200  # pages whose cards are read together
MOST = 50  # transitions on the page of a version

Make = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """A page: where it lies, its template, what it depends on, and how its values are had."""

    path: str
    template: str
    inputs: Any
    values: Make


def write(found: Overview, to: Path) -> tuple[int, int]:
    """Bring the pages in a folder up to date: how many were made, of how many."""
    seen = _remembered(to)
    program, name = _program(), _name(found)
    pages = list(_pages(found))
    hashes = {page.path: _hash([program, name, page.path, page.inputs]) for page in pages}
    due = [
        page for page in pages if seen.get(page.path) != hashes[page.path] or not (to / page.path).is_file()
    ]
    for page in due:
        values = {
            "root": "../" * page.path.count("/"),
            "name": name,
            "found": found,
            "address": found.address,
        }
        text = render("loop.status", page.template, {**values, **page.values()}, **_filters())
        write_text(to / page.path, text)
    write_text(to / "metrics.txt", overview.metrics(found))
    for path in seen.keys() - hashes.keys():
        (to / path).unlink(missing_ok=True)
    write_text(to / MADE, json.dumps(hashes, indent=0) + "\n")
    return len(due), len(pages)


def _name(found: Overview) -> str:
    """What the champion's card calls the model; nothing where there is none."""
    champion = found.state.champion
    return str(_Cards([champion.commit]).of(champion.commit).get("name", "")) if champion else ""


def _remembered(to: Path) -> dict[str, str]:
    """What the pages of a folder were made from; nothing where that was never written, or is damaged."""
    try:
        return dict(json_text.parse((to / MADE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _program() -> str:
    """What makes the pages: another version of it makes all of them anew."""
    folders = [resources("loop.status").joinpath("templates"), resources("loop.base").joinpath("templates")]
    texts = [
        path.read_text() for folder in folders for path in sorted(folder.iterdir(), key=str) if path.is_file()
    ]
    return _hash([*texts, Path(__file__).read_text(encoding="utf-8")])


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:20]


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        "described": log.described,
        "in_words": overview.in_words,
        "lines": log.clean,
        "when": lambda at: f"{at:%Y-%m-%d %H:%M}Z",
        "cut": lambda text: text if len(text) <= LONGEST else text[: LONGEST - 1] + "…",
    }


def _pages(found: Overview) -> Iterator[Page]:
    chunks = {
        "versions": _chunked([found.versions[number] for number in sorted(found.versions)]),
        "changes": _chunked(found.transitions),
        "monitoring": _chunked(found.monitored),
    }
    ends = {name: max(1, len(parts)) for name, parts in chunks.items()}
    front = _front(found)
    newest = [found.transitions[-1].commit if found.transitions else None, found.waits_for(), found.address]
    inputs = [
        found.now,
        newest,
        ends,
        *([asdict(one) for one in some] for some in (found.before, found.schedules, found.retrains)),
    ]
    yield Page("index.html", "index.html.j2", inputs, lambda: {"ends": ends, **front})
    yield Page("alerts.html", "alerts.html.j2", _alerts(), lambda: {"ends": ends, "alerts": _alerts()})
    for name, parts in chunks.items():
        for number, rows in enumerate(parts or [[]], 1):
            inputs = [[_plain(row) for row in rows], number == ends[name], number == 1]
            last = number + 1 >= ends[name]  # its link to the next one is to come
            yield Page(
                f"{name}/{number}.html",
                f"{name}.html.j2",
                [inputs, last and ends[name]],
                partial(_listed, rows, number, ends[name], ends),
            )
    yield from _of_versions(found, ends)


def _front(found: Overview) -> dict[str, Any]:
    last = found.monitored[-1] if found.monitored else None
    return {"last": last, "evidence": found.evidence()[-3:], "newest": found.transitions[-5:][::-1]}


def _of_versions(found: Overview, ends: dict[str, int]) -> Iterator[Page]:
    """A page for each version, whose card is read from git only where the page is made."""
    moves: dict[int, list[Transition]] = {}
    for one in found.transitions:
        if one.version is not None:
            moves.setdefault(one.version, []).append(one)
    numbers = sorted(found.versions)
    cards = _Cards([found.versions[number].commit for number in numbers])
    roles = {one.version: f"{one.role}, {one.weight} %" for one in found.state.models}
    refused = {one.version: one.reason for one in found.state.refused}
    for number in numbers:
        version, own = found.versions[number], moves.get(number, [])
        role = roles.get(number) or (
            "taken back: " + plain(refused[number]) if number in refused else "retired"
        )
        yield Page(
            f"version/{number}.html",
            "version.html.j2",
            [_plain(version), [_plain(one) for one in own], role],
            partial(_version, version, own, role, cards, found, ends),
        )


def _listed(rows: Sequence[Any], number: int, last: int, ends: dict[str, int]) -> dict[str, Any]:
    return {"rows": rows[::-1], "number": number, "last": last, "ends": ends, "kinds": KINDS}


def _version(
    version: Version,
    own: list[Transition],
    role: str,
    cards: "_Cards",
    found: Overview,
    ends: dict[str, int],
) -> dict[str, Any]:
    return {
        **{"version": version, "moves": own[-MOST:][::-1], "all": len(own), "role": role, "ends": ends},
        **{"card": cards.of(version.commit), "there": found.versions.keys(), "kinds": KINDS},
    }


class _Cards:
    """models/card.json of commits, read some at a time: those that are asked for next to each other."""

    def __init__(self, commits: Sequence[str]) -> None:
        self._commits = list(commits)
        self._read: dict[str, dict[str, Any]] = {}

    def of(self, commit: str) -> dict[str, Any]:
        """The card of a commit; empty where this clone does not have it."""
        if commit not in self._read:
            at = self._commits.index(commit)
            some = self._commits[at : at + AT_ONCE]
            raw = contents([f"{one}:{CARD_JSON}" for one in some])
            self._read = dict(zip(some, map(_card, raw), strict=True))
        return self._read[commit]


def _card(raw: bytes | None) -> dict[str, Any]:
    try:
        found = json_text.parse(raw or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _alerts() -> list[dict[str, Any]]:
    """The alerts that deploy/slo.yaml makes, as the page shows them."""
    text = alerting.files(slo.read())["rules.yaml"]
    groups = yaml.safe_load(text)["groups"]
    found = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    for rule in found:  # what is filled in when it fires
        rule["annotations"]["summary"] = re.sub(r"\{\{.*?\}\}", "…", rule["annotations"]["summary"])
    return found


def _chunked(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[at : at + A_PAGE] for at in range(0, len(rows), A_PAGE)]


def _plain(row: Transition | Version | heartbeats.Heartbeat) -> Any:
    """What a row says, for its hash; of a transition without its state, which its commit names."""
    if isinstance(row, Version):
        return row.model_dump()
    if isinstance(row, Transition):
        return [row.commit, row.kind, row.version, row.problem]
    return asdict(row)
