"""`loop reproduce`: a version made again from raw data, by its own code and locked environment.

Every stage runs in a worktree of the version's commit, whatever any cache holds. Then each output is held
to the commit's dvc.lock, and the model, the lock and the data to what production's record says of them.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from loop.base.errors import LoopError
from loop.base.files import digest
from loop.base.markup import ready, render
from loop.base.warning import warn
from loop.github import issue, workflow_output
from loop.production import branch, state
from loop.production.state import VERSIONS, Production, Version
from loop.repo import dvc_lock
from loop.repo.git import commit_of
from loop.repo.worktree import Checkout, checkout
from loop.settings import yaml_file
from loop.settings.paths import MODEL, PIPELINE_LOCK

CHAMPION = "champion"
HEAD = ("stage", "output", "recorded", "rebuilt", "same")


class Row(NamedTuple):
    """A hash as recorded and as it came out; in place of a stage, the file where production records it."""

    stage: str
    output: str
    recorded: str
    rebuilt: str

    @property
    def same(self) -> bool:
        """Whether it came out again."""
        return self.recorded == self.rebuilt

    def cells(self) -> tuple[str, ...]:
        """As words, hashes short."""
        hashes = (self.recorded[:12], self.rebuilt[:12])
        return (self.stage, self.output, *hashes, "yes" if self.same else "NO")


def main(name: str, with_issue: bool) -> int:
    """Print the table of hashes; 1 if one differs or a stage fails, and then an issue if asked for."""
    there = _production(name)
    if name == CHAMPION and there.state.champion is None:
        print(branch.nothing())
        return 0
    commit, version = _which(name, there)
    what = f"version {version.version}" if version else f"commit {commit[:12]}"
    print(f"{what}, made again from raw data at {commit}", flush=True)
    try:
        rows = rebuild(commit, version, Path.cwd())
    except LoopError as error:
        if with_issue:
            _open_issue(what, commit, [], error.found)
        raise
    print(table(rows))
    different = [row for row in rows if not row.same]
    if not different:
        print(f"{what} came out again: {len(rows)} of {len(rows)} hashes are the same")
        return 0
    first = different[0]
    why = f"stage {first.stage}: {first.output} is another"
    print(f"{what} did NOT come out again; {why}", file=sys.stderr)
    if with_issue:
        _open_issue(what, commit, different, why)
    return 1


def rebuild(commit: str, version: Version | None, here: Path) -> list[Row]:
    """Each recorded hash beside the one that came out, in the order of the stages.

    Raises LoopError with what it said when a stage fails.
    """
    with checkout(commit, here) as home:
        path = home.path / PIPELINE_LOCK
        recorded = _lock(path, commit)
        rows = list(_record(version, recorded, digest(path, "sha256"))) if version else []
        _run(home)
        made = _lock(path, commit)
        rows += stages(recorded, made)
        if version is not None:
            found = digest(home.path / MODEL, "sha256") if (home.path / MODEL).is_file() else "absent"
            rows.append(Row(_file(version), f"{MODEL} (sha256)", version.model, found))
    return rows


def stages(recorded: dict[str, Any], made: dict[str, Any]) -> Iterator[Row]:
    """A row for each output of each stage; and for each input that was another than the commit's own."""
    for name, stage in recorded["stages"].items():
        ours = made["stages"].get(name) or {}
        for kind, sign in (("deps", "reads "), ("outs", "")):
            was, now = dvc_lock.hashes(stage, kind), dvc_lock.hashes(ours, kind)
            for path in sorted(was.keys() | now.keys()):
                row = Row(name, sign + path, was.get(path) or "absent", now.get(path) or "absent")
                if kind == "outs" or (not row.same and not _upstream(path, recorded)):
                    yield row
        if stage.get("params") != ours.get("params"):
            yield Row(name, "reads params.yaml", "other values", "the commit's")
    for name in made["stages"].keys() - recorded["stages"].keys():
        yield Row(name, "the whole stage", "absent", "there")


def table(rows: list[Row]) -> str:
    """Rows as columns of text."""
    cells = [HEAD, *(row.cells() for row in rows)]
    wide = [max(len(line[at]) for line in cells) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(line, wide, strict=True)).rstrip()
        for line in cells
    )


def _record(version: Version, recorded: dict[str, Any], sha256: str) -> Iterator[Row]:
    """What production says of the version's lock and data, against its commit."""
    yield Row(_file(version), f"{PIPELINE_LOCK} (sha256)", version.lock, sha256)
    named = dvc_lock.outs(recorded)
    for path, md5 in version.data.items():
        yield Row(_file(version), path, md5, named.get(path, "absent"))


def _upstream(path: str, recorded: dict[str, Any]) -> bool:
    """Whether a stage made it: then it has a row there."""
    made = dvc_lock.outs(recorded)
    return path in made or any(str(parent) in made for parent in Path(path).parents)


def _run(home: Checkout) -> None:
    """Every stage, by the commit's own code; --force asks neither a cache nor a remote."""
    home.ask("loop", "run", "--force")


def _lock(path: Path, commit: str) -> dict[str, Any]:
    found = yaml_file.parse(path.read_text(encoding="utf-8")) if path.is_file() else None
    if not isinstance(found, dict) or not isinstance(found.get("stages"), dict):
        raise LoopError(
            f"{PIPELINE_LOCK} of {commit[:12]} is not a lock of DVC",
            "the lock of a pipeline that has run",
            "name another version or commit",
        )
    return found


def _file(version: Version) -> str:
    return f"{VERSIONS}/{version.version}.yaml"


def _production(name: str) -> Production:
    """The branch as it is at origin; as this clone knows it where that cannot be had."""
    try:
        return branch.fetch()
    except LoopError as error:
        if not re.fullmatch(r"v?\d{1,9}", name) and name != CHAMPION:
            return state.read(None)
        if state.ref() is None:
            raise
        print(f"note: {error.found}")
        return state.read(state.ref())


def _which(name: str, there: Production) -> tuple[str, Version | None]:
    """The commit that a name means, and its version if it was released."""
    if name == CHAMPION and there.state.champion is not None:
        name = str(there.state.champion.version)
    if re.fullmatch(r"v?\d{1,9}", name):
        version = there.version(int(name.removeprefix("v")))
        return version.commit, version
    commit = commit_of(name)
    if commit is None:
        raise LoopError(
            f"there is no commit {name}", "a version, `champion` or a commit", "`git log` shows commits"
        )
    return commit, there.of_commit(commit)


def _open_issue(what: str, commit: str, different: list[Row], why: str) -> None:
    """An issue, unless one is open."""
    github = issue.here()
    if github is None:
        warn("not in a workflow: no issue was opened")
        return
    values = {
        "commit": commit,
        "why": why,
        "head": HEAD,
        "rows": [row.cells() for row in different],
        "run": ready(workflow_output.run_url() or ""),
    }
    body = render("loop.history", "reproduce.md.j2", values)
    url = issue.open_once(github, f"{what[:1].upper()}{what[1:]} does not come out again", body)
    print(f"an issue says so: {url}")
