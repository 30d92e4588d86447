"""The pull request that takes a refused change back from main, after production has gone back.

It reverts what main took since the version that serves, newest first. It is made in a clone of its own,
which is gone afterwards: CML writes the token and a name of its own into the git settings of where it runs.
"""

from dataclasses import dataclass
from pathlib import Path

from loop.base.errors import LoopError
from loop.base.markup import render
from loop.base.warning import warn
from loop.github import issue, pull_request
from loop.github.pull_request import Change
from loop.production import content
from loop.production.state import Production, Refused, Version
from loop.repo import default_branch, remote
from loop.repo.git import git

SERVED = (  # what a model is, and what serves it
    *("src", "params.yaml", "dvc.yaml", "dvc.lock", "models", "reports"),
    *content.BUILD,
)
LABEL = "rollback"


@dataclass(frozen=True)
class Back:
    """That production serves `to` again, since `refused` was taken back, the newest of those."""

    to: Version
    refused: Refused
    commits: tuple[str, ...] = ()  # of main, newest first

    @property
    def title(self) -> str:
        """Of the pull request, and of an issue that stands in for it."""
        return f"Take version {self.refused.version} back from main"

    @property
    def branch(self) -> str:
        """A name of its own for each way back."""
        return f"rollback-v{self.refused.version}-to-v{self.to.version}"

    @property
    def by_hand(self) -> str:
        """The commands that do it, for a person."""
        lines = [f"git switch -c {self.branch} origin/{default_branch.name()}"]
        for commit in self.commits:
            mainline = " -m 1" if _merge(commit) else ""
            lines.append(f"git revert --no-edit{mainline} {commit}")
        return "\n".join([*lines, f"git push origin {self.branch}", _gh(self)])


def main(there: Production) -> int:
    """Open the pull request, or say what to do by hand; 0 either way, for production is back already."""
    if not remote.remote():
        print("no origin: take the refused change back from main yourself, by `git revert`")
        return 0
    back = None
    try:
        back = _what(there)
        if back is not None:
            _bring(back)
    except LoopError as error:
        title = back.title if back else "Take the refused change back from main"
        _by_hand(title, error, back)
    return 0


def _what(there: Production) -> Back | None:
    """What main has that production refused; None, and a line that says why, where there is nothing to do."""
    done, main = remote.fetch_default(), default_branch.at_origin()
    if done.code:
        raise LoopError(f"main cannot be fetched: {done.gist()}", f"a branch {main[20:]}", "fetch it")
    champion = there.state.champion
    if champion is None:
        print("nothing serves yet: there is nothing to take back from main")
        return None
    if not git("diff", "--name-only", champion.commit, main, "--", *SERVED):
        print(f"main holds what version {champion.version} holds: there is nothing to take back")
        return None
    later = [one for one in there.state.refused if one.version > champion.version]
    if not later:
        print(f"no version after {champion.version} is refused: there is nothing to take back from main")
        return None
    newest = max(later, key=lambda one: one.version)
    until = there.version(newest.version).commit
    listed = git("rev-list", "--first-parent", f"{champion.commit}..{until}", "--", *SERVED).split()
    return Back(there.version(champion.version), newest, tuple(listed))


def _bring(back: Back) -> None:
    github = issue.here()
    if github and (url := pull_request.find(github, back.branch)):
        print(f"main gives it back by {url}, which is open already")
        return
    with pull_request.clone(git("rev-parse", default_branch.at_origin())) as place:
        if not _revert(back, place):
            print("main has given it back already")
            return
        if github is None:
            pull_request.push(place, back.branch)
            print(f"the branch {back.branch} takes it back from main; open its pull request:\n  {_gh(back)}")
            return
        change = Change(back.branch, back.title, _body(back))
        url = pull_request.open(github, place, change)
    print(f"main gives it back by {url}")
    pull_request.label(github, url, LABEL)


def _revert(back: Back, place: Path) -> bool:
    """One commit that takes every commit back; False if main has nothing of them left.

    Raises LoopError when main has changed the same places since.
    """
    for commit in back.commits:
        mainline = ("-m", "1") if _merge(commit) else ()
        try:
            git("revert", "--no-commit", *mainline, commit, cwd=place)
        except LoopError:
            raise LoopError(
                f"main has moved on: {commit[:12]} cannot be reverted without a conflict",
                "a person who says what main is to be",
                "see the commands",
            ) from None
    if not git("diff", "--cached", "--name-only", "HEAD", cwd=place):
        return False
    reverted = "\n".join(f"This reverts commit {commit}." for commit in back.commits)
    why = f"Production went back to version {back.to.version}; its log says why."  # words could skip checks
    who = remote.commits_as(*remote.committer())
    git(*who, "commit", "--quiet", "-m", remote.message(back.title, f"{why}\n\n{reverted}"), cwd=place)
    return True


def _merge(commit: str) -> bool:
    return len(git("rev-list", "--parents", "-n", "1", commit).split()) > 2


def _body(back: Back) -> str:
    """What the pull request says; reason and subjects are foreign text."""
    subjects = {commit: git("log", "-1", "--format=%s", commit) for commit in back.commits}
    return render("loop.rollout", "revert.md.j2", {"back": back, "subjects": subjects}).strip()


def _gh(back: Back) -> str:
    return f"gh pr create --base {default_branch.name()} --head {back.branch} --title '{back.title}' --fill"


def _by_hand(title: str, error: LoopError, back: Back | None) -> None:
    """Say what a person must do; in a workflow by an issue too."""
    warn(f"production is back, but the pull request to main is not there: {error.found}")
    commands = back.by_hand if back else "loop rollback --only-pull-request"
    print(commands)
    github = issue.here()
    if github is None:
        return
    values = {"back": back, "error": error, "commands": commands.splitlines()}
    body = render("loop.rollout", "revert_by_hand.md.j2", values)
    try:
        print(f"an issue says so: {issue.open_once(github, title, body, LABEL)}")
    except LoopError as refused:
        warn(f"nor could an issue be opened: {refused.found}")
