"""What DVC keeps beside the pipeline, read before DVC runs: of a slip it shows a traceback, or no to-do."""

import os
from pathlib import Path

from loop.base import json_text
from loop.base.errors import LoopError, first_line
from loop.settings.yaml_file import both_sides

SETTINGS = (Path(".dvc/config"), Path(".dvc/config.local"))
LOCK = Path(".dvc/tmp/rwlock")  # which stage runs where, by all DVCs of this checkout


def check() -> None:
    """Raise LoopError for settings that DVC cannot read, and for a list of its locks that was cut off."""
    from configobj import ConfigObj, ConfigObjError

    for path in filter(os.path.lexists, SETTINGS):
        text = path.read_bytes()
        try:
            ConfigObj(text.decode().splitlines(), list_values=False)
        except (UnicodeDecodeError, ConfigObjError) as error:
            raise both_sides(text, path) or LoopError(
                f"{path}: {first_line(error)}",
                "settings as `dvc config` writes them",
                f"fix it, or `git checkout {path}`" if path is SETTINGS[0] else f"fix it, or remove {path}",
            ) from None
    try:
        json_text.parse(LOCK.read_bytes() or b"{}")
    except FileNotFoundError:
        pass
    except ValueError:
        raise LoopError(
            f"{LOCK} was cut off, as when the disk was full or the machine went down",
            "DVC's list of what runs, as JSON",
            f"if no DVC is at work here, `rm {LOCK}`, then run it again",
        ) from None
