"""YAML as DVC reads it: the types of YAML 1.2. Light, since `loop run` starts with it.

A tag, a key twice, and what is large, nests without end or stands for far more by aliases are refused: a
stranger may have written it, so the time to read it grows as its size does. In YAML 1.1, which PyYAML reads,
`1e-05` is a text, `on` is true, `1:30` is ninety. A text for the core types that is a number or a time for
DVC, such as `.05_` or a day, is refused without quotes: it would train as one and be on record as the other.
"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml import SafeLoader as _Core
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from loop.base.errors import LoopError

_TEXT = "tag:yaml.org,2002:str"
DEEPEST = 50  # levels
LARGEST = 500_000  # bytes: reading takes seconds already
ALIASED = 10_000  # values that aliases stand for, all together
_CORE = {  # https://yaml.org/spec/1.2.2/#103-core-schema
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9][0-9_]{0,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}",
    "float": r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
# The resolver of ruamel.yaml, which DVC reads by: https://sourceforge.net/p/ruamel-yaml/code/ci/default/tree/resolver.py
_OF_DVC = {
    "a number": r"[-+]?(0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)"
    r"|[-+]?([0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9_]+([eE][-+][0-9]+)?)",
    "a time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
    r"([ \t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?",
    "a sign of YAML": r"=|<<",
}
_FIRST = "+-.0123456789=<"  # a text that begins otherwise is one for both


def load(path: Path) -> dict[str, Any]:
    """The whole file as plain values. Raises LoopError when it is missing or not a mapping."""
    try:
        return mapping(path.read_bytes(), path)
    except FileNotFoundError:
        how = "is a link that leads nowhere" if path.is_symlink() else "is missing"
        todo = f"run from the repository's root, or `git checkout {path}`"
        raise LoopError(f"{path} {how}", "a file in YAML", todo) from None


def mapping(text: bytes, path: Path) -> dict[str, Any]:
    """The values of a file's text. Raises LoopError with its line where it is not a mapping."""
    try:
        values = parse(text.decode())
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LoopError(
            f"{path}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8",
            "a file in UTF-8",
            "save it in UTF-8; most editors ask for the encoding",
        ) from None
    except yaml.YAMLError as error:
        if conflict := both_sides(text, path):
            raise conflict from None
        mark = getattr(error, "problem_mark", None)
        if unseen := _unseen(text.decode(), mark.line if mark else None):
            raise LoopError(f"{path}, line {unseen}", "signs that are seen", "type it anew") from None
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise LoopError(f"{path}{where}: {problem}", "valid YAML", "fix that line") from None
    if not isinstance(values, dict):
        found = "is empty" if values is None else f"is not a mapping: {str(values)[:40]!r}"
        raise LoopError(f"{path} {found}", "sections, each with its keys", f"see {path} on main")
    return values


def both_sides(text: bytes, path: Path) -> LoopError | None:
    """The error of a file with the marks of a merge; None for one without."""
    marks = re.search(rb"^<{7} ", text, re.MULTILINE)
    if marks is None:
        return None
    line = text[: marks.start()].count(b"\n") + 1
    anew = {"dvc.lock": "`make run`, which makes the right one", "uv.lock": "`uv lock`, which completes it"}
    return LoopError(
        f"{path}, line {line}: a merge left both sides of a conflict",
        "one of them",
        f"`git checkout --ours {path}`, then {anew[path.name]}"
        if path.name in anew
        else f"edit {path}: keep the lines that count, and drop those of <<<, === and >>>",
    )


def _unseen(text: str, at: int | None) -> str:
    """A sign that nobody sees, and its line: that of an error or the one above; without one, any."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n")):
        sign = next((one for one in line if not one.isprintable() and one not in "\t\r"), None)
        if sign and (at is None or number in (at - 1, at)):
            return f"{number + 1}: the sign U+{ord(sign):04X}, which looks like a space or like nothing"
    return ""


def parse(text: str | bytes) -> Any:
    """The values of a text. Raises yaml.YAMLError, and UnicodeDecodeError for bytes of another encoding."""
    if len(text) > LARGEST:
        raise yaml.MarkedYAMLError(problem=f"it has more than {LARGEST:,} bytes")
    return yaml.load(text, Loader)  # noqa: S506 - takes less than a SafeLoader


def dump(values: Any) -> str:
    """YAML that readers of 1.1 and of 1.2 take for the same values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Quotes also the texts that 1.2 would take for numbers, such as a hash 12e345678901."""


if yaml.__with_libyaml__ and not TYPE_CHECKING:  # where PyYAML was built without, its own parser reads
    from yaml.cyaml import CParser

    class _Core(Composer, CParser, SafeConstructor, Resolver):
        """What libyaml reads, in a fifth of the time, put together by PyYAML."""

        def __init__(self, text: str | bytes) -> None:
            CParser.__init__(self, text)
            for part in (Composer, SafeConstructor, Resolver):
                part.__init__(self)


class Loader(_Core):
    """The core types of YAML 1.2; an error names its line."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - of PyYAML, which fills it by class
    _depth = _lowest = 0  # levels: of the node that is read, and of the lowest one yet
    _values = _aliased = 0  # read, aliases written out, and by aliases alone

    def __init__(self, text: Any) -> None:
        super().__init__(text)
        self._anchored: dict[int, tuple[int, int]] = {}  # values and levels of each node with an anchor

    def compose_document(self) -> Any:
        """Refuse `%YAML 1.1`, by which DVC would read other values than we do."""
        start: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if start.version not in (None, (1, 2)):
            named = ".".join(str(part)[:40] for part in start.version)
            raise _refused(f"`%YAML {named}`, where the values are of YAML 1.2", start.start_mark)
        return super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias, a tag and what nests without end."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            return self._alias(super().compose_node(parent, index), event.start_mark)
        if event.tag not in (None, "!"):
            raise _refused(f"a tag: {str(event.tag)[:40]}", event.start_mark)
        before, lowest = self._values, self._lowest
        self._values, self._depth = before + 1, self._depth + 1
        self._lowest = self._depth
        self._not_too_deep(event.start_mark)
        found = super().compose_node(parent, index)
        if isinstance(found, yaml.ScalarNode) and event.implicit[0]:
            self._as_dvc(found, parent, index)
        if event.anchor is not None:
            self._anchored[id(found)] = self._values - before, self._lowest - self._depth
        self._depth, self._lowest = self._depth - 1, max(lowest, self._lowest)
        return found

    def _as_dvc(self, found: yaml.ScalarNode, parent: Any, index: Any) -> None:
        """Refuse a text without quotes that is none for DVC; `<<` before a colon merges."""
        merges = isinstance(parent, yaml.MappingNode) and index is None and found.value == "<<"
        if found.tag != _TEXT or not found.value.startswith(tuple(_FIRST)) or merges:
            return
        for kind, pattern in _OF_DVC.items():
            if re.fullmatch(pattern, found.value):
                of = f"{index.value[:40]}: " if isinstance(index, yaml.ScalarNode) else ""
                differs = (
                    f"`{found.value[:40]}` is {kind} for DVC and a text here: quote it, or write it plainly"
                )
                raise _refused(of + differs, found.start_mark)

    def _alias(self, found: Any, mark: Any) -> Any:
        """A node again, counted as if it were written out."""
        if id(found) not in self._anchored:
            raise _refused("an alias of what it lies in", mark)
        values, levels = self._anchored[id(found)]
        self._values, self._aliased = self._values + values, self._aliased + values
        if self._aliased > ALIASED:
            raise _refused(f"aliases of more than {ALIASED:,} values", mark)
        self._lowest = max(self._lowest, self._depth + 1 + levels)
        self._not_too_deep(mark)
        return found

    def _not_too_deep(self, mark: Any) -> None:
        if self._lowest > DEEPEST:
            raise _refused(f"more than {DEEPEST} levels", mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a key that is given twice, as true and 1 are one in Python; take `<<` as a merge."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # no key that a mapping of Python's can have
            names = {key.value, self.construct_object(key)}
            if not seen.isdisjoint(names):
                raise _refused(f"`{key.value[:40]}` twice, by its text or its value", key.start_mark)
            seen |= names
            if key.value == "<<" and not key.style:
                key.tag = "tag:yaml.org,2002:merge"
        return node


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Double quotes escape what is not seen; PyYAML's other styles lose some of it."""
    style = None if all(sign.isprintable() or sign == "\n" for sign in text) else '"'
    return dumper.represent_scalar(_TEXT, text, style)


def _int(_: Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if not -(2**63) <= number < 2**63:
        raise _refused(f"{node.value[:40]} is no whole number that 64 bits hold", node.start_mark)
    return number


def _float(_: Loader, node: yaml.ScalarNode) -> float:
    text = node.value.lower().replace("_", "")
    number = math.inf if text.endswith(("inf", "nan")) else float(text)
    if math.isinf(number):
        raise _refused(f"{node.value[:40]} is not a finite number", node.start_mark)
    return number


def _refused(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


for _kind, _pattern in _CORE.items():
    for _reader in (Loader, _Dumper):
        _reader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), None)
for _kind, _pattern in _OF_DVC.items():
    _Dumper.add_implicit_resolver(f"tag:dvc.org,{_kind}", re.compile(f"^(?:{_pattern})$"), list(_FIRST))
_Dumper.add_representer(str, _text)
Loader.add_constructor("tag:yaml.org,2002:int", _int)
Loader.add_constructor("tag:yaml.org,2002:float", _float)
