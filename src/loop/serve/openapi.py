"""The interface as a document (OpenAPI 3.1), from the contract; and the page that shows and tries it."""

import json
from html import escape
from typing import Any

from loop.base.template import fill
from loop.data import score_columns
from loop.serve.request import Contract
from loop.settings import yaml_file
from problem import metrics, schema


def document(contract: Contract, about: dict[str, Any], secured: bool) -> dict[str, Any]:
    """The document of a server with this contract and model."""
    text = fill(
        "loop.serve",
        "openapi.yaml.j2",
        about=about,
        score=metrics.SCORE,
        classes=list(score_columns.CLASSES),
        one=contract.one.json_schema(),
        rows_max=contract.rows_max,
        explained_max=contract.explained_max,
        example=schema.REQUEST_EXAMPLES[0],
        secured=secured,
    )
    found: dict[str, Any] = json.loads(json.dumps(yaml_file.parse(text)))  # \ud83d\ude00 is two signs in YAML
    return found


def page(about: dict[str, Any]) -> str:
    """The page; it loads nothing from other hosts."""
    return fill("loop.serve", "interface.html.j2", title=escape(about["name"]))
