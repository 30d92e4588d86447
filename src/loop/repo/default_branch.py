"""The default branch, `main` in our words, whatever it is called: who knows its name, asked in order."""

import os

from loop.repo import git, workflow_event

USUAL = ("main", "master")


def name() -> str:
    """Its name: by GitHub's event in a workflow, else as origin's HEAD, else as this clone's branches say."""
    return _of_the_event() or _of_origin() or _of_the_branches()


def at_origin() -> str:
    """The ref by which this clone knows origin's."""
    return f"refs/remotes/origin/{name()}"


def short(ref: str) -> str:
    """The name of a branch here or at origin, without where it is."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/")


def _of_the_event() -> str:
    """What started this run of a workflow says; a schedule names nothing, and runs on the default branch."""
    if not os.environ.get("GITHUB_ACTIONS"):
        return ""
    home = workflow_event.read().get("repository")
    if isinstance(home, dict) and (found := home.get("default_branch")):
        return str(found)
    return os.environ.get("GITHUB_REF_NAME", "") if os.environ.get("GITHUB_EVENT_NAME") == "schedule" else ""


def _of_origin() -> str:
    found = git.ask("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    return short(found.out.strip()) if found.code == 0 else ""


def _of_the_branches() -> str:
    """The usual name that is there, or the only one; `main` where nothing tells."""
    listed = git.ask("for-each-ref", "--format=%(refname)", "refs/remotes/origin", "refs/heads").out.split()
    there = [short(ref) for ref in listed if short(ref) != "production"]
    usual = [one for one in USUAL if one in there]
    return usual[0] if usual else there[0] if len(set(there)) == 1 else USUAL[0]
