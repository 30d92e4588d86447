"""Which run of release.yml pushed an image, asked of GitHub by whoever runs images.

A hand that edits `production` may name any image beside a reviewed commit. release.yml names what it pushed
in an artifact, and GitHub ties an artifact to its run: file, event, branch and commit. So no person and no
other workflow can say of an image that it came from a commit of main. Contents are not read: the name is all.
"""

from pathlib import Path

from loop.base.errors import LoopError
from loop.base.warning import warn
from loop.github import workflow_run
from loop.github.client import GitHub
from loop.production import log, promotion
from loop.production.log import Transition
from loop.production.state import BRANCH, Challenger, Champion, Production, State, Version
from loop.repo import remote
from loop.repo.commit import Commit

HERE = Path("src/loop/production/image_origin.py")  # images of before it have no receipt
RELEASES = {f"{workflow_run.FOLDER}/release.yml": ("push", *workflow_run.SCHEDULED)}

Known = Champion | Challenger | Version  # what names an image beside its commit


def receipt_of(digest: str) -> str:
    """The name of the artifact that release.yml leaves of an image, `sha256:…`."""
    return f"image-{digest.removeprefix('sha256:')}"


def hold(one: Known, there: Production) -> None:
    """Raise LoopError where no release made the image of what is to go on, by the log of a branch.

    A GitHub that cannot be asked is a warning: whoever runs the image asks again.
    """
    if one.image is None or not promotion.asked():
        return
    try:
        lacks = Origins(log.transitions(there.commit), set()).why_not(one)
    except LoopError as error:
        warn(f"whether a release made the image of version {one.version} was not asked: {error.found}")
        return
    if lacks:
        raise refusal([lacks], there.branch)


def named(one: Known) -> str:
    """Commit and image of what runs: what a receipt is of."""
    return f"{one.commit} {one.image}"


class Origins:
    """What GitHub says of the images of a log; `kept` are those that a run of release.yml pushed."""

    def __init__(self, known: list[Transition], kept: set[str]) -> None:
        self.kept = set(kept)
        self._main = workflow_run.mainline(remote.main_ref() or "HEAD")
        self._before = self._ran_before(known)
        self._github: GitHub | None = None
        self._found: dict[str, str] = {}

    def lacking(self, state: State) -> list[str]:
        """Why images may not run: a line for each that no release of its commit is known to have pushed."""
        return [why for one in state.models if (why := self.why_not(one))]

    def why_not(self, one: Known) -> str:
        """Why an image may not run; empty where a release of its commit pushed it, or where there is none."""
        name = named(one)
        if one.image is None or name in self.kept | self._before:
            return ""
        if name not in self._found:
            self._found[name] = self._ask(one.commit, str(one.image).rpartition("@")[2])
        if not self._found[name]:
            self.kept.add(name)
            return ""
        return f"version {one.version}: {self._found[name]}"

    def _ask(self, commit: str, digest: str) -> str:
        """Why no release of a commit is known to have pushed an image; empty where one has."""
        if commit not in self._main:
            return f"main never was at its commit {commit[:12]}"
        self._github = self._github or GitHub.of_origin()
        for one in self._github.pages("actions/artifacts", key="artifacts", name=receipt_of(digest)):
            made = one["workflow_run"] or {}
            if one["name"] != receipt_of(digest) or made.get("head_sha") != commit:
                continue
            run = self._github.get(f"actions/runs/{int(made['id'])}")
            if run["head_sha"] == commit and workflow_run.by_main(self._github, run, RELEASES, self._main):
                return ""
        return f"no run of release.yml at its commit {commit[:12]} pushed {digest[:19]}…"

    def _ran_before(self, known: list[Transition]) -> set[str]:
        """What ran before the first version whose own commit leaves receipts."""
        found: set[str] = set()
        for one in known:
            models = one.state.models if one.state else []
            if any(self._leaves_one(model.commit) for model in models):
                break
            found |= {named(model) for model in models}
        return found

    def _leaves_one(self, commit: str) -> bool:
        """Whether a release of a commit leaves a receipt: only main says that it did not yet."""
        return commit not in self._main or Commit(commit).file(HERE) is not None


def refusal(lacks: list[str], branch: str = BRANCH) -> LoopError:
    """What keeps images from running, and what to do."""
    return LoopError(
        f"{branch} names an image that no release is known to have made: {'; '.join(lacks)}",
        "images that release.yml pushed, at the commit of their version",
        f"`git log -p origin/{branch} -- versions` shows who named it; `loop rollout abort` or "
        "`loop rollback` takes it back. Where GitHub lists that run no more, `loop deploy --processes` "
        "serves from git, and a new release has a new image",
    )
