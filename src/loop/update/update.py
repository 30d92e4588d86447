"""`loop update`: a later version of the template, as a branch with one commit on top of this one.

Each file of the machinery is merged three ways: the template's at this copy's version, the template's at the
later one, and the copy's. Other files are touched by named migrations of formats alone, which each version
between does by its own code. Nothing is written until all of it can be; the working tree never is.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from loop.base import environment, files, program
from loop.base.counted import counted
from loop.base.errors import LoopError, UsageError
from loop.base.secret import hidden
from loop.github import workflow_output
from loop.init import template_parts
from loop.repo import machinery
from loop.repo.git import git
from loop.repo.machinery import Record
from loop.repo.worktree import uv
from loop.settings.paths import BEGUN, ENVIRONMENT_LOCK, PIPELINE
from loop.setup import machine
from loop.update import message, three_way, versions
from loop.update.scratch_repository import Scratch, scratch
from loop.update.three_way import Sides
from loop.update.versions import Template, Version, shown

LOCK = str(ENVIRONMENT_LOCK)
PROBLEM = Path("src/problem")
WORKFLOWS = ".github/workflows/"
MADE = "update.json"
BUNDLE = "update.bundle"


@dataclass(frozen=True)
class Wanted:
    """What the command line says; paths are files of the machinery."""

    to: str | None = None
    source: str | None = None
    only: Sequence[str] = ()
    keep: Sequence[str] = ()
    take: Sequence[str] = ()


@dataclass(frozen=True)
class Made:
    """An update: its branch, what its pull request says, and what stands in its way."""

    version: str
    branch: str
    title: str
    text: str
    workflows: bool = False  # it changes files that not everybody may push
    conflicts: tuple[str, ...] = ()


class ConflictError(LoopError):
    """Files that both sides changed: nothing was written."""

    code = 6

    def __init__(self, why: Sequence[str]) -> None:
        self.why = why
        super().__init__(
            f"{counted(len(why), 'file')} cannot be merged" + "".join(f"\n    {one}" for one in why),
            "files that one side alone changed; nothing was written",
            "for each, `--keep FILE` leaves yours, `--take FILE` takes the template's, to edit on the branch",
        )


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
            made, commit = _made(template, record, target, known, wanted)
        except ConflictError as conflict:
            if out is None:
                raise
            stopped = Made(shown(target), branch, title, str(conflict), conflicts=tuple(conflict.why))
            return _leave(out, stopped, place, None)
        made = replace(made, branch=branch, title=title)
        commit = place.commit_of(f"{commit}^{{tree}}", git("rev-parse", "HEAD"), f"{title}\n\n{made.text}")
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


def _made(
    template: Template, record: Record, target: Version, known: list[Version], wanted: Wanted
) -> tuple[Made, str]:
    """The update, and a commit of its files. Raises ConflictError."""
    place, current = template.scratch, versions.parse(record.version or "")
    between = [one for one in known if current < one <= target]
    sides, folder = _sides(template, record, target, between)
    ours = sides.ours
    sides = three_way.chosen(sides, wanted.only, wanted.keep, wanted.take)
    relock = len({side.get(LOCK) for side in (sides.base, sides.ours, sides.theirs)}) == 3
    sides = three_way.chosen(sides, (), (), [LOCK]) if relock else sides
    tree, paths = place.merge(sides)
    if tree is None:
        raise ConflictError([f"{path}: {three_way.conflict(sides, path)}" for path in paths])
    became = three_way.outcome(replace(sides, ours=ours), place.files(tree))
    result = place.checkout(place.commit_of(tree, None, "merged"), "result")
    done, todo = [], []
    for version in [] if wanted.only else between:
        said = template.migrated(version, result)
        done += said["done"]
        todo += said["todo"]
    todo += _relock(result) if relock else []
    machinery.write(result, _moved(record, target, folder, wanted))
    workflows = any(path.startswith(WORKFLOWS) for path in became.changed())
    text = message.text(
        (record.version or "", shown(target)),
        wanted.only,
        became,
        migrations=done,
        todo=todo,
        changes="" if wanted.only else message.changes(template.text(target, "CHANGELOG.md"), current),
    )
    return Made(shown(target), "", "", text, workflows), place.commit_of(
        place.tree_of(result), None, "result"
    )


def _sides(template: Template, record: Record, target: Version, between: list[Version]) -> tuple[Sides, Path]:
    """The three sides, and a checkout of the target. Raises LoopError for a tag that was moved."""
    current = versions.parse(record.version or "")
    taken = {path: versions.parse(one) for path, one in record.taken.items()}
    needed = sorted({current, *between, *taken.values()})
    template.fetch(needed)
    source = template_parts.source_of(PIPELINE.read_text(encoding="utf-8"))
    there = {one: template.adopted(one, source) for one in needed}
    for version in {current, *taken.values()}:
        paths = {path for path in record.machinery if taken.get(path, current) == version}
        versions.verify(record, version, there[version][0], paths)
    base, theirs = dict(there[current][1]), dict(there[target][1])
    for path, version in taken.items():
        three_way.put(base, path, there[version][1])
        if version > target:
            three_way.put(theirs, path, base)
    return Sides(base, template.scratch.files(git("rev-parse", "HEAD")), theirs), there[target][0]


def _relock(result: Path) -> list[str]:
    """Lock the packages of a merged pyproject.toml; what is left to do where no index can be asked."""
    env = environment.child(("UV_PROJECT", "UV_PYTHON", "VIRTUAL_ENV"))
    done = program.ask([uv(Path.cwd()), "lock", "--quiet"], seconds=600, cwd=result, env=env)
    if done.code == 0:
        return []
    return [f"{LOCK} is the template's: `uv lock` puts your packages in (it failed here: {done.gist(120)})"]


def _moved(record: Record, target: Version, folder: Path, wanted: Wanted) -> Record:
    """What the copy is of after the update: a path or a bundle is not where later versions come from."""
    lasting = wanted.source and not Path(wanted.source).exists() and hidden(wanted.source) == wanted.source
    template = wanted.source if lasting else record.template
    now = machinery.hashes(folder)
    if wanted.only:
        here = {path: now.get(path) for path in wanted.only}
        kept = {**record.machinery, **here}
        taken = {**record.taken, **dict.fromkeys(wanted.only, shown(target))}
        known = {path: hash_ for path, hash_ in kept.items() if hash_}
        return replace(record, template=template, taken=taken, machinery=dict(sorted(known.items())))
    later = {path: one for path, one in record.taken.items() if versions.parse(one) > target}
    now |= {path: record.machinery[path] for path in later if path in record.machinery}
    return Record(record.problem, shown(target), template, later, dict(sorted(now.items())))


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
