"""git, asked and answered as text."""

import subprocess
from pathlib import Path

from loop.errors import LoopError


def git(*arguments: str, cwd: Path | None = None) -> str:
    """What `git` prints, without the last line's end. Raises LoopError with git's own first line."""
    try:
        done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        detail = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[0]
        raise LoopError(f"git failed: {detail}", "a git repository", "run from a clone's root") from None
    return done.stdout.rstrip("\n")
