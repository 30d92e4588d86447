"""examples: each request with what was known at its decision, and its label, per window."""

from collections.abc import Iterator

import pandas as pd
from pydantic import Field

from loop.base import files
from loop.base.errors import LoopError
from loop.data import contract, features, joining
from loop.settings import engine_settings, params
from loop.settings.paths import EXAMPLES, VALID
from problem import schema, source
from problem.features import VIEWS

ROWS = 2**17  # that are joined, checked and written at once


class Params(params.Section):
    """`examples` of params.yaml."""

    rows_min: int = Field(ge=1)


def labelled(
    tables: dict[str, pd.DataFrame], window: params.Window, known_by: pd.Timestamp
) -> tuple[pd.DataFrame, int]:
    """Requests decided in the window with labels known by `known_by` (UTC), and how many had none.

    Grain: one row per request, ordered by decision and key.
    """
    requests = source.requests(tables)
    decided = requests[features.DECIDED_AT]
    requests = requests[(decided >= window.since) & (decided < window.until)]
    requests = requests.sort_values([features.DECIDED_AT, *source.KEY], ignore_index=True)
    contract.require(requests, schema.REQUEST, "requests")
    labels = source.labels(tables, known_by)
    for what, frame in {"requests": requests, "labels": labels}.items():
        if again := int(frame.duplicated(source.KEY).sum()):
            raise LoopError(
                f"{what} of src/problem/source.py has keys that came before, in rows: {again:,}",
                f"each {', '.join(source.KEY)} once",
                "keep one of them there, or name in KEY what tells them apart",
            )
    rows = requests.merge(labels, on=source.KEY, how="inner")
    return rows, len(requests) - len(rows)


def examples(
    join: joining.Slices, rows: pd.DataFrame, name: str, at_once: int = ROWS
) -> Iterator[pd.DataFrame]:
    """`labelled` rows with features as of each one's own decision, so many at once, in their order.

    Raises ContractError after the last, for all of them.
    """
    outcome = [name for name in rows if name not in schema.REQUEST.columns]
    checked = contract.Slices(schema.EXAMPLE, f"examples/{name}")
    for joined in join(rows, at_once):
        part = joined[[*(one for one in joined if one not in outcome), *outcome]]
        checked.add(part)
        yield part
    checked.require()


def whole(tables: dict[str, pd.DataFrame], window: params.Window, known_by: pd.Timestamp) -> pd.DataFrame:
    """All examples of a window in one frame, as a problem's tests and benchmarks look at them."""
    with joining.joining(tables, VIEWS) as join:
        return pd.concat(examples(join, labelled(tables, window, known_by)[0], "all"))


def main() -> None:
    """Write data/examples/train.parquet and holdout.parquet, or neither."""
    windows = params.section("windows", params.Windows)
    rows_min = params.section("examples", Params).rows_min
    spark = engine_settings.spark()
    stored = {path.stem: path for path in sorted(VALID.glob("*.parquet"))}
    tables = {name: files.read_table(path) for name, path in stored.items()}
    wanted = {
        "train": (windows.train, windows.train.until),
        "holdout": (windows.holdout, windows.as_of),
    }
    made = {name: labelled(tables, window, known_by) for name, (window, known_by) in wanted.items()}
    del tables
    for name, (rows, unlabelled) in made.items():
        if len(rows) < rows_min:
            raise LoopError(
                f"params.yaml: windows.{name} holds {len(rows):,} labelled rows ({unlabelled:,} without)",
                f"at least {rows_min:,} (examples.rows_min)",
                f"widen windows.{name}, or move windows.as_of so that labels have come",
            )
    counts = [f"{len(rows):,} to {name} ({n:,} without a label)" for name, (rows, n) in made.items()]
    with files.replacing(EXAMPLES) as draft, joining.joining(stored, VIEWS, spark) as join:
        for name in wanted:
            rows, _ = made.pop(name)
            files.write_slices(draft / f"{name}.parquet", examples(join, rows, name))
    print(f"examples: {', '.join(counts)}")
