"""What changed from one version to the next: metrics, params, data, and what serves. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loop.base.markup import code, figure, prose
from loop.repo import dvc_lock as lock

MOST = 40  # lines of one list


@dataclass(frozen=True)
class Contents:
    """models/card.json, params.yaml and dvc.lock of a commit, as read, and what it serves by hash."""

    card: dict[str, Any]
    params: dict[str, Any]
    lock: dict[str, Any]
    served: dict[str, str]


def changelog(was: Contents | None, now: Contents) -> str:
    """The changes as markdown; without an earlier version, the figures of this one."""
    parts = {
        "Metrics": _metrics(was, now),
        "Params": _differences(flat(was.params), flat(now.params)) if was else [],
        "Data": _differences(_data(was.lock), _data(now.lock)) if was else [],
        "Serving": _differences(was.served, now.served, values=False) if was else [],
    }
    sections = [f"### {title}\n\n{chr(10).join(lines)}" for title, lines in parts.items() if lines]
    return "\n\n".join(sections if was else ["The first version.", *sections])


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Dotted key -> value of nested mappings; lists are values."""
    if not isinstance(value, dict):
        return {key: value}
    return {
        name: part
        for inner, of in value.items()
        for name, part in flat(of, f"{key}.{inner}" if key else str(inner)).items()
    }


def _metrics(was: Contents | None, now: Contents) -> list[str]:
    """A table of figures; those of other rows are not set against each other without saying so."""
    before = was.card.get("metrics", {}) if was else {}
    rows = ["| metric | before | now | interval |", "|---|---|---|---|"]
    for name, found in now.card["metrics"].items():
        old = (before.get(name) or {}).get("value")
        interval = f"{figure(found['low'])} to {figure(found['high'])}"
        rows.append(f"| {prose(found['title'])} | {figure(old)} | {figure(found['value'])} | {interval} |")
    if was and _holdout(was) != _holdout(now):
        rows += ["", f"Judged on other rows than before: {_holdout(was)}, now {_holdout(now)}."]
    return rows


def _holdout(contents: Contents) -> str:
    window = (contents.card.get("data") or {}).get("holdout") or {}
    return f"{str(window.get('from'))[:10]} until {str(window.get('until'))[:10]}"


def _data(found: dict[str, Any]) -> dict[str, str]:
    return {path: md5 for path, md5 in lock.outs(found).items() if path.startswith("data/")}


def _differences(was: dict[str, Any], now: dict[str, Any], values: bool = True) -> list[str]:
    lines = list(_lines(was, now, values))
    more = len(lines) - MOST
    return lines if more <= 0 else [*lines[:MOST], f"- and {more} more"]


def _lines(was: dict[str, Any], now: dict[str, Any], values: bool) -> Iterator[str]:
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) == now.get(key) and (key in was) == (key in now):
            continue
        if key not in now:
            yield f"- {code(key)}: gone"
        elif key not in was:
            yield f"- {code(key)}: new" + (f", {code(now[key])}" if values else "")
        else:
            yield f"- {code(key)}" + (f": {code(was[key])} → {code(now[key])}" if values else "")
