"""Reads the table or view of a database that a problem begins with; no secret of its address is kept."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.init.data_file import DataFile, named
from loop.kit.stored_rows import FILE_DATABASES, Query, SourceError

SECRETS = ("password", "token", "access_token", "sslpassword", "api_key")


def is_address(data: str) -> bool:
    """Whether what is named is a database rather than a file."""
    return "://" in data or data.startswith("${")


def read(url: str, table: str | None) -> DataFile:
    """All rows of a table, a view or a SELECT. Raises LoopError, UsageError."""
    if not table:
        raise UsageError(f"{_shown(url)} is a database", "a table or a view of it", "name it with --table")
    query = Query(_address(url), table, {})
    try:
        frame = query.fetch()
    except SourceError as error:
        todo = "look at address and rights; `uv add 'ibis-framework[NAME]'` brings a database's driver"
        raise LoopError(str(error), "a table or a view that can be read", todo) from None
    place = Path(table.split(".")[-1] if " " not in table else "query")
    if frame.empty:
        raise LoopError(f"{table} holds no row", "rows, one per request", "look at it")
    names = named(place, [str(name).strip() for name in frame.columns])
    frame.columns = pd.Index(list(names))
    renamed = {plain: name for plain, name in names.items() if plain != name}
    return DataFile(place, frame, renamed, texts=False, query=query)


def _address(url: str) -> str:
    """The address as it may be written down. Raises UsageError for one that holds a secret."""
    if url.startswith("${"):
        return url
    parts = urlsplit(url)
    in_query = any(name.lower() in SECRETS for name, _ in parse_qsl(parts.query))
    if in_query or (parts.password and not parts.password.startswith("${")):
        raise UsageError(
            f"the address of {parts.hostname or 'the database'} holds a password",
            "an address without one: src/problem/source.py is in git",
            "`export DATABASE_URL=...`, then name it as '${DATABASE_URL}', in single quotes",
        )
    scheme, _, place = url.partition("://")
    if scheme in FILE_DATABASES and not Path(place).is_file() and Path(place.lstrip("/")).is_file():
        return f"{scheme}://{place.lstrip('/')}"  # sqlite:///FILE, as others write it
    return url


def _shown(url: str) -> str:
    return urlsplit(url).scheme or url
