"""The results are our own: the pipeline runs again from the base's lock, and claims are held to it.

A branch may bring a dvc.lock and metrics that nothing here made. So the run starts from the lock
of the merge base, and what the branch committed is compared
with what came out.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from loop.base.errors import LoopError
from loop.repo import default_branch, dvc_lock, dvc_yaml
from loop.repo import rerun as rebuild
from loop.repo.commit import Commit
from loop.repo.git import ask, git
from loop.repo.inert import loaded
from loop.review.base import Base
from loop.review.verdict import Check, held
from loop.settings import yaml_file
from loop.settings.paths import ENVIRONMENT_LOCK, PARAMS, PIPELINE, PIPELINE_LOCK
from loop.settings.review_policy import Limit

NAME, LINK = "rerun", "120000"  # the mode of a link in git
OWN = (PARAMS, PIPELINE, PIPELINE_LOCK, ENVIRONMENT_LOCK)
REASON = "figures are those of this run: a result that cannot be made again is no evidence"


def refuse_tracked() -> None:
    """Raise LoopError for an output that DVC keeps and git tracks: it would be there whatever made it.

    And for a link that a stage or DVC reads, or that leads to what they read or make: its target changes by
    files that nobody names.
    """
    kept = [path for stage in dvc_yaml.of() for path, cached in stage.outs.items() if cached]
    tracked = git("--literal-pathspecs", "ls-files", "-z", "--", *kept).split("\0") if kept else []
    if tracked and tracked[0]:
        raise LoopError(
            f"git tracks {tracked[0]}, which is in an output that {PIPELINE} leaves to DVC",
            "outputs that come from the pipeline alone",
            f"`git rm -r --cached {tracked[0]}`, and commit",
        )
    named = {path for stage in dvc_yaml.of() for path in (*stage.deps, *stage.outs)} | set(map(str, OWN))
    read = named | {str(parent) for path in named for parent in Path(path).parents}
    listed = git("ls-files", "--stage", "-z").split("\0")
    if links := read.intersection(line.partition("\t")[2] for line in listed if line.startswith(LINK)):
        raise LoopError(
            f"{min(links)}, by which {PIPELINE} or a stage of it reads or writes, is a symbolic link",
            "files: what a link leads to would be read, and be named as what no stage reads",
            f"put the file or the folder itself at {min(links)}",
        )


def rerun(base: Base) -> None:
    """Run what the branch changed, beginning with the lock of the merge base.

    Outputs that no cache has are made again. Raises LoopError with the stage and what it said when
    one fails, when dvc.lock holds what is not committed, and when the run wrote what no stage lists.
    """
    if git("status", "--porcelain", "--", str(PIPELINE_LOCK)):
        raise LoopError(
            f"{PIPELINE_LOCK} holds what is not committed, and a rerun would overwrite it",
            f"{PIPELINE_LOCK} as committed",
            f"`git commit {PIPELINE_LOCK}` or `git restore {PIPELINE_LOCK}`, then again",
        )
    lock = base.text(PIPELINE_LOCK, base.merge_base)
    if lock is None:
        PIPELINE_LOCK.unlink(missing_ok=True)
    else:
        PIPELINE_LOCK.write_text(lock, encoding="utf-8")
    before = _beside_git()
    rebuild.run(everything=any(map(loaded, base.changed())))  # by stages that do not list it
    if written := _unlisted(_beside_git() - before, base.merge_base or "HEAD"):
        raise LoopError(
            f"the run wrote {written[0]}, which no stage of {PIPELINE} lists as its output",
            "code and data as the branch has them",
            "let nothing write it, list it as an output, or commit it as it comes out",
        )


def _beside_git() -> set[str]:
    """Paths that are not as git has them, ignored or not; what DVC adds to a .gitignore does not count."""
    own = [f":(exclude){name}" for name in (".venv", ".tools", ".dvc")]
    found = git("ls-files", "--modified", "--others", "-z", "--", ".", *own).split("\0")
    return {path for path in found if path and Path(path).name != ".gitignore"}


def _unlisted(paths: set[str], commit: str) -> list[str]:
    """Paths that no stage lists as its output, and that the .gitignore files of a commit do not name.

    A branch's own .gitignore hides nothing that its run writes.
    """
    outs = [*rebuild.made(), *(path for stage in dvc_yaml.of() for path in stage.outs)]
    left = {path for path in paths if not any(path == out or path.startswith(f"{out}/") for out in outs)}
    if not left:
        return []
    rules = git("ls-tree", "-r", "--name-only", "-z", commit).split("\0")
    with TemporaryDirectory() as folder:
        git("init", "--quiet", folder)
        for path in rules:
            if Path(path).name == ".gitignore" and (text := Commit(commit).file(path)) is not None:
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_bytes(text)
        asked = ask("check-ignore", "--no-index", "--stdin", "-z", cwd=Path(folder), text="\0".join(left))
    return sorted(left - set(asked.out.split("\0")))


def check(base: Base) -> Check:
    """Whether what the branch committed came out of this run too, wherever inputs were the same."""
    committed, before = _committed(), base.yaml(PIPELINE_LOCK, base.merge_base) or {}
    found = [*differences(committed, dvc_lock.read(), before), *_files(committed)]
    finding = "; ".join(found) or "every result that the branch committed came out of this run too"
    return held(NAME, len(found), Limit(limit=0.0, reason=REASON), finding)


def differences(committed: dict[str, Any], ours: dict[str, Any], base: dict[str, Any]) -> Iterator[str]:
    """Outputs of a stage that differ though its command, dependencies and params are the same.

    All three are dvc.lock as read; an entry that the base has too is the base's claim.
    """
    for stage, path, theirs, mine in dvc_lock.differences(committed, ours):
        entries = ((found.get("stages") or {}).get(stage) for found in (base, committed))
        whose = "the base" if next(entries) == next(entries) else "the branch"
        was, now = theirs[:12], mine[:12]
        yield f"stage {stage}: {path} is {was} on {whose}, {now} when run again from the same inputs"


def _files(committed: dict[str, Any]) -> Iterator[str]:
    """Results in git that are neither what the committed lock names nor what this run made."""
    for stage in dvc_yaml.of():
        named = dvc_lock.hashes((committed.get("stages") or {}).get(stage.name) or {}, "outs")
        for path in stage.in_git:
            text = Commit("HEAD").file(path)
            if text is None or path not in named:
                continue
            here = Path(path)
            ours = hashlib.md5(here.read_bytes()).hexdigest() if here.is_file() else None  # noqa: S324 - DVC's
            if hashlib.md5(text).hexdigest() not in (named[path], ours):  # noqa: S324
                yield f"stage {stage.name}: {path} on the branch is not what its {PIPELINE_LOCK} names"


def _committed() -> dict[str, Any]:
    """dvc.lock as committed; empty when there is none. Raises LoopError for what is no lock."""
    text = Commit("HEAD").file(PIPELINE_LOCK)
    try:
        found = yaml_file.parse(text) if text else None
        for stage in (found or {}).get("stages", {}).values():
            dvc_lock.inputs(stage), dvc_lock.hashes(stage, "outs")
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        raise LoopError(
            f"{PIPELINE_LOCK} of this branch is not a lock that DVC wrote",
            "a lock as DVC writes it",
            f"`git checkout {default_branch.name()} -- {PIPELINE_LOCK}`, commit, and let the review make it",
        ) from None
    return found or {}
