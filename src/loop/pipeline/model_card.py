"""The model card, from the run: what it is for, what it saw, how good it is, where it ends."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from loop.base import files, json_text
from loop.base.errors import LoopError
from loop.base.markup import render
from loop.data import without_time
from loop.settings import params
from loop.settings.paths import POLICY, VALIDATION
from loop.settings.yaml_file import load
from problem import metrics


class Params(params.Section):
    """`card` of params.yaml: what no run can know. A team's own keys hold texts, lists, keys."""

    model_config = ConfigDict(extra="allow")

    name: str
    owner: str
    intended_use: str
    out_of_scope: list[str]
    limits: list[str]
    contact: str = ""
    ethical_considerations: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _own_keys(self) -> "Params":
        for name, words in self._own().items():
            if not list(_lines(words)):
                raise ValueError(f"has nothing below `{name}`", "a text, a list, or keys with texts")
            if near := get_close_matches(name, type(self).model_fields, n=1, cutoff=0.8):
                raise ValueError(f"has the key `{name}`; did you mean `{near[0]}`?", "a name of its own")
        return self

    def more(self) -> dict[str, list[str]]:
        """A team's own keys, as titles, and the lines below each."""
        named = {name.replace("_", " "): words for name, words in self._own().items()}
        return {name[:1].upper() + name[1:]: list(_lines(words)) for name, words in named.items()}

    def _own(self) -> dict[str, Any]:
        return self.__pydantic_extra__ or {}


def _lines(words: Any, below: str = "") -> Iterator[str]:
    """A line for each text, number or date, with the keys that it lies below; none for what is empty."""
    if isinstance(words, dict):
        for name, more in words.items():
            yield from _lines(more, f"{below}{name}: ".replace("_", " "))
    elif isinstance(words, list):
        for more in words:
            yield from _lines(more, below)
    elif isinstance(words, bool):
        yield f"{below}{'yes' if words else 'no'}"
    elif words is not None and str(words).strip():
        yield f"{below}{words}"


def _feed() -> dict[str, Any]:
    """What `validate` wrote. Raises LoopError where that is something else."""
    try:
        found: dict[str, Any] = json_text.parse(VALIDATION.read_text(encoding="utf-8"))
        found["changes"], found["accepted"]
    except (OSError, ValueError, KeyError, TypeError):
        raise LoopError(
            f"{VALIDATION} is not what `validate` writes", "its report", "`dvc repro --force validate`"
        ) from None
    return found


def card(
    about: Params, windows: params.Windows, made: dict[str, Any], found: Any, settings: Any
) -> dict[str, Any]:
    """The card as plain values: `models/card.json`; how many approve a release is main's policy."""
    feed = _feed()

    def window(of: params.Window) -> dict[str, str]:
        return {"from": f"{of.since:%Y-%m-%d %H:%MZ}", "until": f"{of.until:%Y-%m-%d %H:%MZ}"}

    return {
        **about.model_dump(include=set(Params.model_fields)),
        "more": about.more(),
        "approvals": load(POLICY)["approvals"],
        "model": made["model"],
        "environment": made["environment"],
        "data": {
            "train": {
                **window(windows.train),
                "rows": made["rows"],
                "sampled_from": made.get("sampled_from"),
            },
            "holdout": {**window(windows.holdout), "rows": int(found.clusters["rows"].sum())},
            "as_of": f"{windows.as_of:%Y-%m-%d %H:%MZ}",
            "hashes": made["data"],
            **({"notes": notes} if (notes := without_time.notes()) else {}),
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
        "subgroups": files.records(found.subgroups),
        "errors": files.records(found.errors),
    }


def markdown(card: dict[str, Any]) -> str:
    """The card as markdown: `models/card.md`. What comes from data cannot act as markup."""
    return page("card.md.j2", card)


def page(template: str, card: dict[str, Any]) -> str:
    """A template of the pipeline, filled with the card's values."""
    shared = {
        "by_slice": by_slice(card["slices"]),
        "by_subgroup": by_slice(card["subgroups"]),
        "METRICS": metrics.METRICS,
        "primary": metrics.PRIMARY,
        "label": metrics.LABEL,
    }
    return render("loop.pipeline", template, card | shared)


def by_slice(slices: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """Slices as cut -> slice -> metric -> figures, in the order in which they came."""
    tree: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
    for row in slices:
        tree.setdefault(row["cut"], {}).setdefault(row["slice"], {})[row["metric"]] = row
    return tree
