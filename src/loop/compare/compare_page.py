"""Two models beside each other, for people: lines for the terminal, markdown, and a page with figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.base.markup import figure, plain, render
from loop.base.template import fill
from loop.compare.sides import TREE
from loop.data import without_time
from loop.review import comment_figures, review_figures, review_report
from loop.review.verdict import Change
from problem import metrics

if TYPE_CHECKING:
    from loop.compare.two_models import Compared

FOLDER = Path("compare")
FIRST = 5  # of each kind of change, on the terminal


def terminal(found: "Compared") -> str:
    """The sentence, the metrics, what differs, the slices that moved, and the rows that changed most."""
    values = _values(found) | {"first": FIRST, "folder": FOLDER}
    return fill("loop.compare", "compared.txt.j2", **values, plain=plain, figure=figure)


def markdown(found: "Compared") -> str:
    """The same, with all of each."""
    drawn = {
        "gains": comment_figures.gains(found.metrics),
        "gaps": comment_figures.calibration(found.calibration),
    }
    return render("loop.compare", "compare.md.j2", _values(found) | drawn)


def html(found: "Compared") -> str:
    """The page, which needs nothing but itself."""
    names = (plain(found.sides.first.side.name, 30), plain(found.sides.second.side.name, 30))
    rows, slices = found.sides.rows, found.slices
    drawn = review_figures.draw(found.metrics, found.calibration, rows, slices, names)
    return render("loop.compare", "compare.html.j2", _values(found) | {"figures": drawn})


def sentence(found: "Compared") -> str:
    """Which side does better in the primary metric, if that is certain."""
    said = _said(found)
    own = said.removeprefix(TREE.name)
    return said if own == said else TREE.name.capitalize() + own


def _said(found: "Compared") -> str:
    first, second = found.sides.first, found.sides.second
    names = first.side.title, second.side.title
    if first.md5 == second.md5 and not any(one.gain for one in found.metrics):  # code moves scores as well
        return f"{names[0]} and {names[1]} hold the same model."
    primary = next(one for one in found.metrics if one.role == "primary")
    title, gain, low, high = primary.title, primary.gain, primary.low, primary.high
    if gain is None or low is None or high is None:
        return f"{title} does not tell {names[1]} from {names[0]}: the rows do not define it."
    if low <= 0 <= high:
        told = f"its gain is {figure(gain, '+.4f')} ({figure(low, '+.4f')} to {figure(high, '+.4f')})"
        return f"{names[1]} is not told from {names[0]} in {title}: {told}."
    if gain < 0:
        names, gain, low, high = names[::-1], -gain, -high, -low
    by = f"{figure(gain)} ({figure(low)} to {figure(high)})"
    return f"{names[1]} does better than {names[0]} in {title}, by {by}."


def _values(found: "Compared") -> dict[str, Any]:
    first, second, rows = found.sides.first, found.sides.second, found.sides.rows
    at = rows.examples["decided_at"]
    return {
        "sentence": sentence(found),
        "sides": (first, second),
        "a": first.side.name,
        "b": second.side.name,
        "confidence": found.confidence,
        "cluster": found.cluster,
        "clusters": rows.weight.shape[1],
        "count": len(rows.label),
        "since": f"{at.min():%Y-%m-%d}",
        "until": f"{at.max():%Y-%m-%d}",
        "metrics": found.metrics,
        "wide": max(len(one.title) for one in found.metrics),
        "slices": found.moved,
        "slices_compared": len(found.slices),
        "calibration": found.calibration,
        "notes": without_time.notes(),
        "differs": _differs(found),
        "rows": found.rows,
        "loss": metrics.METRICS[metrics.PRIMARY].title,
        "score": metrics.SCORE,
    }


def _differs(found: "Compared") -> dict[str, list[str]]:
    """What differs, of each kind, as texts; no training time that is the same."""
    changes = found.sides.changes
    if changes.training and changes.training.old == changes.training.new:
        changes = changes.model_copy(update={"training": None})
    kinds = {
        **review_report.glance(changes),
        "packages from another place": changes.sources,
        "code that judges": changes.judge,
        "policy": changes.policy,
    }
    return {kind: [_text(one) for one in entries] for kind, entries in kinds.items() if entries}


def _text(one: Change | str) -> str:
    if isinstance(one, str):
        return one
    return f"{one.name} {'none' if one.old is None else one.old} → {'none' if one.new is None else one.new}"
