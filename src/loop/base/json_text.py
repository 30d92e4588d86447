"""Texts in JSON that others wrote: one reader, of which every refusal is a ValueError."""

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """The values of a text. Raises ValueError where it is no JSON, or nested more deeply than can be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested more deeply than can be read") from None
