"""origin, and who commits: what git does there, with a workflow's token where there is one."""

import base64
import getpass
import os
import re
from pathlib import Path
from typing import Any

from loop.base import environment, program
from loop.base.errors import LoopError
from loop.base.program import Done
from loop.repo import default_branch
from loop.repo.git import SETTINGS, ask, git
from loop.settings.paths import BEGUN

BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
_TRAILER = re.compile(r"([A-Za-z0-9-]+): ?(.*)")
_HOSTED = re.compile(r"(?:https://(?:[^/@]+@)?|git@|ssh://git@)([\w.-]+)[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?")
TIMEOUT = 120  # seconds, of one call of git to a remote


def remote() -> bool:
    """Whether there is an `origin`."""
    return "origin" in git("remote").split()


def address() -> str | None:
    """Where origin is seen in a browser; None where git does not say."""
    done = ask("remote", "get-url", "origin")
    found = _HOSTED.fullmatch(done.out.strip()) if done.code == 0 else None
    return f"https://{found[1]}/{found[2]}" if found else None


def fetch_main() -> None:
    """Bring what origin has as main; one that does not answer leaves what this clone knows of it."""
    if remote():
        fetch_default()


def fetch_default() -> Done:
    """The call of git that brings origin's default branch."""
    here = default_branch.at_origin()
    there = f"refs/heads/{default_branch.short(here)}"
    return to_remote("fetch", "--quiet", "--no-tags", "origin", f"+{there}:{here}")


def main_ref() -> str | None:
    """The main that counts: origin's, or this clone's own where there is none.

    A main from before this problem began, such as the template's, is none of its own.
    """
    here = default_branch.at_origin()
    refs = (here, f"refs/heads/{default_branch.short(here)}")
    known = git("for-each-ref", "--format=%(refname)", *refs).split()
    there = [ref for ref in refs if ref in known]
    if _begun("HEAD"):
        there = [ref for ref in there if _begun(ref)]
    return there[0] if there else None


def once_main(commit: str) -> bool:
    """Whether main was once at a commit, and not a branch beside it. True where there is no main."""
    main = main_ref()
    return main is None or commit in git("rev-list", "--first-parent", main).split()


def _begun(commit: str) -> bool:
    """Whether a commit holds a problem in place of the example."""
    return bool(git("ls-tree", "--name-only", commit, "--", str(BEGUN)))


def fetch(what: str) -> None:
    """Bring a branch or commit of origin. Raises LoopError with what git said."""
    done = to_remote("fetch", "--quiet", "--no-tags", "origin", what)
    if done.code:
        raise LoopError(f"origin did not give {what}: {done.gist()}", "what origin has", "fetch it by hand")


def to_remote(*arguments: str, cwd: Path | None = None) -> Done:
    """A call of git that talks to origin; a workflow's token goes by the environment.

    Raises LoopError where it does not answer in time.
    """
    env: dict[str, str] = {}
    token, server = os.environ.get("GITHUB_TOKEN"), os.environ.get("GITHUB_SERVER_URL")
    if os.environ.get("GITHUB_ACTIONS") and token and server:
        env |= auth_by_environment(token, server)
    env = environment.child(**env, GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    try:
        return program.ask(["git", *SETTINGS, *arguments], seconds=TIMEOUT, cwd=cwd, env=env)
    except LoopError as error:
        raise LoopError(error.found, "a remote that answers", "run it again") from None


def auth_by_environment(token: str, server: str = "") -> dict[str, str]:
    """Variables by which git shows a token to a server: neither a command line nor a file holds it."""
    secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{server}/.extraheader" if server else "http.extraheader"
    return environment.git_settings((key, f"AUTHORIZATION: basic {secret}"))


def identity() -> dict[str, str]:
    """Variables that say who commits: the bot in a workflow, none for the user of git, else the machine's."""
    name, mail = BOT
    if not os.environ.get("GITHUB_ACTIONS"):
        try:
            git("var", "GIT_COMMITTER_IDENT")
            return {}
        except LoopError:
            name = getpass.getuser()
            mail = f"{name}@localhost"
    said = {"NAME": name, "EMAIL": mail}
    names = {f"GIT_{role}_{what}": said[what] for role in ("AUTHOR", "COMMITTER") for what in said}
    return {one: text for one, text in names.items() if not os.environ.get(one)}  # a person's own stay


def committer() -> tuple[str, str]:
    """Name and mail of who commits, as in this clone: one that is made of it does not know."""
    said = {**os.environ, **identity()}
    if "GIT_COMMITTER_NAME" in said and "GIT_COMMITTER_EMAIL" in said:
        return said["GIT_COMMITTER_NAME"], said["GIT_COMMITTER_EMAIL"]
    found = re.match(r"(.*) <(.*)> ", git("var", "GIT_COMMITTER_IDENT"))
    return (found[1], found[2]) if found else BOT


def commits_as(name: str, mail: str) -> tuple[str, ...]:
    """Options of git by which somebody commits."""
    return ("-c", f"user.name={name}", "-c", f"user.email={mail}")


def who() -> str:
    """Who makes a transition: GitHub's login in a workflow, else the user of git, else of the machine."""
    if login := os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR"):
        return login
    try:
        return git("var", "GIT_AUTHOR_IDENT").rpartition(" <")[0]
    except LoopError:
        return getpass.getuser()


def message(subject: str, body: str = "", **trailers: Any) -> str:
    """A commit message: subject, body, and trailers by name, each one line, those that are None left out."""
    told = {name.replace("_", "-"): value for name, value in trailers.items() if value is not None}
    lines = [f"{name}: {' '.join(str(value).split())}" for name, value in told.items()]
    return "\n\n".join(filter(None, [subject, body.strip(), "\n".join(lines)]))


def trailers(text: str) -> tuple[str, dict[str, str]]:
    """The body that `message` was given and its trailers, of what follows the subject.

    git's own words for them, `%(trailers)`, heed what a person's settings call a trailer.
    """
    body, _, last = text.strip().rpartition("\n\n")
    lines = [_TRAILER.fullmatch(line) for line in re.sub(r"\n[ \t]+", " ", last).splitlines()]
    named = [(line[1], line[2]) for line in lines if line]
    return (body.strip(), dict(named)) if len(named) == len(lines) else (text.strip(), {})
