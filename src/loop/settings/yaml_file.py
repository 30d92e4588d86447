"""A YAML file of sections, or an error that names file and line. Light: `loop run` starts with it."""

from pathlib import Path
from typing import Any

import yaml

from loop.base.errors import LoopError
from loop.settings.plain_words import shown


def load(path: Path) -> dict[str, Any]:
    """The whole file as plain values. Raises LoopError when it is missing or not a mapping."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoopError(f"{path} is missing", "a file of params", "run from the repository's root") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", "not YAML")
        raise LoopError(f"{path}{where}: {problem}", "valid YAML", "fix that line") from None
    if not isinstance(values, dict):
        raise LoopError(
            f"{path} is {shown(values)}", "sections, each with its keys", f"`git checkout main -- {path}`"
        )
    return values
