"""ingest: the source's raw tables, as known at `windows.as_of`, into data/raw by month."""

import pandas as pd

from loop.base import files
from loop.settings import params
from loop.settings.paths import RAW
from problem import source


def by_month(frame: pd.DataFrame, time: str | None) -> dict[str, pd.DataFrame]:
    """The frame cut into files: one per UTC month of the column `time`, or one called "all".

    So a new month adds a file and leaves the hashes of the others as they were.
    """
    if time is None or not isinstance(frame[time].dtype, pd.DatetimeTZDtype) or frame.empty:
        return {"all": frame}
    months = frame[time].dt.strftime("%Y-%m")
    return {str(month): part for month, part in frame.groupby(months, sort=True)}


def main() -> None:
    """Read the source once for all windows and write every table, or none."""
    windows = params.section("windows", params.Windows)
    tables = source.tables(windows.since, windows.holdout.until, windows.as_of)
    with files.replacing(RAW) as draft:
        for name, frame in tables.items():
            for month, part in by_month(frame, source.TIME[name]).items():
                files.write_table(draft / name / f"{month}.parquet", part)
    rows = ", ".join(f"{len(frame):,} {name}" for name, frame in tables.items())
    print(f"ingest: {rows}, as known at {windows.as_of:%Y-%m-%d %H:%MZ}")
