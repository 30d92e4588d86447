"""Whether a commit of main is to be released, by what was released before. Asks git, and nobody else."""

from dataclasses import dataclass

from loop.production import content
from loop.production.content import Content
from loop.production.state import Production, Version
from loop.production.transitions import on_its_way
from loop.repo.git import has, is_ancestor


@dataclass(frozen=True)
class NeedsRelease:
    """`number` is the version to make, None if there is nothing to be; `last` the one before on main."""

    number: int | None
    reason: str
    last: Version | None = None
    waits: bool = False  # there is something, and a challenger is on its way
    again: Version | None = None  # this commit's own version, where it was released already


def needs_release(now: Production, commit: str) -> NeedsRelease:
    """Whether `commit` makes a new version, and why or why not.

    A commit older than one that was released never does, nor one whose content serves already, nor one
    that still holds what was taken back. While a challenger is on its way main waits: what is merged
    meanwhile is one version, after it.
    """
    here = content.of(commit)
    last = before(now, commit)
    if (mine := now.of_commit(commit)) is not None:
        return NeedsRelease(None, f"version {mine.version} was released from this commit", last, again=mine)
    if (why_not := _nothing(now, commit, here)) is not None:
        return NeedsRelease(None, why_not, last)
    if (ahead := on_its_way(now.state)) is not None:
        reason = (
            f"version {ahead.version} is on its way, in {ahead.stage.name}; what main has brought since is "
            "released when that is champion or taken back, by `loop rollout`"
        )
        return NeedsRelease(None, reason, last, waits=True)
    return NeedsRelease(now.newest + 1, _changed(here, last), last)


def _nothing(now: Production, commit: str, here: Content) -> str | None:
    """Why nothing is to be released; None where something is."""
    newer = [one for one in now.versions.values() if is_ancestor(commit, one.commit) or not has(one.commit)]
    if newer:
        return f"version {newer[-1].version}, of a newer commit of main, was released already"
    if here.model is None:
        return "there is no model on main yet"
    for one in now.state.refused:
        if one.version in now.versions and _holds(here, now, now.version(one.version)):
            return (
                f"main still holds version {one.version}, which was taken back on {one.at:%Y-%m-%d}: "
                f"{one.reason}; merge its revert, or go forward with another change"
            )
    if (same := _serving(now, commit, here)) is not None:
        return f"neither the model nor what serves it differs from version {same.version}"
    return None


def before(now: Production, commit: str) -> Version | None:
    """The newest version of an older commit of main."""
    older = [one for one in now.versions.values() if one.commit != commit and is_ancestor(one.commit, commit)]
    return max(older, key=lambda one: one.version, default=None)


def _serving(now: Production, commit: str, here: Content) -> Version | None:
    """A version with this content that serves, or that main was at when it was last in order."""
    refused = {one.version for one in now.state.refused}
    older = [one for one in now.versions.values() if is_ancestor(one.commit, commit)]
    kept = max((one.version for one in older if one.version not in refused), default=None)
    numbers = [one.version for one in now.state.models] + ([kept] if kept else [])
    return next((now.version(one) for one in numbers if content.of(now.version(one).commit) == here), None)


def _holds(here: Content, now: Production, gone: Version) -> bool:
    """Whether a commit still holds the change that a version which was taken back had brought."""
    refused = {one.version for one in now.state.refused}
    older = [one for one in now.versions.values() if one.version < gone.version]
    base = max((one for one in older if one.version not in refused), key=lambda o: o.version, default=None)
    was = content.of(gone.commit)
    if base is None or content.of(base.commit).model != was.model:
        return here.model == was.model
    brought = was.differing(content.of(base.commit))
    return all(here.served.get(path) == was.served.get(path) for path in brought)


def _changed(here: Content, last: Version | None) -> str:
    if last is None:
        return "nothing was released yet"
    was = content.of(last.commit)
    paths = here.differing(was)
    parts = ["the model"] if here.model != was.model else []
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    parts += [f"what serves it ({', '.join(paths[:3])}{more})"] if paths else []
    return f"changed since version {last.version}: {' and '.join(parts)}"
