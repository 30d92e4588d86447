"""Known vulnerabilities of the packages in uv.lock, as PyPI tells them, less those accepted for a time.

`make audit` runs it. A service that does not answer is told apart from a finding: nothing was found out then.
"""

import argparse
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from loop.base.counted import counted
from loop.base.deadline import within
from loop.base.errors import LoopError, first_line, guard
from loop.base.warning import warn
from loop.repo import uv_lock

PYPI = "https://pypi.org/simple"
WAITS = (10.0, 30.0)  # seconds before those are asked again that gave no answer
_IN_A_ROW = 3  # packages without an answer, until a round ends
_SOCKET, _ALL = 15, 480.0  # seconds: for one answer, and for all of them; the job has 15 minutes
_TABLE = "[tool.loop.accepted-vulnerabilities] in pyproject.toml"
_CACHE = Path(".tools/audit")

Package = tuple[str, str]  # name, version


@dataclass(frozen=True)
class Advisory:
    """One vulnerability of one version: all its names, the first the best known, and where it is fixed."""

    names: tuple[str, ...]
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """What a team lives with for a time: an advisory by any of its names, or a package that PyPI has not."""

    name: str
    until: date
    why: str


class GoneError(Exception):
    """PyPI answers, and does not have this version of this package."""


class SilentError(LoopError):
    """Nobody said whether the packages have known vulnerabilities."""

    code = 3


@dataclass
class Answers:
    """What was learned of each package."""

    found: dict[Package, list[Advisory]] = field(default_factory=dict)
    gone: list[Package] = field(default_factory=list)
    silent: dict[Package, str] = field(default_factory=dict)  # with the reason of the last try


Query = Callable[[str, str], list[Advisory]]


def asked(lock: str) -> tuple[list[Package], list[str]]:
    """The packages of a lock that PyPI can be asked about, and the names of those from elsewhere."""
    entries = [one for some in uv_lock.packages(lock).values() for one in some]
    foreign = [one for one in entries if "editable" not in one.get("source", {})]
    ours = [one for one in foreign if one.get("source", {}).get("registry", "").rstrip("/") == PYPI]
    named = sorted({(one["name"], str(one["version"])) for one in ours})
    return named, sorted({one["name"] for one in foreign if one not in ours})


def ask(
    packages: Iterable[Package],
    query: Query,
    waits: tuple[float, ...] = WAITS,
    sleep: Callable[[float], None] = time.sleep,
) -> Answers:
    """Ask of each; again, after each wait, of those that had no answer."""
    answers = Answers(silent=dict.fromkeys(packages, "there was no time left to ask"))
    try:
        with within(_ALL, TimeoutError()):
            for wait in (0.0, *waits):
                if answers.silent and wait:
                    sleep(wait)
                _round(answers, query)
    except TimeoutError:
        pass  # those left are silent
    if answers.gone and not answers.found:  # a mirror, say, that knows no advisories
        answers.silent |= dict.fromkeys(answers.gone, "what answers for pypi.org knows none of the packages")
        answers.gone = []
    return answers


def _round(answers: Answers, query: Query) -> None:
    row = 0
    for package in list(answers.silent):
        try:
            answers.found[package] = query(*package)
            row = 0
        except GoneError:
            answers.gone.append(package)
        except Exception as error:  # of a network, of a proxy's page in HTML, of an answer cut in two
            answers.silent[package] = first_line(error.__cause__ or error, 160)
            row += 1
            if row == _IN_A_ROW:
                return
            continue
        del answers.silent[package]


def accepted(pyproject: str) -> list[Accepted]:
    """The table of accepted vulnerabilities; LoopError for an entry without a reason or a last day."""
    table = tomllib.loads(pyproject).get("tool", {}).get("loop", {}).get("accepted-vulnerabilities", {})
    read = []
    for name, entry in table.items() if isinstance(table, dict) else [("the table", table)]:
        until, why = (entry.get("until"), entry.get("why")) if isinstance(entry, dict) else (None, None)
        extra = set(entry) - {"until", "why"} if isinstance(entry, dict) else set()
        if type(until) is not date or not isinstance(why, str) or not why.strip() or extra:
            raise LoopError(
                f"{name} = {entry!r} under {_TABLE}",
                "a first day on which it counts again, and a reason",
                f'write it as: {name} = {{ until = 2031-01-31, why = "we never call it" }}',
            )
        read.append(Accepted(name, until, why.strip()))
    return read


def decide(answers: Answers, allowed: list[Accepted], *, today: date) -> list[str]:
    """What a person should know of packages without a fault; LoopError for a vulnerability or for silence."""
    known = {one.name.lower(): one for one in allowed}
    faults, notes, used = [], [], set()
    for package, names, text in _findings(answers):
        entries = [known[name.lower()] for name in names if name.lower() in known]
        used |= {one.name for one in entries}
        if live := next((one for one in entries if today < one.until), None):
            notes.append(f"{text}: accepted until {live.until}, {live.why}")
        elif entries:
            faults.append((package, f"{text}; accepted until {entries[0].until}, which is over"))
        else:
            faults.append((package, text))
    if faults:
        raise LoopError(
            "\n".join(
                [f"known vulnerabilities, by {counted(len(faults), 'advisory', 'advisories')}:"]
                + [f"  {text}" for _, text in faults]
            ),
            "packages without one, or one that is accepted for a time",
            " ".join(["`uv lock", *dict.fromkeys(f"--upgrade-package {package[0]}" for package, _ in faults)])
            + f"`, `make run`; where none is fixed yet, accept it under {_TABLE}:\n"
            + '            NAME = {{ until = 2031-01-31, why = "we never call it" }}',
        )
    if answers.silent:
        package, why = next(iter(answers.silent.items()))
        raise SilentError(
            f"PyPI did not say whether {counted(len(answers.silent), 'package')} of "
            f"{len(answers.silent) + len(answers.found) + len(answers.gone)} have known vulnerabilities, "
            f"as {' '.join(package)}: {why}",
            "an answer on each",
            "run `make audit` again; https://status.python.org says whether PyPI is up",
        )
    idle = [one.name for one in allowed if one.name not in used]
    return notes + [f"{name} under {_TABLE} accepts nothing that is there: take it out" for name in idle]


def _findings(answers: Answers) -> Iterable[tuple[Package, tuple[str, ...], str]]:
    """Package, the names under which it may be accepted, and the finding in words."""
    for package, found in sorted(answers.found.items()):
        for one in found:
            other = f" ({', '.join(one.names[1:])})" if one.names[1:] else ""
            fixed = f"fixed in {', '.join(one.fixed)}" if one.fixed else "no version fixes it yet"
            yield package, one.names, f"{' '.join(package)}: {one.names[0]}{other}, {fixed}"
    for package in sorted(answers.gone):
        yield package, package[:1], f"{' '.join(package)}: PyPI has this version no more, as after an attack"


def of_pypi(service: Any) -> Query:
    """PyPI, asked as pip-audit does it."""
    from packaging.version import Version
    from pip_audit._service import ResolvedDependency

    def query(name: str, version: str) -> list[Advisory]:
        told, found = service.query(ResolvedDependency(name, Version(version)))
        if told.is_skipped():
            raise GoneError
        return [_advisory(one) for one in found]

    return query


def _advisory(one: Any) -> Advisory:
    return Advisory((one.id, *sorted(one.aliases)), tuple(str(version) for version in one.fix_versions))


def main() -> None:
    """End with 1 for a known vulnerability, with 3 where nobody answered, or a warning."""
    from pip_audit._service import PyPIService

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--today", type=date.fromisoformat, required=True)
    parser.add_argument("--silent", choices=["error", "warning"], default="error")
    given = parser.parse_args()
    allowed = accepted(Path("pyproject.toml").read_text("utf-8"))
    packages, foreign = asked(Path("uv.lock").read_text("utf-8"))
    if foreign:
        warn(f"not asked about, for PyPI does not have them: {', '.join(foreign)}")
    try:
        notes = decide(ask(packages, of_pypi(PyPIService(_CACHE, _SOCKET))), allowed, today=given.today)
    except SilentError as silent:
        if given.silent == "error":
            raise
        warn(f"{silent.found}; this says nothing about them, and the weekly run asks again")
        return
    for note in notes:
        warn(note)
    but = f", but {counted(len(allowed), 'accepted one')}" if allowed else ""
    print(f"no known vulnerability in {counted(len(packages), 'package')}{but}")


if __name__ == "__main__":
    guard(main)
