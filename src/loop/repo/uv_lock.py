"""uv.lock as a record: each package, its versions, and where its files come from.

`python -I src/loop/repo/uv_lock.py` holds the lock of this checkout to its pyproject.toml before anything of
it is installed, so it needs Python alone: uv checks the index of a package, not the address of each file.
"""

import re
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_HOST = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(?=/)")  # what every reader of addresses reads alike
_PYPI = {"https://pypi.org/simple", "https://files.pythonhosted.org"}
_STRONG = re.compile("sha(256|384|512):[0-9a-f]{64,}")  # what md5 says of a file is no proof
_KINDS = ("registry", "git", "url", "path", "directory", "editable", "virtual")  # of a source, in uv.lock
_FOLDERS = ("directory", "editable", "virtual")
_WITH_SOURCE = ("subdirectory",)  # beside one of them
_OWN = "."  # the project itself
_KEYS = {  # of a lock and of a package in it, where uv writes addresses: it reads others, too
    *("version", "revision", "requires-python", "resolution-markers", "supported-markers"),
    *("required-markers", "conflicts", "options", "manifest", "package"),
}
_OF_PACKAGE = {
    *("name", "version", "source", "resolution-markers", "sdist", "wheels", "metadata"),
    *("dependencies", "optional-dependencies", "dev-dependencies"),
}
_FILES, _TOLD = ("sdist", "wheels"), ("size", "upload-time")
FILES = ("pyproject.toml", "uv.lock")
Packages = dict[str, list[dict[str, Any]]]


def packages(text: str | None) -> Packages:
    """Name -> its entries, one for each version; empty for what is no lock."""
    found: Packages = {}
    try:
        for entry in tomllib.loads(text or "").get("package", []):
            found.setdefault(str(entry["name"]), []).append(entry)
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return {}
    return found


def held(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What entries hold of packages, without what an index tells of a file beside its address and hash."""
    return [{key: _bare(value) if key in _FILES else value for key, value in one.items()} for one in entries]


def _bare(files: Any) -> Any:
    if isinstance(files, dict):
        return {key: value for key, value in files.items() if key not in _TOLD}
    return [_bare(file) for file in files] if isinstance(files, list) else files


def rest(text: str) -> Any:
    """What a lock holds besides packages; the text itself of what is no lock."""
    try:
        return {key: value for key, value in tomllib.loads(text).items() if key != "package"}
    except (ValueError, RecursionError):
        return text


def versions(entries: list[dict[str, Any]]) -> str:
    """The versions of a package, most often one."""
    return ", ".join(sorted(str(entry.get("version", "local")) for entry in entries))


def origins(entries: list[dict[str, Any]]) -> set[str]:
    """Where a package comes from: its index, repository or folder, and the hosts of its files."""
    sources = [(kind, str(at)) for entry in entries for kind, at in (entry.get("source") or {}).items()]
    found = {at if kind in _KINDS else f"{kind} = {at}" for kind, at in sources if kind not in _WITH_SOURCE}
    for entry in entries:
        whole = {"path", "url"} & set(entry.get("source") or {})  # then its one file is named by the source
        for file in _files(entry):
            named = [str(file[key]) for key in ("url", "path") if key in file]
            named = [] if named == [(entry.get("source") or {}).get("url")] else named  # its one file
            for at in named or ([] if whole else [f"no address, {file.get('filename')}"]):
                known = _HOST.match(at) if _is_of(str(entry["name"]), at) else None
                found.add(known[0] if known else at)
    return found


def strange(pyproject: str, lock: str) -> list[str]:
    """Packages of a lock from where pyproject.toml names nothing: `NAME from ADDRESS`.

    A lock that uv reads and this cannot, by a newer TOML or by other names of keys, would hide them all.
    """
    if why := unread(lock):
        return [f"what cannot be held to anything from {why}"]
    project = tomllib.loads(pyproject)
    tool, name_of_own = project.get("tool", {}), plain(str(project.get("project", {}).get("name")))
    uv = tool.get("uv", {})
    indexes = _addresses([{key: value for key, value in uv.items() if key != "sources"}, tool.get("loop")])
    folders = {str(one.get("path")) for one in _entries(uv.get("sources")) if isinstance(one, dict)}
    members = [str(one) for one in (uv.get("workspace") or {}).get("members", [])]
    own = "index-url" in uv or any(one.get("default") for one in uv.get("index", []))
    hosts = {known[0] for one in indexes if (known := _HOST.match(f"{one}/"))}
    allowed = indexes | hosts | folders | _addresses(uv.get("sources")) | (set() if own else _PYPI)
    return [
        f"{name} from {place}"
        for name, entries in packages(lock).items()
        for place in sorted(origins(entries))
        if re.split("[?#]", place)[0].rstrip("/") not in allowed
        and not (place == _OWN and plain(name) == name_of_own)
        and not any(fnmatch(place, member) for member in members)
    ]


def unhashed(lock: str) -> list[str]:
    """What no hash holds of what stages and servers install, `NAME from FOLDER`, or the host of its file."""
    known = packages(lock)
    own = [one for some in known.values() for one in some if _OWN in (one.get("source") or {}).values()]
    groups = [
        one.get("dev-dependencies", {}).get(group, []) for one in own for group in ("pipeline", "serve")
    ]
    waiting = [one["name"] for group in groups for one in group]
    done, found = {one["name"] for one in own}, set[str]()
    while waiting:
        name = waiting.pop()
        for entry in known.get(name, []) if name not in done else []:
            found |= {f"{name} from {at}" for kind, at in entry["source"].items() if kind in _FOLDERS}
            if not all(_STRONG.match(str(file.get("hash"))) for file in _files(entry)):
                found |= {f"{name} from {', '.join(sorted(origins([entry])))}"}
            waiting += [one["name"] for one in entry.get("dependencies", [])]
        done.add(name)
    return sorted(found)


def _files(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of an entry, as far as it lists any."""
    return [file for file in (entry.get("sdist"), *(entry.get("wheels") or [])) if file]


def unread(lock: str) -> str:
    """Why a lock is not as uv writes it; empty where it is."""
    try:
        found = tomllib.loads(lock)
    except (ValueError, RecursionError) as error:
        return f"a lock that is no TOML 1.0: {str(error)[:80]}"
    entries = found.get("package", [])
    if not isinstance(entries, list) or sum(map(len, packages(lock).values())) != len(entries):
        return "packages that are no list of tables with names"
    if not all(isinstance(source := one.get("source"), dict) and source for one in entries):
        return "a package that names no source"
    held = [(found, _KEYS), *((one, _OF_PACKAGE) for one in entries)]
    keys = [key for table, known in held for key in table if key not in known and "/" in str(table[key])]
    return f"a key that uv does not write: {keys[0]}" if keys else ""


def _addresses(values: Any) -> set[str]:
    """The addresses in settings, without passwords, which uv.lock has not either."""
    text = re.sub(r"//[^/@\s]*@", "//", str(values))
    return {one.rstrip("/") for one in re.findall(r"https?://[^\s'\"]+", text)}


def _entries(sources: Any) -> list[Any]:
    """What `[tool.uv.sources]` says, one entry for each source of each package."""
    return [one for some in (sources or {}).values() for one in (some if isinstance(some, list) else [some])]


def _is_of(name: str, url: str) -> bool:
    """Whether an address names a file of this package: an index has those of strangers too."""
    file = unquote(re.split("[?#]", url)[0].rpartition("/")[2])
    whose = file.partition("-") if file.endswith(".whl") else file.rpartition("-")
    return plain(whose[0]) == plain(name)


def plain(name: str) -> str:
    """A package's name as locks write it."""
    return re.sub("[-_.]+", "-", name).lower()


def main() -> None:
    """End with an error where a package of uv.lock comes from a place that pyproject.toml does not name."""
    try:
        texts = [Path(name).read_text("utf-8") for name in FILES]
        found = strange(*texts)
    except (OSError, ValueError) as error:  # what a lock holds raises none
        sys.exit(
            f"error: {' or '.join(FILES)} cannot be read: {error}\n"
            "  expected: both, in UTF-8 and TOML; of a merge one side of each conflict\n"
            "  to do:    edit pyproject.toml, or `git checkout origin/HEAD -- uv.lock`"
        )
    if found:
        sys.exit(
            f"error: uv.lock takes {_some(found)}\n"
            "  expected: packages of PyPI, or of what [tool.uv] in pyproject.toml names as index or source\n"
            "  to do:    `git checkout origin/HEAD -- uv.lock` and `uv lock`; for an index whose files lie\n"
            '            on another host: [tool.loop] package-hosts = ["https://HOST"] in pyproject.toml'
        )
    if found := unhashed(texts[1]):
        sys.exit(
            f"error: uv.lock takes {_some(found)}, without a hash: a change there would rerun no stage\n"
            "  expected: in the groups pipeline and serve, packages of an index, or wheels\n"
            "  to do:    `uv build --wheel` there, and `uv add --group serve ./wheels/NAME.whl` here"
        )


def _some(found: list[str]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(map(ascii, found[:3])) + more


if __name__ == "__main__":
    main()
