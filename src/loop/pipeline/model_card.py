"""The model card, from the run: what it is for, what it saw, how good it is, where it ends."""

import json
from typing import Any

from loop.base import files
from loop.base.markup import render
from loop.settings import params
from loop.settings.paths import POLICY, VALIDATION
from loop.settings.yaml_file import load
from problem import metrics


class Params(params.Section):
    """`card` of params.yaml: what no run can know."""

    name: str
    owner: str
    intended_use: str
    out_of_scope: list[str]
    limits: list[str]


def card(
    about: Params, windows: params.Windows, made: dict[str, Any], found: Any, settings: Any
) -> dict[str, Any]:
    """The card as plain values: `models/card.json`; how many approve a release is main's policy."""
    feed = json.loads(VALIDATION.read_text(encoding="utf-8"))

    def window(of: params.Window) -> dict[str, str]:
        return {"from": f"{of.since:%Y-%m-%d %H:%MZ}", "until": f"{of.until:%Y-%m-%d %H:%MZ}"}

    return {
        **about.model_dump(),
        "approvals": load(POLICY)["approvals"],
        "model": made["model"],
        "environment": made["environment"],
        "data": {
            "train": {**window(windows.train), "rows": made["rows"]},
            "holdout": {**window(windows.holdout), "rows": int(found.clusters["rows"].sum())},
            "as_of": f"{windows.as_of:%Y-%m-%d %H:%MZ}",
            "hashes": made["data"],
        },
        "feed_changes": feed["changes"],
        "accepted_changes": feed["accepted"],
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


def markdown(card: dict[str, Any]) -> str:
    """The card as markdown: `models/card.md`. What comes from data cannot act as markup."""
    return page("card.md.j2", card)


def page(template: str, card: dict[str, Any]) -> str:
    """A template of the pipeline, filled with the card's values."""
    shared = {"by_slice": by_slice(card["slices"]), "METRICS": metrics.METRICS, "primary": metrics.PRIMARY}
    return render("loop.pipeline", template, card | shared)


def by_slice(slices: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Slices as cut -> slice -> metric -> figures, in the order in which they came."""
    tree: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in slices:
        tree.setdefault(row["cut"], {}).setdefault(row["slice"], {})[row["metric"]] = row
    return tree
