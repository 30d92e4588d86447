"""The commit status `gate`: what GitHub requires before a merge, and the receipt that a release asks for."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from loop.base.files import write_json
from loop.base.markup import plain
from loop.github import workflow_output
from loop.github.client import GitHub

NAME = "gate"
RECEIPT = Path("review/gate.json")
LONGEST = 140  # characters of a description that GitHub allows
_FAR = re.compile("[^\u0000-\uffff]")  # signs that GitHub refuses in it


@dataclass(frozen=True)
class Gate:
    """A commit status: success, failure or error, why, and the sha256 of the artifact that it rests on."""

    state: str
    why: str
    artifact: str = ""


def receipt_of(sha: str) -> str:
    """The name of the artifact that a judging workflow leaves for a commit."""
    return f"gate-{sha}"


def final(github: GitHub, sha: str) -> bool:
    """Whether a commit has the status already, and not as pending."""
    found = github.get(f"commits/{sha}/status", per_page=100)["statuses"]
    return any(one["context"] == NAME and one["state"] != "pending" for one in found)


def put(github: GitHub, sha: str, gate: Gate, url: str) -> None:
    """Set the status of a commit, and leave its receipt for the workflow's next step to upload.

    `url` is that of the run; an App of one's own sets it where GATE_TOKEN is its token. Raises LoopError
    when GitHub refuses it.
    """
    why = _FAR.sub("?", plain(gate.why, LONGEST))
    setter = GitHub(
        github.api, github.server, github.repository, os.environ.get("GATE_TOKEN") or github.token
    )
    setter.post(f"statuses/{sha}", state=gate.state, context=NAME, description=why, target_url=url)
    told = {"commit": sha, "state": gate.state, "why": why, "run": url, "artifact": gate.artifact}
    write_json(RECEIPT, told)
    workflow_output.put(gate=gate.state, receipt=receipt_of(sha))
