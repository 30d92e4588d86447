"""The machinery of a copy, which nobody there edits: its origin, its version, the hashes of its files."""

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loop.base import files, json_text
from loop.base.errors import LoopError, first_line
from loop.repo.git import git
from loop.settings.paths import BEGUN

PARTS = (
    *("src/loop", ".github/actions", ".github/workflows", "Makefile"),
    *("tests/conftest.py", "tests/contract", "tests/support"),
)


@dataclass(frozen=True)
class Record:
    """Which problem a copy holds, the template's address and version, and sha256 of its machinery by path.

    `taken` says which files came from another version, alone. Nothing but the problem is known of a copy that
    began before the rest was recorded.
    """

    problem: str
    version: str | None = None
    template: str | None = None
    taken: dict[str, str] = field(default_factory=dict)
    machinery: dict[str, str] = field(default_factory=dict)


def record(root: Path, problem: str, template: str | None = None) -> None:
    """Write which problem the copy in `root` holds, and which machinery."""
    write(root, Record(problem, version(root), template, {}, hashes(root)))


def write(root: Path, found: Record) -> None:
    """Write a record; what is not known is left out."""
    known = {name: value for name, value in asdict(found).items() if value or name == "machinery"}
    files.write_json(root / BEGUN, known)


def recorded(root: Path) -> Record:
    """What was written. Raises LoopError for a file that is not of that form."""
    try:
        values = json_text.parse((root / BEGUN).read_text(encoding="utf-8"))
        found = Record(**{name: values[name] for name in Record.__annotations__ if name in values})
    except (ValueError, TypeError):
        found = None
    if found is None or not _well_formed(found):
        raise LoopError(
            f"{BEGUN} is not what `loop init` wrote",
            "the name of the problem, and the hashes of the machinery's files",
            f"`git log -- {BEGUN}`, and `git checkout COMMIT -- {BEGUN}` of the newest good one",
        )
    return found


def edited(root: Path) -> list[str]:
    """Paths of the machinery that are not as they came: changed, gone or new."""
    came = recorded(root).machinery
    now = hashes(root) if came else {}
    return sorted(path for path in {*came, *now} if came.get(path) != now.get(path))


def version(root: Path) -> str:
    """The template's version: not the package's, which uv.lock holds, on which every stage depends."""
    return str(_section(_section(_project(root), "tool"), "loop").get("version", ""))


def address(root: Path) -> str | None:
    """Where the template says that it lives."""
    found = _section(_section(_project(root), "project"), "urls").get("Template")
    return str(found) if found else None


def hashes(root: Path) -> dict[str, str]:
    """The files of the machinery in a checkout: sha256 by path."""
    listed = git("ls-files", "-co", "--exclude-standard", "-z", "--", *PARTS, cwd=root).split("\0")
    paths = sorted({name for name in listed if name and (root / name).is_file()})
    return {name: files.digest(root / name, "sha256") for name in paths}


def _project(root: Path) -> dict[str, Any]:
    """pyproject.toml. Raises LoopError for one that cannot be read."""
    path = root / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        todo = f"look at `git diff -- {path.name}`; `git checkout {path.name}` brings back the committed one"
        raise LoopError(f"{path} cannot be read: {first_line(error)}", "TOML in UTF-8", todo) from None


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    found = values.get(name)
    return found if isinstance(found, dict) else {}


def _well_formed(found: Record) -> bool:
    texts = (found.problem, found.version or "", found.template or "")
    tables = (found.taken, found.machinery)
    return all(isinstance(one, str) for one in texts) and all(isinstance(one, dict) for one in tables)
