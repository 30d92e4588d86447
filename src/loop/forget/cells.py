"""Cells of a SQLite file that mention a person: counted, and written anew."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from loop.forget.person import Person

SQLITE = b"SQLite format 3\x00"
Cell = str | bytes | None


def holding(path: Path, who: Person) -> Iterator[tuple[str, str, int]]:
    """Table, column and how many cells hold what names them."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.create_function("mentioned", 1, lambda cell: who.mention.count(_bytes(cell)))
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]:
                asked = f'SELECT count(*) FROM "{table}" WHERE {_theirs(column)}'  # noqa: S608 - names of its own
                if count := database.execute(asked).fetchone()[0]:
                    yield table, column, count


def clean(path: Path, who: Person) -> None:
    """Put another text in place of what names them, and give back the pages it lay in."""
    found = list(holding(path, who))

    def without(cell: Cell) -> Cell:
        kept = who.mention.without(_bytes(cell))
        return kept if isinstance(cell, bytes) else kept.decode(errors="replace")

    with closing(sqlite3.connect(path)) as database:
        database.create_function("mentioned", 1, lambda cell: who.mention.count(_bytes(cell)))
        database.create_function("without", 1, without)
        for table, column, _ in found:
            change = f'UPDATE "{table}" SET "{column}" = without("{column}") WHERE {_theirs(column)}'  # noqa: S608
            database.execute(change)
        database.commit()
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what a file beside it holds of them goes too


def _theirs(column: str) -> str:
    return f"""typeof("{column}") IN ('text', 'blob') AND mentioned("{column}")"""


def _bytes(cell: Cell) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode(errors="replace")
