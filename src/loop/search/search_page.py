"""What a search found, for people: lines for the terminal, and a page with its figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loop.base.counted import counted
from loop.base.markup import render
from loop.base.template import fill
from loop.search import search_figures
from loop.search.study import FOLDER, Trial
from problem import metrics

if TYPE_CHECKING:
    from loop.search.search import Outcome

SHOWN = 10


def html(found: "Outcome") -> str:
    """The page, which needs nothing but itself."""
    values = _values(found) | {"figures": search_figures.drawn(found), "sentence": sentence(found)}
    return render("loop.search", "search.html.j2", values)


def terminal(found: "Outcome") -> str:
    """The best trials, and what became of them."""
    more = {"page": str(FOLDER / "report.html"), "sentence": sentence(found)}
    return fill("loop.search", "searched.txt.j2", **(_values(found) | more))


def sentence(found: "Outcome") -> str:
    """Whether the best of the trials is better than the params as they are, given how many were tried."""
    title, best = metrics.METRICS[metrics.PRIMARY].title, found.ranking.best
    tried = counted(len(found.ranking.ranked) - 1, "other trial")
    if best is None:
        return f"None of {tried} does better in {title} than the params as they are, within training."
    gained = f"gains {best.gain.gain:.4f} of {title} ({best.gain.low:+z.4f} to {best.gain.high:+z.4f} alone)"
    luck = f"luck makes the best of {tried} look so good in {found.ranking.p:.1%} of cases"
    judged = f"it is {'told' if found.told else 'not told'} from the params as they are"
    return f"The best, trial {best.trial.number}, {gained} within training; {luck}: {judged}."


def best_so_far(ended: Sequence[Trial]) -> str:
    """The best loss of the trials that ended so far, as the metric is shown."""
    complete = [one for one in ended if one.state == "complete"]
    if not complete:
        return ""
    best = min(complete, key=lambda one: one.loss)
    value = -best.loss if metrics.METRICS[metrics.PRIMARY].better == "higher" else best.loss
    return f", best {metrics.PRIMARY} {value:.4f} (trial {best.number})"


def _values(found: "Outcome") -> dict[str, Any]:
    failed = [one for one in found.trials if one.state == "failed"]
    ranked = found.ranking.ranked
    usual = next(one for one in ranked if one.trial.number == found.ranking.usual.number)
    rows = ranked[:SHOWN] if usual in ranked[:SHOWN] else [*ranked[: SHOWN - 1], usual]
    return {
        "name": found.name,
        "title": metrics.METRICS[metrics.PRIMARY].title,
        "width": max(len(metrics.METRICS[metrics.PRIMARY].title), 8),
        "keys": [*found.settings.space],
        "rows": rows,
        "usual": usual.trial.number,
        "tried": len(found.trials),
        "complete": len(ranked),
        "pruned": sum(one.state == "pruned" for one in found.trials),
        "failed": failed,
        "folds": found.settings.folds,
        "judged": found.ranking.rows,
        "clusters": found.ranking.clusters,
        "confidence": found.confidence,
        "branch": found.branch,
        "stopped": found.stopped,
        "told": found.told,
    }
