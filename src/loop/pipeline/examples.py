"""examples: each request with what was known at its decision, and its label, per window."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from loop.base import files
from loop.base.errors import LoopError
from loop.data import contract, features, joining, request_parts
from loop.settings import engine_settings, params
from loop.settings.paths import EXAMPLES, VALID
from problem import schema, source
from problem.features import VIEWS

ROWS = 2**17  # that are joined, checked and written at once


class Params(params.Section):
    """`examples` of params.yaml."""

    rows_min: int = Field(ge=1)


def labelled(
    tables: Mapping[str, pd.DataFrame], window: params.Window, known_by: pd.Timestamp
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
            raise request_parts.came_before(what, again)
    rows = requests.merge(labels, on=source.KEY, how="inner")
    return rows, len(requests) - len(rows)


class Labelled:
    """The labelled requests of a window, part by part, counted as they come."""

    def __init__(self, stored: Mapping[str, Path], window: params.Window, known_by: pd.Timestamp) -> None:
        self._window, self._known_by = window, known_by
        self._parts = request_parts.parts(stored, window, known_by)
        self.rows = self.unlabelled = 0

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """What `labelled` gives of each part: one that has rows, or one without."""
        for tables in self._parts:
            rows, unlabelled = labelled(tables, self._window, self._known_by)
            del tables  # while the rows are joined
            self.rows, self.unlabelled = self.rows + len(rows), self.unlabelled + unlabelled
            if len(rows):
                yield rows
        if not self.rows:
            yield rows


def examples(
    join: joining.Slices, parts: Iterable[pd.DataFrame], name: str, at_once: int = ROWS
) -> Iterator[pd.DataFrame]:
    """`labelled` rows, or parts of them, with features as of each one's own decision, in their order.

    Raises ContractError after the last, for all of them; `at_once` rows are joined at once.
    """
    checked = contract.Slices(schema.EXAMPLE, f"examples/{name}")
    for rows in parts:
        outcome = [name for name in rows if name not in schema.REQUEST.columns]
        for joined in join(rows, at_once):
            part = joined[[*(one for one in joined if one not in outcome), *outcome]]
            checked.add(part)
            yield part
    checked.require()


def whole(tables: dict[str, pd.DataFrame], window: params.Window, known_by: pd.Timestamp) -> pd.DataFrame:
    """All examples of a window in one frame, as a problem's tests and benchmarks look at them."""
    with joining.joining(tables, VIEWS) as join:
        return pd.concat(examples(join, [labelled(tables, window, known_by)[0]], "all"))


def main() -> None:
    """Write data/examples/train.parquet and holdout.parquet, or neither."""
    windows = params.section("windows", params.Windows)
    rows_min = params.section("examples", Params).rows_min
    spark = engine_settings.spark()
    stored = {path.stem: path for path in sorted(VALID.glob("*.parquet"))}
    if lost := sorted(set(source.TIME) - set(stored)):
        raise LoopError(f"{VALID / lost[0]}.parquet is missing", "what `validate` writes", "run `dvc repro`")
    wanted = {
        "train": Labelled(stored, windows.train, windows.train.until),
        "holdout": Labelled(stored, windows.holdout, windows.as_of),
    }
    with files.replacing(EXAMPLES) as draft, joining.joining(stored, VIEWS, spark) as join:
        for name, made in wanted.items():
            files.write_slices(draft / f"{name}.parquet", examples(join, made, name))
            if made.rows < rows_min:
                raise LoopError(
                    f"params.yaml: windows.{name} holds {made.rows:,} labelled rows "
                    f"({made.unlabelled:,} without)",
                    f"at least {rows_min:,} (examples.rows_min)",
                    f"widen windows.{name}, or move windows.as_of so that labels have come",
                )
    counts = [f"{one.rows:,} to {name} ({one.unlabelled:,} without a label)" for name, one in wanted.items()]
    print(f"examples: {', '.join(counts)}")
