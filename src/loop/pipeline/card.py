"""The model card, from the run: what it is for, what it saw, how good it is, where it ends."""

from collections.abc import Callable
from importlib.resources import files as resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from loop import files, params
from problem import metrics


class Params(params.Section):
    """`card` of params.yaml: what no run can know."""

    name: str
    owner: str
    intended_use: str
    out_of_scope: list[str]
    limits: list[str]


def facts(
    about: Params, windows: params.Windows, made: dict[str, Any], found: Any, settings: Any
) -> dict[str, Any]:
    """The card as plain values: `models/card.json`."""

    def window(of: params.Window) -> dict[str, str]:
        return {"from": f"{of.since:%Y-%m-%d %H:%MZ}", "until": f"{of.until:%Y-%m-%d %H:%MZ}"}

    return {
        **about.model_dump(),
        "model": made["model"],
        "environment": made["environment"],
        "data": {
            "train": {**window(windows.train), "rows": made["rows"]},
            "holdout": {**window(windows.holdout), "rows": int(found.clusters["rows"].sum())},
            "as_of": f"{windows.as_of:%Y-%m-%d %H:%MZ}",
            "hashes": made["data"],
        },
        "settings": made["params"]["train"],
        "interval": f"{settings.confidence:.0%}",
        "cluster": settings.cluster.replace("_", " "),
        "metrics": {
            name: {
                "title": metrics.METRICS[name].title,
                "better": metrics.METRICS[name].better,
                "value": files.rounded(estimate.value),
                "low": files.rounded(estimate.low),
                "high": files.rounded(estimate.high),
            }
            for name, estimate in found.metrics.items()
        },
        "slices": files.records(found.slices),
    }


def markdown(facts: dict[str, Any]) -> str:
    """The card as markdown: `models/card.md`. What comes from data cannot act as markup."""
    return render("card.md.j2", facts, escape=_as_words)


def render(template: str, values: dict[str, Any], *, escape: Callable[[Any], Any] | None = None) -> str:
    """A template of this package, filled; a value that it names and does not get is an error.

    Values are escaped as HTML, or by `escape` where the template is not HTML.
    """
    engine = Environment(
        autoescape=escape is None,  # noqa: S701 - `escape` does it for what is not HTML
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters["figure"] = figure
    source = resources("loop.pipeline").joinpath("templates", template).read_text(encoding="utf-8")
    shared = {"by_slice": by_slice(values["slices"]), "METRICS": metrics.METRICS, "primary": metrics.PRIMARY}
    return engine.from_string(source).render(**values, **shared)


def _as_words(value: Any) -> str:
    text = " ".join(str(value).split())
    for sign, harmless in {"<": "&lt;", "|": "&#124;", "`": "&#96;", "[": "&#91;", "@": "&#64;"}.items():
        text = text.replace(sign, harmless)
    return text


def figure(value: float | None) -> str:
    """A metric for people: four decimals, or a dash where the rows do not define it."""
    return "-" if value is None else f"{value:.4f}"


def by_slice(slices: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Slices as cut -> slice -> metric -> figures, in the order in which they came."""
    tree: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in slices:
        tree.setdefault(row["cut"], {}).setdefault(row["slice"], {})[row["metric"]] = row
    return tree
