"""Shared fixtures: a scratch copy of the repository, and one in which the pipeline has run.

`pytest --touched-by main` runs what a change reaches: test files that changed, that import changed
code or a package whose lock changed, that name a changed file of another kind, or whose helpers
changed; and the contract suite when params changed. Tests of whole pipelines are left to `make test`,
as by `pytest --fast`, which leaves out what is marked as slow too.
"""

import argparse
import ast
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

# No core is idle: threads of one worker would wait for another's.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile all code anew

import hypothesis
import pandas as pd
import pytest
import yaml

from loop.base.environment import git_settings
from loop.repo.closure import imports, reached
from support.closure import packages, relocked
from support.runs import empty_runs, own_code, tracker  # noqa: F401
from support.states import clone, stored, two_files  # noqa: F401 - fixtures for every room
from support.warm import Warm

sys.dont_write_bytecode = False  # whatever the shell said: each worker would compile the tests anew
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and all below
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # so does `nohup`: what the tests start shall not
    signal.signal(signal.SIGHUP, lambda *_: None)

for _name in [name for name in os.environ if name.startswith(("GITHUB_", "ACTIONS_", "RUNNER_"))]:
    del os.environ[_name]  # tests are in no workflow, or fake one
hypothesis.settings.register_profile(  # a machine may be busy: no test is timed, nor what draws its examples
    "loop", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("loop")
ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PATIENCE = 1500  # seconds: what hangs ends as a failure, what is slow does not
WHOLE = {  # fixtures of whole pipelines, of the small problem's too, of a browser and of Spark
    *("finished", "working_copy", "bare_copy", "small_home", "github", "town", "world", "lived", "adopted"),
    *("browser", "spark"),
}
SLOW = {ROOT / "tests/system", ROOT / "tests/workflows"}
COMMAND_LINE = {  # what its commands import when they run, a test need not reach
    *("loop.cli", "loop.cli.main", "loop.commands.command_line", "loop.commands.command_line.app"),
}
OF_A_PROBLEM = (  # reasons to skip that no install mends
    *("the problem", "this history", "this kernel"),
    "got empty parameter set",  # of views or repairs, of which a problem may have none
)
FIRST = (  # what takes longest starts first, and while one worker makes `finished` others need it not
    "tests/workflows/test_pull_requests.py",
    "tests/system/test_image.py",
    "tests/system/test_second_problem.py",
    "tests/system/test_deploy.py",
    "tests/workflows/",
    "tests/system/test_cluster.py",  # its node is built meanwhile; it waits more than it computes
    "tests/system/test_proxies.py",
    "tests/system/",
    "tests/problem/",
)
EVERYTHING = {"pyproject.toml", "tests/conftest.py", "tests/support/closure.py"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--touched-by", metavar="BASE", help="only tests that the change from BASE reaches")
    parser.addoption("--fast", action="store_true", help="without pipelines, workflows, browsers, servers")
    parser.addoption("--part", metavar="I/N", type=part, help="one of N parts, each of whole files")


def pytest_configure(config: pytest.Config) -> None:
    """Commands of scratch repositories start warm; workers share the server of their controller.

    Thousands of short-lived repositories need no upkeep: git starts a process of it after each commit.
    """
    if "WARM_BIN" not in os.environ:
        os.environ |= git_settings(("maintenance.auto", "false"))
        warm = Warm()
        os.environ["WARM_BIN"] = str(warm.bin)
        config.add_cleanup(warm.stop)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--fast") and collection_path in SLOW:
        return True
    base, tests = config.getoption("--touched-by"), ROOT / "tests"
    folder = tests in collection_path.parents and collection_path.is_dir()
    if base is None or not (folder or collection_path.name.startswith("test_")):
        return None
    told = getattr(config, "workerinput", None)
    touched = told["touched"] if told else _all_touched(base)
    here = str(collection_path) + folder * os.sep  # fixtures of a folder that holds none need not be imported
    return None if any(path.startswith(here) for path in touched) else True


def pytest_configure_node(node: Any) -> None:
    """Workers are told which files a change reaches: each would parse the whole tree."""
    base = node.config.getoption("--touched-by")
    node.workerinput["touched"] = [] if base is None else _all_touched(base)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))
    if chosen := config.getoption("--part"):
        deal(config, items, *chosen)
    fast = config.getoption("--fast")
    if config.getoption("--touched-by") is None and not fast:
        return
    whole = [
        item for item in items if WHOLE & set(item.fixturenames) or (fast and item.get_closest_marker("slow"))
    ]
    config.hook.pytest_deselected(items=whole)
    items[:] = [item for item in items if item not in whole]


def turn(test: str) -> int:
    """Its place among FIRST, by the longest name that it starts with."""
    found = [place for place in FIRST if test.startswith(place)]
    return FIRST.index(max(found, key=len)) if found else len(FIRST)


def part(text: str) -> tuple[int, int]:
    """The parts "1/3", "2/3" and "3/3"."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part such as 1/3, 2/3 or 3/3")
    return int(number), int(of)


def deal(config: pytest.Config, items: list[Any], number: int, of: int) -> None:
    """Keep the tests of every `of`-th file: the files that take longest are dealt first, one to each part."""
    places = {file: place for place, file in enumerate(dict.fromkeys(item.path for item in items))}
    others = [item for item in items if places[item.path] % of != number - 1]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if places[item.path] % of == number - 1]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `-n auto`: two more than cores where containers, servers and alerts are waited for."""
    return (os.cpu_count() or 1) + 2 * (not config.getoption("--fast"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `-n`: tests that share a fixture of their file run in one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class BySharedFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.split("::", maxsplit=1)[0])
            alone = file.name in ("test_review.py", "test_pipeline.py")  # each test has a copy of its own
            return nodeid if alone else str(file)

    return BySharedFixtures(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Any:
    """In CI a test that could not run is red: a skip would hide what it holds."""
    report = yield
    if report.skipped and os.environ.get("CI") and not str(call.excinfo.value).startswith(OF_A_PROBLEM):
        report.outcome, report.longrepr = "failed", f"in CI every test runs; skipped: {call.excinfo.value}"
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    few = any(session.config.getoption(name) for name in ("--touched-by", "--part"))
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and few:
        session.exitstatus = pytest.ExitCode.OK  # the change reaches none, or there are more parts than files


@cache
def _all_touched(base: str) -> list[str]:
    return [str(path) for path in (ROOT / "tests").rglob("test_*.py") if _touched(path, base)]


def _touched(test: Path, base: str) -> bool:
    changed = _changed(base)
    name = test.relative_to(ROOT).as_posix()
    if name in changed or EVERYTHING & changed:
        return True
    if name.startswith("tests/contract/") and "params.yaml" in changed:
        return True
    text = test.read_text(encoding="utf-8")
    named = any(path in text for path in changed if path and not path.endswith(".py"))
    helpers = [ROOT / path for path in changed if path.startswith("tests/") and "/test_" not in path]
    if named or any(helper.parent in test.parents for helper in helpers):
        return True
    found = imports(ast.parse(text))
    if COMMAND_LINE & set(found) and any(
        path.startswith(("src/loop/cli", "src/loop/commands/")) for path in changed
    ):
        return True
    modules = [name for name in found if name not in COMMAND_LINE]
    paths = reached(modules, _text)
    if paths & changed:
        return True
    new = _relocked(base)
    return bool(new and new & packages([test, *(ROOT / one for one in paths)]))


@cache
def _text(path: str) -> str | None:
    """A file of the tree, which is read once for all tests that reach it."""
    return (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else None


@cache
def _relocked(base: str) -> frozenset[str]:
    """Modules of packages whose lock differs from where the tree parted from `base`."""
    if "uv.lock" not in _changed(base):
        return frozenset()
    before = _git("show", f"{_git('merge-base', base, 'HEAD')}:uv.lock")
    return relocked(before, (ROOT / "uv.lock").read_text(encoding="utf-8"))


@cache
def _changed(base: str) -> frozenset[str]:
    """Paths that differ from where the tree parted from `base`."""
    merge_base = _git("merge-base", base, "HEAD")
    new = _git("ls-files", "--others", "--exclude-standard")
    return frozenset(f"{_git('diff', '--name-only', '--no-renames', merge_base)}\n{new}".split("\n"))


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


class Repo:
    """A scratch repository whose own code runs, whatever is installed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a tool of the environment in the repository, with its libraries imported already."""
        warm = Path(os.environ["WARM_BIN"])
        found = [place / command[0] for place in (warm, BIN) if (place / command[0]).exists()]
        paths = {"PATH": f"{warm}{os.pathsep}{self.environment()['PATH']}"}
        done = subprocess.run(
            [*found[:1], *command[1:]] if found else list(command),
            cwd=self.path,
            env=self.environment() | paths | env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not (check and done.returncode), f"{command}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    def environment(self) -> dict[str, str]:
        """The environment in which the repository's own code comes first."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        return clean | {
            "PYTHONPATH": str(self.path / "src"),
            "PYTEST_DEBUG_TEMPROOT": os.environ["WARM_BIN"],  # pytest removes what earlier runs left
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new))

    def set_param(self, key: str, value: object) -> None:
        """Set a dotted key of params.yaml; None takes it away."""
        path = self.path / "params.yaml"
        params = yaml.safe_load(path.read_text())
        *parents, last = key.split(".")
        section = params
        for name in parents:
            section = section[name]
        if value is None:
            del section[last]
        else:
            section[last] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def append(self, file: str, text: str) -> None:
        """Add a line to a file."""
        with (self.path / file).open("a") as stream:
            stream.write(text)

    def git(self, *arguments: str) -> str:
        """What git prints; commits are made by a name of the test's own."""
        return self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments).stdout.strip()

    def commit(self, branch: str | None = None) -> str:
        """Commit the tree as it is, on a new branch if one is named; the commit's hash."""
        if branch:
            self.git("switch", "--quiet", "--create", branch)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def text(self, file: str) -> str:
        """A file's text."""
        return (self.path / file).read_text()


def commands_in(folder: Path) -> list[str]:
    """The command lines of processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def copy_sources(target: Path) -> Repo:
    """The files that git has or would take, as one commit of a repository of its own."""
    shutil.copytree(sources(), target, symlinks=True, dirs_exist_ok=True)
    repo = Repo(target)
    repo.git("update-index", "-q", "--refresh")
    return repo


def sources() -> Path:
    """The repository that `copy_sources` copies, made once for all workers; nothing changes it."""
    home = Path(os.environ["WARM_BIN"], f"sources{str(ROOT).replace('/', '+')}")
    home.mkdir(exist_ok=True)
    return _once(home, _make_sources)


def _make_sources(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    repo = Repo(target)
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.commit()
    repo.git("repack", "-adq")
    repo.git("prune-packed", "--quiet")


def copy(repo: Repo, target: Path) -> Repo:
    """A copy of a repository; bytecode that another process is just writing stays behind."""
    shutil.copytree(repo.path, target, symlinks=True, ignore=shutil.ignore_patterns("*.pyc.*"))
    return Repo(target)


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Repo:
    """The repository that the first worker to ask makes in a folder; all use it, and leave it as it is."""
    base = factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    home.mkdir(exist_ok=True)
    return Repo(_once(home, make))


def _once(home: Path, make: Callable[[Path], object]) -> Path:
    """What the first process to ask makes in a folder."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            make(home / "repo")
            (home / "done").touch()
    return home / "repo"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A copy in which `loop run` has run from nothing."""
    return shared(tmp_path_factory, "finished", lambda path: copy_sources(path).run("loop", "run"))


@pytest.fixture
def working_copy(finished: Repo, tmp_path: Path) -> Repo:
    """A copy of the finished repository, to change at will."""
    return copy(finished, tmp_path / "repo")


@pytest.fixture
def bare_copy(tmp_path: Path) -> Repo:
    """A copy of the sources alone, as after a fresh clone."""
    return copy_sources(tmp_path / "repo")


@pytest.fixture
def utc() -> Callable[[str], pd.Timestamp]:
    """An instant in UTC from a text."""
    return lambda text: pd.Timestamp(text, tz="UTC").as_unit("us")
