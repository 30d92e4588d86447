"""What fills schema.py: the contract of each column of a request, and a request as an example."""

from typing import Any

from loop.init.cautious import Numbers, bounds, listed
from loop.init.column_kinds import Column
from loop.init.fill_values import is_personal, plain
from loop.init.guessed import Guess
from loop.init.row_values import decided_at

SOMEBODY = "somebody"  # in place of a person: the file is in git, and shown by every server


def values(found: Guess, n: Numbers) -> dict[str, Any]:
    """What the template asks for, by name."""
    request = (
        {"row": 'contracts.number(0, 1e15, whole=True, about="the number of the request")'}
        if found.row
        else {}
    )
    for name in found.sent:
        if name not in request:
            only_names = name in found.key or (name == found.group and name not in found.inputs)
            request[name] = _contract(found.columns[name], only_names, n.others)
    return {
        "request": request,
        "example": _example(found),
        "final_after_days": n.final_after_days,
    }


def _contract(one: Column, of_key: bool, others: float) -> str:
    nullable = ", nullable=True" if one.missing else ""
    hashed = ', personal="hash"' if of_key and one.personal else ""
    if one.kind == "flag":
        return "contracts.flag()"
    if one.kind in ("number", "whole"):
        low, high = (0, 1e15) if of_key else bounds(one)
        whole = ", whole=True" if one.kind == "whole" else ""
        return f"contracts.number({low:g}, {high:g}{whole}{nullable})"
    if of_key or not listed(one):
        return f"contracts.text({(nullable + hashed).lstrip(', ')})"
    return f"contracts.category({one.listed!r}, others={others:g}{nullable})"


def _example(found: Guess) -> dict[str, str]:
    last = int(decided_at(found).argmax())
    values: dict[str, Any] = {"row": len(found.data.frame)} if found.row else {}
    for name in found.sent:
        if name not in values:
            values[name] = plain(found.columns[name].values.iloc[last])
            if is_personal(found, name):
                values[name] = SOMEBODY
    values["decided_at"] = f"{decided_at(found).iloc[last]:%Y-%m-%dT%H:%M:%SZ}"
    return {name: repr(value) for name, value in values.items()}
