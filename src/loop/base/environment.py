"""What a process runs in: the code of the tree it works on, that tree's environment, UTF-8.

A script of another environment, a copy that an installer made, or `dvc` by its path would run other code than
the records name. `enter` corrects it before anything is imported, so this module needs Python alone.
"""

from __future__ import annotations

import codecs
import importlib.util
import locale
import os
import pwd
import re
import sys
import tempfile
from pathlib import Path
from typing import Sequence  # noqa: UP035 - an older Python starts a stage, and hands it on

STAGE = Path("src/loop/stage.py")
_EXPERIMENTS = "/.dvc/tmp/exps/"  # where `dvc exp` copies a tree without its environment
_TRIED = "LOOP_TREE_TRIED"  # the tree by which this process replaced itself
_FOLDERS = (  # what libraries open, and end by a traceback where it is a file or another user's
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"),
    *("DVC_SITE_CACHE_DIR", "MPLCONFIGDIR", "BENTOML_HOME"),
)
_NUMBERS = (  # what libraries take for a number as they are imported, and end by a traceback where it is none
    *("LOKY_MAX_CPU_COUNT", "JOBLIB_MULTIPROCESSING"),
    *("SKLEARN_WORKING_MEMORY", "SKLEARN_PAIRWISE_DIST_CHUNK_SIZE"),
)
_SHARED = "/var/tmp/dvc"  # noqa: S108 - DVC's own
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PERSON = (  # variables of git that say who commits, whom to trust and how to reach a remote
    *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT"),
    *("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_SSH", "GIT_SSL_", "GIT_ASKPASS", "GIT_PROXY"),
)
_PACKAGES = (  # variables of uv that say how packages are reached; a lock says which, and we say where to
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CACHE_DIR", "UV_NO_CACHE"),
    *("UV_OFFLINE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER"),
    *("UV_CREDENTIALS_DIR", "UV_HTTP_", "UV_REQUEST_", "UV_CONCURRENT_", "UV_LINK_MODE", "UV_LOCK_TIMEOUT"),
    "UV_MALWARE_",
)


def tree(folder: Path) -> Path | None:
    """The checkout that a folder lies in: the nearest one above that has a pipeline and this code."""
    for home in (folder, *folder.parents):
        if (home / "dvc.yaml").is_file() and (home / STAGE).is_file():
            return home
    return None


def enter(*arguments: str) -> None:
    """Go on in the tree's own code and environment, replacing this process by `python ARGUMENTS` if need be.

    Also asks servers of this host without a proxy, and does without a name or a HOME that can be written.
    """
    _loopback_is_direct()
    _person()
    os.environ["MATPLOTLIBRC"] = os.devnull  # a person's own would change the bytes of a report
    for name in _NUMBERS:
        if not re.fullmatch("[0-9]{1,9}", os.environ.get(name, "1")):
            del os.environ[name]  # as if not set
    os.environ.pop("MPLBACKEND", None)  # a notebook's, which the tree's environment may not have
    home = tree(Path.cwd())
    if home is None:
        return
    python = _python(home)
    strange = _strange_python()
    if _same(Path(sys.executable).parent, python.parent) and _own(home) and _utf8() and not strange:
        os.environ.pop(_TRIED, None)
        return
    if os.environ.get(_TRIED) == str(home):
        if not (problem := home / "src" / "problem" / "__init__.py").is_file():
            raise SystemExit(
                f"error: {problem} is missing\n  expected: the problem as the package `problem`\n"
                "  to do:    `git log --stat -- src/problem` says where it went; bring it back by that name"
            )
        raise SystemExit(
            f"error: {python} does not import the code of {home}\n  expected: `loop` from {home / 'src'}\n"
            "  to do:    `make setup` there, and run it again without PYTHONSAFEPATH or -I"
        )
    paths = [str(home / "src"), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
    os.execve(python, [str(python), *arguments], {**os.environ, **own, _TRIED: str(home)})  # noqa: S606 - no shell


def foreign() -> str | None:
    """Where `loop` or `problem` comes from, if it is not the tree of the current folder."""
    home = tree(Path.cwd())
    return None if home is None or _own(home) else _origin("loop")


def child(without: Sequence[str] = (), **more: str) -> dict[str, str]:
    """What a child gets: ours, less git's of a hook, uv's of a shell, what starts as told; and more."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(tuple(without))
        and (name[:4] != "GIT_" or name.startswith(_PERSON))
        and (name[:3] != "UV_" or name.startswith(_PACKAGES))
    } | more


def git_settings(*pairs: tuple[str, str]) -> dict[str, str]:
    """Variables that give git more settings, after those that a person's environment gives it already."""
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    found = {"GIT_CONFIG_COUNT": str(count + len(pairs))}
    for number, (key, value) in enumerate(pairs, count):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _python(home: Path) -> Path:
    """The interpreter of a tree's environment; this one where it has none."""
    above, found, _ = str(home).partition(_EXPERIMENTS)
    for place in (home, *([Path(above)] if found else [])):
        if (place / ".venv/bin/python").exists():
            return place / ".venv/bin/python"
    return Path(sys.executable)


def _own(home: Path) -> bool:
    return all(_same(Path(_origin(name)), home / "src" / name) for name in ("loop", "problem"))


def _origin(name: str) -> str:
    found = importlib.util.find_spec(name)
    return os.path.dirname(found.origin) if found and found.origin else "nowhere"


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _utf8() -> bool:
    """Whether files and what is printed are UTF-8: PYTHONIOENCODING has its own word for the latter."""
    printed = getattr(sys.stdout, "encoding", None) or "utf-8"
    return {codecs.lookup(one).name for one in (locale.getpreferredencoding(False), printed)} == {"utf-8"}


def _strange_python() -> bool:
    """Whether Python was told what breaks libraries, or makes each exit a traceback.

    That a warning is an error, to drop docstrings, or to go on at a prompt when a program has ended.
    """
    warnings, inspect = os.environ.pop("PYTHONWARNINGS", ""), os.environ.pop("PYTHONINSPECT", "")
    os.environ.pop("PYTHONOPTIMIZE", None)
    return "error" in warnings or sys.flags.optimize > 0 or bool(inspect)


def _loopback_is_direct() -> None:
    """A proxy is for other hosts: servers of this one are asked directly.

    Programs read one of the two names, and not all the same; `*` they read only alone.
    """
    names = ("no_proxy", "NO_PROXY")
    parts = [part.strip() for name in names for part in os.environ.get(name, "").split(",")]
    direct = dict.fromkeys([*filter(None, parts), *_LOOPBACK])
    os.environ.update(dict.fromkeys(names, "*" if "*" in direct else ",".join(direct)))


def _person() -> None:
    """A name and a HOME for who has none, as the user of a container that is a number alone.

    Where HOME cannot be written, what libraries keep there has folders elsewhere; a folder that a variable
    names and nobody may go into, as after `su` or `sudo` that keep the environment, is as if not named. So is
    one that DVC cannot write its shared files to.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", f"user-{os.getuid()}")
    home = os.path.expanduser("~")  # by HOME, else by that name
    there = os.path.isabs(home) and os.path.isdir(home) and os.access(home, os.X_OK)
    for name in _FOLDERS:
        if not _may_be_a_folder(os.environ.get(name, "/")):
            del os.environ[name]
    write = os.X_OK | os.W_OK
    home_takes, dvc_writes = there and os.access(home, write), _may_be_a_folder(_dvcs(), write)
    if home_takes:
        os.environ["HOME"] = home
    if home_takes and dvc_writes:
        return
    folder = Path(tempfile.gettempdir()) / f"loop-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        return
    if not dvc_writes:
        os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "dvc")
    if not home_takes:
        os.environ["HOME"] = home if there else str(folder)
        for name in ("BENTOML_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "UV_CACHE_DIR"):
            os.environ.setdefault(name, str(folder / name.lower()))


def _dvcs() -> str:
    """Where DVC keeps what it always writes: what all users of a machine share."""
    return os.environ.get("DVC_SITE_CACHE_DIR") or _SHARED


def _may_be_a_folder(path: str, how: int = os.X_OK) -> bool:
    """Whether we may go into it, or into the nearest that exists above it; another user's we may not."""
    nearest = next((one for one in (path, *map(str, Path(path).parents)) if os.path.lexists(one)), ".")
    return os.path.isdir(nearest) and os.access(nearest, how)
