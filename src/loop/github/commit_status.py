"""The commit status `gate`: what GitHub requires before a merge."""

import re
from dataclasses import dataclass

from loop.base.markup import plain
from loop.github.client import GitHub

NAME = "gate"
LONGEST = 140  # characters of a description that GitHub allows
_FAR = re.compile("[^\u0000-\uffff]")  # signs that GitHub refuses in it


@dataclass(frozen=True)
class Gate:
    """A commit status: success, failure or error, and why."""

    state: str
    why: str


def final(github: GitHub, sha: str) -> bool:
    """Whether a commit has the status already, and not as pending."""
    found = github.get(f"commits/{sha}/status", per_page=100)["statuses"]
    return any(one["context"] == NAME and one["state"] != "pending" for one in found)


def put(github: GitHub, sha: str, gate: Gate, url: str) -> None:
    """Set the status of a commit; `url` is that of the run. Raises LoopError when GitHub refuses it."""
    github.post(
        f"statuses/{sha}",
        state=gate.state,
        context=NAME,
        description=_FAR.sub("?", plain(gate.why, LONGEST)),
        target_url=url,
    )
