"""YAML that a stranger wrote: small, and without what lets a few lines take hours or all memory to read."""

from typing import Any

import yaml

from loop.settings.yaml_file import Loader

LARGEST = 500_000  # bytes: reading takes seconds already


def read(text: bytes, aliases: bool) -> dict[str, Any]:
    """A mapping, its aliases allowed where people write them. Raises ValueError with what is wrong."""
    if len(text) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    try:
        found = yaml.load(text, Loader if aliases else _Flat)  # noqa: S506 - takes less than a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise ValueError("bad syntax, an alias, a tag, a merge, or a key twice") from None
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    return found


class _Flat(Loader):
    """YAML without aliases too, as DVC writes its lock."""

    aliases = False
