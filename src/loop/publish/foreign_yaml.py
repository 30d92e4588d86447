"""YAML that a stranger wrote: small, and without what lets a few lines take hours or all memory to read."""

import re
from typing import Any

import yaml

LARGEST = 500_000  # bytes: reading takes seconds already
_BASE_60 = re.compile(rb"(\d+:){4}")  # which takes the square of its length to read


def read(text: bytes, aliases: bool) -> dict[str, Any]:
    """A mapping, its aliases allowed where people write them. Raises ValueError with what is wrong."""
    if len(text) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    if _BASE_60.search(text):
        raise ValueError("it has a number to base 60")
    try:
        found = yaml.load(text, _Unmerged if aliases else _Flat)  # noqa: S506 - takes less than a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise ValueError("bad syntax, an alias, a merge, or a key twice") from None
    if not isinstance(found, dict):
        raise ValueError("it is no mapping")
    return found


class _Unmerged(yaml.SafeLoader):
    """YAML without `<<`, by which a few lines grow beyond any memory, and without a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) != len(node.value):
            raise yaml.YAMLError("a key twice")
        return found

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.YAMLError("a merge key")


class _Flat(_Unmerged):
    """YAML without aliases too, as DVC writes its lock."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)
