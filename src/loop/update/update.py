"""`loop update`: a later version of the template, as a branch with one commit on top of this one.

Each file of the machinery is merged three ways: the template's at this copy's version, the template's at the
later one, and the copy's. Other files are touched by named migrations of formats alone, which each version
between does by its own code. Nothing is written until all of it can be; the working tree never is.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from loop.base import files
from loop.base.errors import LoopError, UsageError
from loop.github import workflow_output
from loop.repo import machinery
from loop.repo.git import git
from loop.repo.machinery import Record
from loop.settings.paths import BEGUN
from loop.setup import machine
from loop.update import make_update, message, versions
from loop.update.make_update import ConflictError, Wanted
from loop.update.scratch_repository import Scratch, scratch
from loop.update.versions import Template, Version, shown

PROBLEM = Path("src/problem")
MADE = "update.json"
BUNDLE = "update.bundle"


@dataclass(frozen=True)
class Made:
    """An update: its branch, what its pull request says, and what stands in its way."""

    version: str
    branch: str
    title: str
    text: str
    workflows: bool = False  # it changes files that not everybody may push
    conflicts: tuple[str, ...] = ()


def main(wanted: Wanted, *, check: bool, out: Path | None) -> int:
    """Make it as a branch; with `check` only say what it would be, with `out` leave it for `--open`."""
    machine.at_root()
    if out is not None and not (BEGUN.is_file() and machinery.recorded(Path.cwd()).template):
        print(f"nothing to do: {BEGUN} names no template")
        return 0
    record = _record()
    with scratch() as place:
        template = Template(_address(wanted, record), place)
        known = template.versions()
        current = versions.parse(record.version or "")
        target = _target(known, current, wanted.to)
        if target is None:
            print(f"nothing to do: no version of the template is later than {record.version}, this copy's")
            return 0
        branch = f"update/{shown(target)}{'-in-part' if wanted.only else ''}"
        if not (check or out) and git("for-each-ref", f"refs/heads/{branch}"):
            raise LoopError(f"the branch {branch} is there already", "none", f"`git branch -D {branch}`")
        title = f"Update {'files' if wanted.only else 'the machinery'} to version {shown(target)}"
        try:
            found = make_update.make(template, record, target, known, wanted)
        except ConflictError as conflict:
            if out is None:
                raise
            stopped = Made(shown(target), branch, title, str(conflict), conflicts=tuple(conflict.why))
            return _leave(out, stopped, place, None)
        made = Made(shown(target), branch, title, found.text, found.workflows)
        commit = place.commit_of(found.tree, git("rev-parse", "HEAD"), f"{title}\n\n{made.text}")
        if out is not None:
            return _leave(out, made, place, commit)
        print(message.short(made.text))
        if check:
            print("\nnothing is written: --check")
            return 0
        place.give(commit, branch)
    print(f"\n{message.following(made.branch, workflows=made.workflows)}")
    return 0


def _record() -> Record:
    """What this copy is of. Raises LoopError where an update could not tell, or has nothing to stand on."""
    if not BEGUN.is_file():
        raise LoopError(
            f"{BEGUN} is missing: this is the template itself, or a copy of before `loop init`",
            "a copy with a problem of its own",
            "`loop init`; the template itself is brought up to date by `git pull`",
        )
    record = machinery.recorded(Path.cwd())
    if record.version is None or not record.machinery:
        raise LoopError(
            f"{BEGUN} does not say which version of the template this copy is of",
            "its version, and the hashes of its machinery",
            "in a checkout of that version, `loop init` with your data writes both; copy them over",
        )
    if git("status", "--porcelain", "--untracked-files=no"):
        raise LoopError(
            "the working tree has changes that are not committed",
            "a clean one: the update is a commit on top of the last",
            "commit or stash them",
        )
    if not PROBLEM.is_dir():
        raise LoopError(
            f"there is no {PROBLEM}", "the problem, where every version looks for it", f"move it to {PROBLEM}"
        )
    return record


def _address(wanted: Wanted, record: Record) -> str:
    """Where the template is: a path is one from here."""
    if address := wanted.source or record.template:
        return str(Path(address).resolve()) if Path(address).exists() else address
    raise LoopError(
        f"{BEGUN} names no template",
        "its address",
        "`loop update --from https://HOST/OWNER/TEMPLATE`, a path or a bundle; an address is remembered",
    )


def _target(known: list[Version], current: Version, to: str | None) -> Version | None:
    """The version to come to; None where there is no later one."""
    if current not in known:
        raise LoopError(
            f"the template has no tag v{shown(current)}",
            f"the version that {BEGUN} says this copy is of; the newest there is v{shown(known[-1])}",
            "name the template that this copy came from with --from",
        )
    target = versions.parse(to) if to else known[-1]
    if target not in known:
        near = ", ".join(shown(one) for one in known if one > current) or "none that is later"
        raise UsageError(f"--to {to}: the template has no such version", near, "name one of these")
    if target < current:
        raise UsageError(f"--to {to}", f"a version later than {shown(current)}", "go back by `git revert`")
    return target if target > current else None


def _leave(out: Path, made: Made, place: Scratch, commit: str | None) -> int:
    """Leave an update in a folder, for the job that may open its pull request."""
    out.mkdir(parents=True, exist_ok=True)
    if commit is not None:
        place.git("update-ref", f"refs/heads/{made.branch}", commit)
        bundle = str((out / BUNDLE).resolve())
        place.git("bundle", "create", "--quiet", bundle, f"{commit}^..{made.branch}")
    files.write_json(out / MADE, asdict(made))
    workflow_output.put(version=made.version)
    print(f"{made.title}: left in {out}")
    return 0
