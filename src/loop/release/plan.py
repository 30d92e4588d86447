"""plan: whether the commit of main that is checked out is to be released, and whether it may be."""

import os
from dataclasses import dataclass, field

from loop.base.markup import prose
from loop.github import workflow_output
from loop.github.client import GitHub
from loop.production import branch, content, rehearsal, rollout_policy
from loop.production.state import Production, Version
from loop.release import approvals, card_check, release_notes
from loop.release.approvals import Evidence
from loop.release.needs_release import NeedsRelease, needs_release
from loop.repo import remote
from loop.repo.git import git
from loop.rollout import staging

REGISTRY = "ghcr.io"


@dataclass(frozen=True)
class Plan:
    """What is to be done for a commit: a version to make, or one that is made and only to be published."""

    commit: str
    needs_release: NeedsRelease
    evidence: list[Evidence] = field(default_factory=list)
    unpublished: Version | None = None  # on record, but GitHub's release of it is not whole

    @property
    def go(self) -> bool:
        """Whether anything is to be done at all."""
        return self.needs_release.number is not None or self.unpublished is not None


def main() -> int:
    """Say in one line whether anything is to be released, and leave outputs for the steps that do it.

    Raises LoopError that names what is missing when the commit may not be released.
    """
    plan = make()
    last = plan.needs_release.last
    number = plan.needs_release.number or (plan.unpublished.version if plan.unpublished else "")
    name = image() if plan.go else ""
    workflow_output.put(
        go=plan.go,
        build=plan.needs_release.number is not None,
        version=number,
        image=name,
        registry=name.split("/")[0],
        public=plan.needs_release.number is not None and _public(),
        model_changed=last is None or content.of(last.commit).model != content.of(plan.commit).model,
    )
    what = f"release version {number}" if plan.go else "nothing to release"
    text = f"{what}: {plan.needs_release.reason}"
    for one in plan.evidence:
        who = f"#{one.pull} by {one.author}, approved by {one.approver or 'nobody'}: " if one.pull else ""
        who += one.verdict
        text += f"\n  {one.commit[:12]}  {who}"
    print(text)
    workflow_output.summary("\n\n".join(prose(line) for line in text.split("\n")))
    return 0


def make() -> Plan:
    """The plan for the commit that is checked out.

    Raises LoopError when it is due, or waits, but its model card is incomplete or it came past the rules.
    """
    commit = git("rev-parse", "HEAD")
    now = branch.fetch()
    if now.commit is None and remote.remote():
        return Plan(commit, NeedsRelease(None, branch.first()))
    found = needs_release(staging.with_waiting(now), commit)
    trial = not remote.remote()  # a branch of the clone's own is all that there is to release to
    if found.again is not None and not trial:
        published = _published(now, found.again)
        return Plan(commit, found, unpublished=None if published else found.again)
    if found.number is None and not found.waits:
        return Plan(commit, found)
    card_check.check(content.of(commit).model)
    if trial:
        return Plan(commit, found, [approvals.nobody(commit)])
    return Plan(commit, found, approvals.evidence(GitHub.of_this_run(), found.last, commit))


def _public() -> bool:
    """Whether anybody may read the repository; the event of a schedule does not say."""
    return remote.remote() and not GitHub.of_this_run().get("")["private"]


def _published(now: Production, version: Version) -> bool:
    """Whether GitHub's release of a version is whole, with its rehearsal once it is in production."""
    page = release_notes.find(GitHub.of_this_run(), version.version)
    shown = rehearsal.find(now, version.version)
    return release_notes.whole(page) and (shown is None or shown.seal[:12] in (page or {})["body"])


def image() -> str:
    """The name under which images are pushed, by the policy or by the repository's own name."""
    named = rollout_policy.read().image
    return named or f"{REGISTRY}/{os.environ.get('GITHUB_REPOSITORY', '')}".lower()
