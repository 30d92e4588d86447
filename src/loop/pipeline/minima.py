"""The gate's minima: what a model must reach on its holdout. Policy, read by no stage."""

from typing import Any

from pydantic import field_validator

from loop import params
from problem import metrics


class Params(params.Section):
    """`review` of params.yaml: for each metric named, the worst value that is good enough."""

    minima: dict[str, float]

    @field_validator("minima")
    @classmethod
    def _names_metrics(cls, minima: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(minima) - set(metrics.METRICS))
        if unknown:
            raise ValueError(f"has no metric `{unknown[0]}`; there are {', '.join(metrics.METRICS)}")
        return minima


def missed(found: dict[str, Any], minima: dict[str, float]) -> list[str]:
    """A line for each metric of the card that is worse than its minimum, or not defined."""
    return [
        f"{found[name]['title']} is {found[name]['value']}, the minimum is {worst}"
        for name, worst in minima.items()
        if not _reaches(found[name], worst)
    ]


def _reaches(metric: dict[str, Any], worst: float) -> bool:
    value = metric["value"]
    if value is None:
        return False
    if metric["better"] == "higher":
        return bool(value >= worst)
    return bool((abs(value) if metric["better"] == "zero" else value) <= worst)
