"""What changed from one version to the next: metrics, params, data, and what serves. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loop.base.markup import render
from loop.model.tracking import flat
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
    before = was or Contents({}, now.params, now.lock, now.served)
    values = {
        "first": was is None,
        "metrics": now.card["metrics"],
        "before": before.card.get("metrics", {}),
        "holdouts": [_holdout(was or now), _holdout(now)],
        "changes": {
            "Params": _differences(flat(before.params), flat(now.params)),
            "Data": _differences(_data(before.lock), _data(now.lock)),
            "Serving": _differences(before.served, now.served),
        },
        "most": MOST,
    }
    return render("loop.release", "changelog.md.j2", values).strip()


def _holdout(contents: Contents) -> str:
    window = (contents.card.get("data") or {}).get("holdout") or {}
    return f"{str(window.get('from'))[:10]} until {str(window.get('until'))[:10]}"


def _data(found: dict[str, Any]) -> dict[str, str]:
    return {path: md5 for path, md5 in lock.outs(found).items() if path.startswith("data/")}


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Of each key that differs: the key, how it did, and both values."""
    return [
        (key, "gone" if key not in now else "new" if key not in was else "other", was.get(key), now.get(key))
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key) or (key in was) != (key in now)
    ]
