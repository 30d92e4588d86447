"""git, asked and answered as text."""

import os
import subprocess
from pathlib import Path

from loop.base.errors import LoopError


def environment() -> dict[str, str]:
    """Ours without git's own variables: within a hook they name the index of the commit being made."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git(*arguments: str, cwd: Path | None = None) -> str:
    """What `git` prints, without the last line's end. Raises LoopError with git's own first line."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
        raise LoopError(f"git failed: {detail}", "a git repository", "run from a clone's root") from None
    return done.stdout.rstrip("\n")
