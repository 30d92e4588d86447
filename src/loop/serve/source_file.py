"""A file that is written as those of src/problem/source.py are, as `loop init` began with, as requests."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from loop.base.errors import LoopError, first_line
from loop.kit.sources import Requests
from loop.kit.stored_rows import Files, LostColumnsError, SourceError, UnreadableError
from loop.serve import request_file
from loop.serve.request_file import ROWS, Part, RequestFile
from problem import schema, source


def read(
    path: Path, zone: str | None = None, delimiter: str | None = None, *, quiet: bool = False
) -> RequestFile:
    """The file as requests; one that lacks what these hold is read as the source reads its own, in memory.

    A note says so, unless it is to be `quiet`. Raises LoopError for what cannot be read either way.
    """
    own = getattr(source, "SOURCE", None)
    if zone or delimiter or not (isinstance(own, Requests) and isinstance(own.files, Files)):
        return request_file.read(path, zone, delimiter)
    wanted = set(schema.REQUEST.columns)
    try:
        found = request_file.read(path)
    except LoopError as error:  # such as another encoding, which the source may say
        return _own(path, own, error, quiet=quiet)
    needed = own.unlabelled.needed
    names = {name.strip() for name in found.parts[0].names}
    lost = [name for name in needed if name not in names]
    if found.has([*wanted]) or len(lost) >= len(wanted - names):
        return found
    if lost:
        raise LoopError(
            f"{path} lacks {', '.join(lost)}",
            f"the columns that src/problem/source.py reads: {', '.join(needed)}",
            "add them; other columns, the label among them, are left alone",
        )
    return _own(path, own, quiet=quiet)


def _own(path: Path, own: Requests, refused: LoopError | None = None, *, quiet: bool) -> RequestFile:
    """The file as the source reads its own; `refused` is why it is no file of requests."""
    try:
        rows = own.of_file(path)
    except (SourceError, OSError, ValueError, pa.ArrowException, csv.Error) as error:
        own_words = isinstance(error, SourceError) and not isinstance(
            error, LostColumnsError | UnreadableError
        )
        if refused is not None and not own_words:
            raise refused from None
        raise LoopError(
            f"{path}, read as src/problem/source.py reads {own.table}: {first_line(error, 300)}",
            "values as they are declared there",
            "fix them; or make a file of requests, with decided_at as an instant",
        ) from None
    if not quiet:
        print(f"note: {path} is read as src/problem/source.py reads {own.table}")
    starts = range(0, len(rows), ROWS)
    groups = [min(ROWS, len(rows) - at) for at in starts]

    def batches(names: list[str], only: list[int] | None) -> Iterator[pa.Table]:
        for group, at in enumerate(starts):
            if only is None or group in only:
                yield pa.Table.from_pandas(rows.iloc[at : at + ROWS][names], preserve_index=False)

    return RequestFile(path, [Part(path, list(rows.columns), groups, False, batches)])
