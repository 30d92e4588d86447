"""CML, asked once: the token and the way to GitHub go by the environment, and nothing else of ours does."""

import os
import re
from pathlib import Path

from loop.base import program
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.github.client import GitHub

SECONDS = 180.0
_OURS = ("PATH", "HOME", "CI", "LANG", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "NO_PROXY")


def cml(github: GitHub, *arguments: str, cwd: Path | None = None) -> str:
    """What a call of CML prints. Raises LoopError with GitHub's own message where it gave one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _OURS or name.startswith(("GITHUB_", "GIT_SSL_"))
    }
    own = {"REPO_TOKEN": github.token, "ITERATIVE_DO_NOT_TRACK": "1"}
    command = ["cml", *arguments, f"--repo={github.server}/{github.repository}"]
    done = program.ask(command, seconds=SECONDS, cwd=cwd, env=kept | own)
    if done.code:
        why = re.findall(r'"message":"([^"]*)"', done.errors) or [done.gist(200)]
        name = " ".join(one for one in arguments if not one.startswith(("-", "/")))
        raise LoopError(f"cml {name} failed: {plain(why[0], 200)}", "an answer of GitHub", "run it again")
    return done.out
