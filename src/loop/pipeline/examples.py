"""examples: each request with what was known at its decision, and its label, per window."""

import pandas as pd
from pydantic import Field

from loop.base import files
from loop.base.errors import LoopError
from loop.data import contract, features
from loop.settings import params
from loop.settings.paths import EXAMPLES, VALID
from problem import schema, source
from problem.features import VIEWS


class Params(params.Section):
    """`examples` of params.yaml."""

    rows_min: int = Field(ge=1)


def examples(
    tables: dict[str, pd.DataFrame], window: params.Window, known_by: pd.Timestamp
) -> tuple[pd.DataFrame, int]:
    """Rows decided in the window with features and labels known by then, and how many had none.

    Grain: one row per request, ordered by decision and key. Features are as of each row's
    own decision; labels as of `known_by` (UTC).
    """
    requests = source.requests(tables)
    decided = requests[features.DECIDED_AT]
    requests = requests[(decided >= window.since) & (decided < window.until)]
    requests = requests.sort_values([features.DECIDED_AT, *source.KEY], ignore_index=True)
    contract.require(requests, schema.REQUEST, "requests")
    joined = features.join(requests, tables, VIEWS)
    labelled = joined.merge(source.labels(tables, known_by), on=source.KEY, how="inner", validate="1:1")
    return labelled, len(joined) - len(labelled)


def main() -> None:
    """Write data/examples/train.parquet and holdout.parquet, or neither."""
    windows = params.section("windows", params.Windows)
    rows_min = params.section("examples", Params).rows_min
    tables = {path.stem: files.read_table(path) for path in sorted(VALID.glob("*.parquet"))}
    wanted = {
        "train": (windows.train, windows.train.until),
        "holdout": (windows.holdout, windows.as_of),
    }
    made = {name: examples(tables, window, known_by) for name, (window, known_by) in wanted.items()}
    for name, (frame, unlabelled) in made.items():
        if len(frame) < rows_min:
            raise LoopError(
                f"params.yaml: windows.{name} holds {len(frame):,} labelled rows ({unlabelled:,} without)",
                f"at least {rows_min:,} (examples.rows_min)",
                f"widen windows.{name}, or move windows.as_of so that labels have come",
            )
        contract.require(frame, schema.EXAMPLE, f"examples/{name}")
    with files.replacing(EXAMPLES) as draft:
        for name, (frame, _) in made.items():
            files.write_table(draft / f"{name}.parquet", frame)
    rows = ", ".join(f"{len(frame):,} to {name} ({n:,} without a label)" for name, (frame, n) in made.items())
    print(f"examples: {rows}")
