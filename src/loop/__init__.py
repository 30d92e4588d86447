"""MACHINERY: one room per moment of a model's life. You never need to open it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop.history.opened import Opened


def open(commit: str | None = None) -> "Opened":  # noqa: A001 - read as `loop.open`
    """What a commit's pipeline made, for a notebook: of a branch, a tag, a hash, or of the working tree."""
    from loop.history.opened import Opened

    return Opened(commit)
