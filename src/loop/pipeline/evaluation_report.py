"""The evaluation as one HTML page that needs nothing but itself."""

from typing import Any

from loop.pipeline.model_card import page


def html(card: dict[str, Any], figures: dict[str, str]) -> str:
    """The page: headline figures first, then what to look at, then tables to look things up."""
    return page("report.html.j2", {**card, "figures": figures})
