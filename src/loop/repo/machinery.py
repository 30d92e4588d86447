"""The machinery of a copy, which nobody there edits: its version, and the hashes of its files."""

import json
import tomllib
from pathlib import Path
from typing import Any

from loop.base import files
from loop.base.errors import LoopError
from loop.repo.git import git
from loop.settings.paths import BEGUN

PARTS = (
    *("src/loop", ".github/actions", ".github/workflows", "Makefile"),
    *("tests/conftest.py", "tests/contract", "tests/support"),
)


def record(root: Path, problem: str) -> None:
    """Write which problem the copy holds, and which machinery: the version, and sha256 by path."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    files.write_json(
        root / BEGUN, {"problem": problem, "version": project["version"], "machinery": _hashes(root)}
    )


def recorded(root: Path) -> dict[str, Any]:
    """What `record` wrote, the machinery empty for a copy that began before it was recorded.

    Raises LoopError for a file that is not of that form.
    """
    try:
        found = json.loads((root / BEGUN).read_text(encoding="utf-8"))
        own, came = found["problem"], found.get("machinery", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        own, came = None, None
    if not isinstance(own, str) or not isinstance(came, dict):
        raise LoopError(
            f"{BEGUN} is not what `loop init` wrote",
            "the name of the problem, and the hashes of the machinery's files",
            f"`git log -- {BEGUN}`, and `git checkout COMMIT -- {BEGUN}` of the newest good one",
        )
    return {"problem": own, "version": found.get("version"), "machinery": came}


def edited(root: Path) -> list[str]:
    """Paths of the machinery that are not as they came: changed, gone or new."""
    came = recorded(root)["machinery"]
    now = _hashes(root) if came else {}
    return sorted(path for path in {*came, *now} if came.get(path) != now.get(path))


def _hashes(root: Path) -> dict[str, str]:
    listed = git("ls-files", "-co", "--exclude-standard", "-z", "--", *PARTS, cwd=root).split("\0")
    paths = sorted({name for name in listed if name and (root / name).is_file()})
    return {name: files.digest(root / name, "sha256") for name in paths}
