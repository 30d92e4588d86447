"""`engine` of params.yaml: what joins features and scores folders. No result and no stage depends on it."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from loop.settings import params
from loop.settings.params import Section

DUCKDB = "duckdb"
FORMS = "local[2], local-cluster[2,1,1024], spark://HOST:7077 or k8s://https://HOST:6443"
_MASTER = re.compile(
    r"local(\[(\d+|\*)\])?|local-cluster\[[1-9]\d*,[1-9]\d*,[1-9]\d*\]|(spark|k8s)://[^\s]+", re.ASCII
)
_LEAST = 450  # megabytes of an executor, below which Spark refuses it


def _master(text: str) -> str:
    if not _MASTER.fullmatch(text):
        raise ValueError(f"is {text!r}, no master of Spark", f"a master, such as {FORMS}")
    if text.startswith("local-cluster") and int(text[:-1].rpartition(",")[2]) < _LEAST:
        raise ValueError(f"is {text!r}, too little memory", f"at least {_LEAST} megabytes for an executor")
    return text


class Engine(Section):
    """`engine` of params.yaml: `duckdb`, or the master of a Spark."""

    spark: Annotated[str, AfterValidator(_master)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if isinstance(value, dict) and value:
            return value
        if value != DUCKDB:
            raise ValueError(f"is {value!r}", f"{DUCKDB}, or {{spark: MASTER}}")
        return {}


def spark() -> str | None:
    """The master of the Spark that params.yaml asks for; None for DuckDB, or where it says nothing."""
    values = params.whole()
    return params.parse("engine", values["engine"], Engine).spark if "engine" in values else None
