"""Files of the repository that commands read whole: each is a regular file, or nothing is read."""

from itertools import chain
from pathlib import Path

from loop.base.errors import LoopError
from loop.settings.paths import BEGUN, ENVIRONMENT_LOCK, PARAMS, PIPELINE, PIPELINE_LOCK

READ = (PARAMS, PIPELINE, PIPELINE_LOCK, ENVIRONMENT_LOCK, BEGUN, Path("pyproject.toml"), Path(".dvc/config"))
FOLDERS = ("deploy/*.yaml", "models/*.*", "reports/*.*", "monitor/*.*", "review/*.*")


def check() -> None:
    """Raise LoopError for a folder, a pipe or a device in place of one, of which the last two may never end.

    Git brings such a file as a link.
    """
    for path in chain(READ, *(Path().glob(pattern) for pattern in FOLDERS)):
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file, but a pipe or a device"
            by = f", by a link to {path.readlink()}" if path.is_symlink() else ""
            raise LoopError(f"{path} is {what}{by}", "a file", f"remove it, then `git checkout {path}`")
