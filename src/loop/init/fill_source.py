"""What fills source.py: where the rows are, how they are written, and when labels are known."""

from glob import escape
from pathlib import Path
from typing import Any

import pandas as pd

from loop.init.guessed import Guess


def values(found: Guess, place: Path | None) -> dict[str, Any]:
    """What the template asks for, by name; `place` is where files lie."""
    kinds: dict[str, str] = {"row": "whole"} if found.row else {}
    kinds |= {name: found.columns[name].kind for name in found.sent if name != "row" or not found.row}
    if found.time:
        kinds["decided_at"] = "instant"
    if found.known:
        kinds["label_known_at"] = "instant"
    if found.weight:
        kinds[found.weight] = "number"
    kinds[found.label.name] = "number" if found.task == "regression" else "text"
    in_file = {"decided_at": found.time.name if found.time else "", "label_known_at": found.known or ""}
    plain = {name: in_file.get(name) or name for name in kinds}
    written = {name: found.data.names.get(one, one) for name, one in plain.items()}
    shown = [found.columns[one] for one in plain.values() if one in found.columns]
    forms = {name: found.columns[one].dates for name, one in plain.items() if one in found.columns}
    numbers = {name: found.columns[one].form for name, one in plain.items() if one in found.columns}
    if found.time:
        forms["decided_at"] = found.time.dates
    joined = {name: list(found.data.joined[one]) for name, one in plain.items() if one in found.data.joined}
    dialect: dict[str, Any] = {
        "names": {
            name: header
            for name, header in written.items()
            if name not in (header, "row") and name not in joined
        },
        "joined": joined,
        "delimiter": found.data.delimiter if found.data.texts and found.data.delimiter != "," else None,
        "decimal": "," if any(one.decimal == "," for one in shown) else None,
        "encoding": found.data.encoding if found.data.texts and found.data.encoding != "utf-8-sig" else None,
        "dates": {name: form for name, form in forms.items() if form != "ISO8601"},
        "forms": {name: form for name, form in numbers.items() if form and kinds[name] == "number"},
        "zone": found.zone if found.time and not found.time.zoned and found.zone != "UTC" else None,
        "row": "row" if found.row else None,
    }
    if "row" in kinds and not found.row:
        dialect["names"] |= {"row": written["row"]} if written["row"] != "row" else {}
    seconds = found.after.total_seconds()
    return {
        "file": found.data.path.name,
        "pattern": f"{escape(str(place))}{'/*' if place and found.data.path.is_dir() else ''}",
        "query": found.data.query,
        "kinds": kinds,
        "dialect": {name: value for name, value in dialect.items() if value},
        "key": list(found.key),
        "group": [found.group] if found.group and not found.time else None,
        "after": str(found.after) if seconds > 1 and not found.known else None,
        "known_in_words": f"at `{found.known}`" if found.known else f"{_long(found.after)} later",
        "positive": found.positive,
        "zone": found.zone,
        "zoned": found.time.zoned if found.time else True,
        "left_out": found.left_out,
    }


def _long(after: pd.Timedelta) -> str:
    days, hours = after.days, after.seconds / 3600
    return f"{days} day{'s' if days != 1 else ''}" if days else f"{hours:g} hour{'s' if hours != 1 else ''}"
