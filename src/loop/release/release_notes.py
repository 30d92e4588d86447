"""The release notes of a version: GitHub's release `vN`, a tag on the commit of main it came from."""

from typing import Any

from loop.base.errors import LoopError
from loop.github.client import GitHub, RefusalError
from loop.production.state import Version
from loop.serve import image
from loop.serve.image import SBOM

LONGEST = 120_000  # characters; GitHub takes 125,000
NO = (403, 404)  # how GitHub says that somebody may not


class NoTagError(RefusalError):
    """GitHub does not let a workflow make the tag of a release: a person may."""


def find(github: GitHub, number: int) -> dict[str, Any] | None:
    """The release of a version; None where there is none."""
    listed: Any = github.pages("releases")
    return next((one for one in listed if one["tag_name"] == tag(number)), None)


def whole(page: dict[str, Any] | None) -> bool:
    """Whether the release of a version is there, with its list of packages."""
    return page is not None and SBOM.name in [one["name"] for one in page["assets"]]


def put(github: GitHub, version: Version, text: str) -> str:
    """Make the release of a version, or bring its notes up to date; its address.

    The list of packages is attached once, of the commit that is checked out: the version's. Raises LoopError
    for a tag of that name on another commit, and NoTagError where a person has to make it.
    """
    _free(github, version)
    body = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n\n…"
    found = find(github, version.version)
    if found is None:
        found = _made(github, version, body)
    elif found["body"] != body:
        found = github.patch(f"releases/{found['id']}", body=body)
    if not whole(found):
        if not SBOM.is_file():  # an earlier run built the image
            image.write_sbom()
        github.upload(found["upload_url"], SBOM.read_bytes(), name=SBOM.name)
    return str(found["html_url"])


def by_hand(version: Version) -> str:
    """The command of a person that makes the tag, on which GitHub then takes the release of a workflow."""
    return f"git fetch origin && git push origin {version.commit}:refs/tags/{tag(version.version)}"


def tag(number: int) -> str:
    """The tag of a version."""
    return f"v{number}"


def _made(github: GitHub, version: Version, body: str) -> dict[str, Any]:
    name, title = tag(version.version), f"Version {version.version}"
    try:
        made = github.post_once(
            "releases", tag_name=name, target_commitish=version.commit, name=title, body=body
        )
    except RefusalError as error:
        raise (NoTagError if error.status in NO else RefusalError)(
            error.status, error.found, error.expected, error.todo
        ) from None
    return dict(made)


def _free(github: GitHub, version: Version) -> None:
    name = f"refs/tags/{tag(version.version)}"
    for one in github.pages(f"git/matching-refs/tags/{tag(version.version)}"):
        if one["ref"] == name and one["object"]["sha"] != version.commit:
            raise LoopError(
                f"the tag {tag(version.version)} is on {one['object']['sha'][:12]}",
                f"no such tag, or one on {version.commit[:12]}, which version {version.version} came from",
                f"`git push origin --delete {name}`, then run the job again",
            )
