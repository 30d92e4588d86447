"""The model card, complete: every field that a reader relies on is there, and is no placeholder."""

import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from loop.base.errors import LoopError
from loop.settings.params import Section, parse
from loop.settings.paths import CARD_JSON

_PLACEHOLDER = re.compile(
    r"\b(TODO|FIXME|TBD|XXX)\b|lorem ipsum|<[a-z…][^<>]*>|\?\?\?|^(n/?a|none|unknown|[-.…]+)$", re.IGNORECASE
)


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    if found := _PLACEHOLDER.search(text.strip()):
        raise ValueError(f"holds the placeholder {found[0]!r}")
    return text


Filled = Annotated[str, AfterValidator(_filled)]
Listed = Annotated[list[Filled], Field(min_length=1)]


class Fields(Section):
    """A part of the card; what it says beyond is welcome."""

    model_config = ConfigDict(extra="ignore")


class Model(Fields):
    """Which file it speaks of."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Rows(Fields):
    """A window and how many rows of it counted."""

    since: Filled = Field(alias="from")
    until: Filled
    rows: int = Field(ge=1)


class Data(Fields):
    """What the model was made from and judged on."""

    train: Rows
    holdout: Rows
    as_of: Filled
    hashes: dict[str, Filled] = Field(min_length=1)


class Metric(Fields):
    """A figure and its interval."""

    title: Filled
    value: float = Field(allow_inf_nan=False)
    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)


class Card(Fields):
    """models/card.json, as far as a release needs it."""

    name: Filled
    owner: Filled
    intended_use: Filled
    out_of_scope: Listed
    limits: Listed
    model: Model
    data: Data
    interval: Filled
    metrics: dict[str, Metric] = Field(min_length=1)


def check(sha256: str | None, path: Path = CARD_JSON) -> Card:
    """The card of this checkout. Raises LoopError that names each field that lacks, and a foreign model."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _incomplete(f"{path} cannot be read: {type(error).__name__}") from None
    try:
        card = parse("card", values, Card, path)
    except LoopError as error:
        raise _incomplete(error.found) from None
    if card.model.sha256 != sha256:
        raise _incomplete(f"{path} speaks of model {card.model.sha256[:12]}, and main has {str(sha256)[:12]}")
    return card


def _incomplete(found: str) -> LoopError:
    return LoopError(
        found,
        "a complete model card, or nothing is released",
        "fill in `card` of params.yaml, run `make run`, and bring both by a pull request",
    )
