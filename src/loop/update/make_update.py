"""An update as a tree: three sides merged, formats migrated, packages locked, and the record written anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loop.base import environment, program
from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.secret import hidden
from loop.init import template_parts
from loop.repo import machinery
from loop.repo.git import git
from loop.repo.machinery import Record
from loop.repo.worktree import uv
from loop.settings.paths import ENVIRONMENT_LOCK, PIPELINE
from loop.update import message, three_way, versions
from loop.update.three_way import Sides
from loop.update.versions import Template, Version, shown

LOCK = str(ENVIRONMENT_LOCK)
WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True)
class Wanted:
    """What the command line says; paths are files of the machinery."""

    to: str | None = None
    source: str | None = None
    only: Sequence[str] = ()
    keep: Sequence[str] = ()
    take: Sequence[str] = ()


@dataclass(frozen=True)
class Update:
    """A tree in the scratch repository, what its commit says, and whether not everybody may push it."""

    tree: str
    text: str
    workflows: bool


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


def make(template: Template, record: Record, target: Version, known: list[Version], wanted: Wanted) -> Update:
    """The update to a version. Raises ConflictError."""
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
    text = message.text(
        (record.version or "", shown(target)),
        wanted.only,
        became,
        migrations=done,
        todo=todo,
        changes="" if wanted.only else message.changes(template.text(target, "CHANGELOG.md"), current),
    )
    return Update(place.tree_of(result), text, any(path.startswith(WORKFLOWS) for path in became.changed()))


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
    env = environment.child(("VIRTUAL_ENV",))
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
