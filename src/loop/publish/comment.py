"""The one comment of a pull request, by CML where CML does right, else by the same words ourselves.

`cml comment update` reads the first thirty comments only, and edits the last that carries its mark,
whoever wrote it. So it is asked to only where that one is ours, or nobody has one.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from loop.errors import LoopError
from loop.github import GitHub
from loop.publish.pull import BOT, Pull

MARK = "review"
FIRST = 30  # comments that CML reads
TRIES = 3
_MARKED = re.compile(rf'!\[\]\(https://cml\.dev/watermark\.png#[0-9a-fA-F]+ "CML watermark {MARK}"\)')
_OURS = ("PATH", "HOME", "CI", "LANG", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "NO_PROXY")


def put(github: GitHub, pull: Pull, body: str) -> None:
    """Make the pull request's comment say `body`. Raises LoopError when it cannot."""
    comments = list(github.pages(f"issues/{pull.number}/comments"))
    marked = [comment for comment in comments if _MARKED.search(comment["body"] or "")]
    ours = next((comment for comment in reversed(marked) if comment["user"]["login"] == BOT), None)
    seen = [comment for comment in comments[:FIRST] if comment in marked]
    edits = seen[-1] if seen else None  # what `cml comment update` would edit
    if edits is ours or (edits is None and ours is None):
        _cml(github, pull, body, "update")
    elif ours is None:  # a stranger's comment carries the mark: it stays the stranger's
        _cml(github, pull, body, "create")
    else:
        github.patch(f"issues/comments/{ours['id']}", body=f"{body}\n\n{_mark(ours)}")


def _mark(comment: dict[str, Any]) -> str:
    found = _MARKED.search(comment["body"])
    return found[0] if found else ""


def _cml(github: GitHub, pull: Pull, body: str, verb: str) -> None:
    """One call of CML; it does not ask twice by itself. The token goes by the environment."""
    env = {name: os.environ[name] for name in os.environ if name in _OURS or name.startswith("GITHUB_")}
    env |= {"REPO_TOKEN": github.token, "ITERATIVE_DO_NOT_TRACK": "1"}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.md")
        report.write_text(body, encoding="utf-8")
        command = ["cml", "comment", verb, "--no-publish", f"--target=pr/{pull.number}"]
        command += [f"--watermark-title={MARK}", f"--repo={github.server}/{github.repository}", str(report)]
        for _ in range(TRIES):
            try:
                done = subprocess.run(
                    command, env=env, capture_output=True, text=True, timeout=120, check=False
                )
            except FileNotFoundError:
                raise LoopError(
                    "cml is not installed", "CML 0.20.6", "iterative/setup-cml in the job"
                ) from None
            except subprocess.TimeoutExpired:
                raise LoopError("cml did not end within 120 s", "a comment", "run it again") from None
            if done.returncode == 0:
                return
    said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
    raise LoopError(f"cml comment {verb} failed: {said[0][:200]}", "a comment", "run it again")
