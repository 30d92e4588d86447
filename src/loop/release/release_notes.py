"""The release notes of a version: GitHub's release `vN`, a tag on the commit of main it came from."""

from pathlib import Path
from typing import Any

from loop.base.errors import LoopError
from loop.github.client import GitHub
from loop.production.state import Version

LONGEST = 120_000  # characters; GitHub takes 125,000


def find(github: GitHub, number: int) -> dict[str, Any] | None:
    """The release of a version; None where there is none."""
    listed: Any = github.pages("releases")
    return next((one for one in listed if one["tag_name"] == tag(number)), None)


def put(github: GitHub, version: Version, text: str, sbom: Path) -> str:
    """Make the release of a version, or bring its notes up to date; its address.

    The list of packages is attached once, where there is one. Raises LoopError for a tag of that name on
    another commit.
    """
    _free(github, version)
    body = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n\n…"
    found = find(github, version.version)
    if found is None:
        found = github.post_once(
            "releases",
            tag_name=tag(version.version),
            target_commitish=version.commit,
            name=f"Version {version.version}",
            body=body,
        )
    elif found["body"] != body:
        found = github.patch(f"releases/{found['id']}", body=body)
    name = sbom.name
    if sbom.is_file() and name not in [one["name"] for one in found["assets"]]:
        github.upload(found["upload_url"], sbom.read_bytes(), name=name)
    return str(found["html_url"])


def by_hand(version: Version) -> str:
    """The command of a person that makes the tag, on which GitHub then takes the release of a workflow."""
    return f"git fetch origin && git push origin {version.commit}:refs/tags/{tag(version.version)}"


def tag(number: int) -> str:
    """The tag of a version."""
    return f"v{number}"


def _free(github: GitHub, version: Version) -> None:
    name = f"refs/tags/{tag(version.version)}"
    for one in github.pages(f"git/matching-refs/tags/{tag(version.version)}"):
        if one["ref"] == name and one["object"]["sha"] != version.commit:
            raise LoopError(
                f"the tag {tag(version.version)} is on {one['object']['sha'][:12]}",
                f"no such tag, or one on {version.commit[:12]}, which version {version.version} came from",
                f"`git push origin --delete {name}`, then run the job again",
            )
