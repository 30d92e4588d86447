"""init: a file of data becomes a problem of one's own, in place of the example, as one commit."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import cast, get_args

import pandas as pd

from loop.base import files, program
from loop.base.errors import LoopError, UsageError
from loop.base.secret import hidden
from loop.init import (
    cautious,
    data_file,
    given_model,
    problem_files,
    query_data,
    rollout_numbers,
    template_parts,
)
from loop.init.guess import guess
from loop.init.guessed import Guess, Options
from loop.kit.models import Task
from loop.production.environments import ENVIRONMENTS
from loop.repo import machinery, remote
from loop.repo.git import git
from loop.settings.paths import BEGUN, PARAMS, PIPELINE, POLICY

LARGE = 50e6  # bytes from which on a file does not belong in git
README = "README.md"

DAYS_OF = {"week": 7, "month": 31, "quarter": 92, "year": 366}
LONG_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(week|month|quarter|year)s?")


def main(
    data: str,
    options: Options,
    *,
    table: str | None,
    model: str | None,
    template: str | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Look at the data, say what they are taken for, write the problem and commit it."""
    if not (PARAMS.is_file() and PIPELINE.is_file()):
        raise LoopError(f"{PARAMS} or {PIPELINE} is missing", "the root of a repository", "change to it")
    pipeline = given_model.load(model) if model else None
    of_query = query_data.is_address(data)
    read = query_data.read(data, table) if of_query else data_file.read(Path(data))
    found, given = guess(read, options), None
    if of_query and found.row:
        raise UsageError(
            f"no column of {read.path} has a different value in each row",
            "a key: rows of a database have no order",
            "name the columns that tell a row with --key",
        )
    if model and pipeline is not None:
        found, given = given_model.onto(found, pipeline, model)
    called = problem_files.names(found, options.name)
    place = None if of_query else problem_files.FOLDER / Path(data).name
    n = cautious.numbers(found)
    texts = problem_files.write(found, called, place, given, n)
    told = problem_files.tells_much(found, n)
    print(_said(found, called, [*found.suspected, *([told] if told else [])]))
    if dry_run:
        print("\nnothing is written: --dry-run")
        return
    if BEGUN.exists() and not force:
        _again(texts, called)
        return
    loose = _loose(Path(data), place)
    but = [f":(exclude,literal){loose}"] if loose else []
    if git("status", "--porcelain", "--untracked-files=all", "--", ".", *but) and not force:
        raise LoopError(
            "the working tree has changes that are not committed",
            "a clean one: what is the template's own is removed, and all is one commit",
            "commit or stash them, or say --force",
        )
    git("var", "GIT_AUTHOR_IDENT")  # before anything is written: without one nothing can be committed
    home = _template(template)
    if place and (persons := _persons(found)):
        print(
            f"note: {place} may name persons ({', '.join(persons)}), so DVC keeps it, not git: "
            "`loop forget` can reach it there. "
            "Others get it from a DVC remote: `dvc remote add`, then `dvc push`"
        )
    elif place and Path(data).is_file() and Path(data).stat().st_size > LARGE:
        size = Path(data).stat().st_size / 1e6
        print(f"note: git will carry the {size:.0f} MB of {data}: a DVC remote or a query would be lighter")
    if place:
        _copy(Path(data).resolve(), place)
    if loose:
        _leave_alone(loose)
        print(f"note: {place} is used; {loose} stays, and git leaves it alone (.git/info/exclude)")
    texts[README] = problem_files.readme(found, called, n)
    texts[str(POLICY)] = rollout_numbers.policy(POLICY.read_text(encoding="utf-8"), found.task, n)
    if ENVIRONMENTS.is_file():  # a copy from before there were any has none
        texts[str(ENVIRONMENTS)] = rollout_numbers.environments(ENVIRONMENTS.read_text(encoding="utf-8"), n)
    _write(place, texts, found, called, home)
    print(f"\nwritten, and committed: {git('log', '-1', '--format=%h %s')}\nnext: make run")


def _again(texts: dict[str, str], called: problem_files.Names) -> None:
    """A second run changes nothing. Raises LoopError where it would write something else."""
    own = machinery.recorded(Path.cwd()).problem
    if own == called.table:
        print(f"\nthis repository holds {called.title} already: nothing is changed (--force writes it anew)")
        return
    raise LoopError(
        f"this repository holds another problem already: {own}",
        "the template as it comes, with its example",
        "use the template anew, or say --force to write this problem in its place",
    )


def _template(given: str | None) -> str | None:
    """Where later versions come from: as said, as the template says, or origin with a tag of this version.

    Raises UsageError for an address that holds a password.
    """
    if given and hidden(given) != given:
        raise UsageError(
            "the address of --template holds a password",
            f"one without: {BEGUN} keeps it",
            "let git ask a credential helper",
        )
    here = Path.cwd()
    if known := given or machinery.address(here):
        return known
    tagged = git("tag", "--list", f"v{machinery.version(here)}") and remote.remote()
    origin = git("config", "remote.origin.url") if tagged else ""
    return origin if origin and hidden(origin) == origin else None


def _loose(data: Path, place: Path | None) -> str:
    """The data's path in this repository where somebody only laid it there: git has none of it."""
    home, at = Path.cwd().resolve(), data.resolve()
    if place is None or home not in at.parents or at == place.resolve():
        return ""
    path = at.relative_to(home).as_posix()
    return "" if git("--literal-pathspecs", "ls-files", "--", path) else path


def _leave_alone(path: str) -> None:
    """Keep what was copied out of git, which would take it with the next `git add --all`."""
    ignored = Path(git("rev-parse", "--git-path", "info/exclude"))
    lines = ignored.read_text(encoding="utf-8").splitlines() if ignored.exists() else []
    line = "/" + re.sub(r"([\\*?\[\] ])", r"\\\1", path)  # a pattern of git's that means it alone
    if line not in lines:
        files.write_text(ignored, "\n".join([*lines, line, ""]))


def _persons(found: Guess) -> list[str]:
    """Columns that look as if they name persons."""
    return [name for name, one in found.columns.items() if one.personal]


def _keep_out_of_git(place: Path) -> None:
    """Let DVC track data that name persons: what git holds once, every clone has for good."""
    dvc = str(Path(sys.executable).parent / "dvc")
    program.run([dvc, "add", "--quiet", str(place)], seconds=600, name=f"`dvc add {place}`")


def _copy(source: Path, place: Path) -> None:
    """Bring the file, or the folder, to its place in the repository."""
    if source != place.resolve():
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.rmtree(place)
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, place)


def _write(
    place: Path | None, texts: dict[str, str], found: Guess, called: problem_files.Names, template: str | None
) -> None:
    root = Path.cwd()
    template_parts.adopt(root, place, steps=template_parts.STEPS in texts)
    for name, text in texts.items():
        files.write_text(root / name, text.rstrip("\n") + "\n")
    machinery.record(root, called.table, template)
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    if ruff := shutil.which("ruff", path=places):
        written = [name for name in texts if name.endswith(".py")]
        program.run([ruff, "check", "--quiet", "--fix", "--select", "I", *written], seconds=60)
        program.run([ruff, "format", "--quiet", *written], seconds=60)
    if place and _persons(found):
        _keep_out_of_git(place)
    git("add", "--all")
    try:
        git("commit", "--quiet", "--message", f"Begin {called.title}, from {found.data.path.name}")
    except LoopError as error:
        raise LoopError(
            f"the problem is written, and the commit failed: {error.found}",
            "one commit that holds it",
            f"mend what git says, then `git add -A && git commit -m 'Begin {called.title}'`",
        ) from None


def _said(found: Guess, called: problem_files.Names, suspected: list[str]) -> str:
    """What was understood, from what, how sure, and what to look at."""
    lines = [
        f"{called.title}: {len(found.data.frame):,} rows, {len(found.columns)} columns with values",
        "",
        "taken as",
    ]
    width = max((len(one.what) for one in found.guesses), default=0)
    for one in found.guesses:
        lines.append(f"  {one.what:<{width}}  {one.sure:<6}  {one.reason}; {one.option} says otherwise")
    lines.append(
        f"  {'inputs: ' + str(len(found.inputs)):<{width}}  {', '.join(found.inputs) or 'the time alone'}"
    )
    if found.left_out:
        lines += ["", "left out (put back in src/problem, or leave out more with --leave-out)"]
        lines += [f"  {name}: {reason}" for name, reason in found.left_out.items()]
    if suspected:
        lines += ["", "look at"]
        lines += [f"  {one}" for one in suspected]
    return "\n".join(lines)


def label_after(text: str) -> pd.Timedelta:
    """How long after the decision a label is known, from "30 days", "12h" or "1 year". Raises UsageError.

    A week has 7 days, a month 31, a quarter 92 and a year 366: the longest, so that no label counts too soon.
    """
    long = LONG_SPAN.fullmatch(text.strip().lower())
    try:
        after = pd.Timedelta(days=float(long[1]) * DAYS_OF[long[2]]) if long else pd.Timedelta(text)
    except (ValueError, OverflowError):
        after = pd.Timedelta(0)
    if not after > pd.Timedelta(0):  # nor "NaT"
        raise UsageError(
            f"--label-after {text}", "a time such as '30 days', '12h' or '1 year'", "write it so"
        )
    return after


def task(text: str) -> Task:
    """What is predicted, by its name. Raises UsageError."""
    if text not in get_args(Task):
        raise UsageError(f"--task {text}", " or ".join(get_args(Task)), "name one, or leave it out")
    return cast(Task, text)
