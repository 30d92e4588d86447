"""The body that peers take: a row with all its features, as pydantic reads it. They have no feature store."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, create_model

from loop.data import columns
from problem import schema

TYPES = {"object": str, "int64": int, "float64": float, columns.TIME: datetime}
FIELDS: dict[str, Any] = {
    name: (TYPES[columns.kind(column)] | None, None)
    if column.nullable
    else (TYPES[columns.kind(column)], ...)
    for name, column in schema.EXAMPLE.columns.items()
    if not name.startswith("label")
}
Example: type[BaseModel] = create_model("Example", **FIELDS)
