"""Known vulnerabilities of the packages in uv.lock, as pip-audit finds them, less those accepted for a time.

`make audit` runs it. A service that does not answer is told apart from a finding: nothing was found out then.
"""

import argparse
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from loop.base import json_text, program
from loop.base.counted import counted
from loop.base.errors import LoopError, guard
from loop.base.warning import warn
from loop.repo import uv_lock

PYPI = "https://pypi.org/simple"
WAITS = (0.0, 10.0, 30.0)  # seconds before each try
_LONGEST = 150  # seconds, of a try; the job has 15 minutes
_PROGRAM = [
    *(sys.executable, "-m", "pip_audit", "--format", "json", "--aliases", "on", "--desc", "off"),
    *("--progress-spinner", "off", "--timeout", "15", "--cache-dir", ".tools/audit", "--locked"),
]
_TABLE = "[tool.loop.accepted-vulnerabilities] in pyproject.toml"
_REASON = re.compile(r"^(?:\S+Error|ERROR:\S+?): ?(.+)", re.MULTILINE)

Package = tuple[str, str]  # name, version
Found = list[dict[str, Any]]  # of pip-audit's JSON: name, version, vulns; or name and skip_reason


@dataclass(frozen=True)
class Accepted:
    """What a team lives with for a time: an advisory by any of its names, or a package that PyPI has not."""

    name: str
    until: date
    why: str


class SilentError(LoopError):
    """Nobody said whether the packages have known vulnerabilities."""

    code = 3


def asked(lock: str) -> tuple[list[Package], list[str]]:
    """The packages of a lock that PyPI can be asked about, and the names of those from elsewhere."""
    entries = [one for some in uv_lock.packages(lock).values() for one in some]
    foreign = [one for one in entries if "editable" not in one.get("source", {})]
    ours = [one for one in foreign if one.get("source", {}).get("registry", "").rstrip("/") == PYPI]
    named = sorted({(one["name"], str(one["version"])) for one in ours})
    return named, sorted({one["name"] for one in foreign if one not in ours})


def ask(packages: list[Package], sleep: Callable[[float], None] = time.sleep) -> Found:
    """What PyPI says of the packages. SilentError where it does not speak of all, at several tries."""
    why = ""
    if not packages:  # all are of an index of your own
        return []
    with tempfile.TemporaryDirectory() as folder:
        each = [f"[[packages]]\nname = {name!r}\nversion = {version!r}\n" for name, version in packages]
        text = "".join(["lock-version = '1.0'\n", *each])
        Path(folder, "pylock.toml").write_text(text, encoding="utf-8")
        for wait in WAITS:
            sleep(wait)
            try:
                done = program.ask([*_PROGRAM, folder], seconds=_LONGEST)
                found: Found = json_text.parse(done.out)["dependencies"]
            except LoopError as late:
                why = late.found
            except ValueError:
                why = next(iter(_REASON.findall(done.errors)), done.gist())
            else:
                if any("vulns" in one for one in found):
                    return found
                why = "what answers for pypi.org knows none of them"  # a mirror, say
    raise SilentError(
        f"PyPI did not say which of {len(packages):,} packages have known vulnerabilities: {why[:160]}",
        "an answer on each",
        "run `make audit` again; https://status.python.org says whether PyPI is up",
    )


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


def decide(found: Found, allowed: list[Accepted], *, today: date) -> list[str]:
    """What a person should know of packages without a fault; LoopError for a vulnerability."""
    known = {one.name.lower(): one for one in allowed}
    faults, packages, notes, used = [], [], [], set()
    for package, names, text in _findings(found):
        entries = [known[name.lower()] for name in names if name.lower() in known]
        used |= {one.name for one in entries}
        if live := next((one for one in entries if today < one.until), None):
            notes.append(f"{text}: accepted until {live.until}, {live.why}")
            continue
        over = f"; accepted until {entries[0].until}, which is over" if entries else ""
        faults.append(f"\n  {text}{over}")
        packages.append(f"--upgrade-package {package}")
    if faults:
        raise LoopError(
            f"known vulnerabilities, by {counted(len(faults), 'advisory', 'advisories')}:{''.join(faults)}",
            "packages without one, or one that is accepted for a time",
            f"`uv lock {' '.join(dict.fromkeys(packages))}`, `make run`; "
            f"where none is fixed yet, accept it under {_TABLE}:\n"
            '            NAME = { until = 2031-01-31, why = "we never call it" }',
        )
    idle = [one.name for one in allowed if one.name not in used]
    return notes + [f"{name} under {_TABLE} accepts nothing that is there: take it out" for name in idle]


def _findings(found: Found) -> Iterator[tuple[str, list[str], str]]:
    """Package, the names under which it may be accepted, and the finding in words."""
    for one in found:
        name = one["name"]
        if "vulns" not in one:
            yield name, [name], f"{name}: PyPI has this version no more, as after an attack"
        for hole in one.get("vulns", []):
            names = [hole["id"], *sorted(hole["aliases"])]
            other = f" ({', '.join(names[1:])})" if names[1:] else ""
            fixed = ", ".join(hole["fix_versions"])
            end = f"fixed in {fixed}" if fixed else "no version fixes it yet"
            yield name, names, f"{name} {one['version']}: {names[0]}{other}, {end}"


def main() -> None:
    """End with 1 for a known vulnerability, with 3 where nobody answered, or a warning."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--today", type=date.fromisoformat, required=True)
    parser.add_argument("--silent", choices=["error", "warning"], default="error")
    given = parser.parse_args()
    allowed = accepted(Path("pyproject.toml").read_text("utf-8"))
    packages, foreign = asked(Path("uv.lock").read_text("utf-8"))
    if foreign:
        warn(f"not asked about, for PyPI does not have them: {', '.join(foreign)}")
    try:
        notes = decide(ask(packages), allowed, today=given.today)
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
