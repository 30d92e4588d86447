"""A step to more traffic as a pull request to `production`: another person sees the evidence, and merges it.

Made by whoever may push a branch. It changes nothing until the merge; `loop deploy` asks who approved it.
"""

import os

from loop.base.errors import LoopError
from loop.base.markup import fenced, render
from loop.base.warning import warn
from loop.github.client import GitHub
from loop.production.state import BRANCH
from loop.repo import remote

PREFIX = "promote/"


def propose(message: str, commit: str) -> None:
    """Push the commit as a branch, and open its pull request; without a token, say how.

    Raises LoopError where the branch cannot be pushed.
    """
    subject, _, rest = message.partition("\n")
    said, trailers = remote.trailers(rest)
    name = f"{PREFIX}v{trailers['Version']}-{trailers['Stage']}"
    done = remote.to_remote("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/{name}")
    if done.code:
        raise LoopError(
            f"the branch {name} could not be pushed: {done.gist()}",
            "the right to push a branch",
            "look at your rights, then run it again; nothing was changed",
        )
    values = {"text": fenced(said.split("\n")), "branch": BRANCH}
    body = render("loop.rollout", "promote.md.j2", values).strip()
    by_hand = f"gh pr create --base {BRANCH} --head {name} --title '{subject}' --body-file -"
    if not (os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")):
        print(f"the branch {name} is at origin; open its pull request, which another person merges:")
        print(f"  git log -1 --format=%b {commit[:12]} | {by_hand}")
        return
    github = GitHub.of_origin()
    try:
        url = _open(github, name, subject, body)
    except LoopError as error:
        warn(f"the branch {name} is at origin, but its pull request is not there: {error.found}")
        print(f"  git log -1 --format=%b {commit[:12]} | {by_hand}")
        return
    print(f"another person approves and merges {url}; until then nothing changes")


def _open(github: GitHub, name: str, title: str, body: str) -> str:
    """The address of the open pull request of a branch, made if there is none."""
    owner = github.repository.split("/")[0]
    for one in github.pages("pulls", state="open", head=f"{owner}:{name}"):
        if one["head"]["ref"] == name and one["base"]["ref"] == BRANCH:
            github.patch(f"pulls/{one['number']}", title=title, body=body)
            return str(one["html_url"])
    return str(github.post_once("pulls", title=title, body=body, head=name, base=BRANCH)["html_url"])
