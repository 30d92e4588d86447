"""uv.lock as a record: each package, its versions, and where its files come from.

`python -I src/loop/repo/uv_lock.py` holds the lock of this checkout to its pyproject.toml before anything of
it is installed, so it needs Python alone: uv checks the index of a package, not the address of each file.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

_HOST = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(?=/)")  # what every reader of addresses reads alike
_PYPI = {"https://pypi.org/simple", "https://files.pythonhosted.org"}
_HERE = {"editable", "virtual", "path", "directory"}

Packages = dict[str, list[dict[str, Any]]]


def packages(text: str | None) -> Packages:
    """Name -> its entries, one for each version; empty for what is no lock."""
    found: Packages = {}
    try:
        for entry in tomllib.loads(text or "").get("package", []):
            found.setdefault(str(entry["name"]), []).append(entry)
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError):
        return {}
    return found


def rest(text: str) -> Any:
    """What a lock holds besides packages; the text itself of what is no lock."""
    try:
        return {key: value for key, value in tomllib.loads(text).items() if key != "package"}
    except tomllib.TOMLDecodeError:
        return text


def versions(entries: list[dict[str, Any]]) -> str:
    """The versions of a package, most often one."""
    return ", ".join(sorted(str(entry.get("version", "local")) for entry in entries))


def origins(entries: list[dict[str, Any]]) -> set[str]:
    """Where a package comes from: its index or repository, and the hosts of its files."""
    sources = [(kind, str(at)) for entry in entries for kind, at in (entry.get("source") or {}).items()]
    found = {at for kind, at in sources if kind not in (*_HERE, "subdirectory")}
    for entry in entries:
        for file in [entry.get("sdist") or {}, *(entry.get("wheels") or [])]:
            if url := file.get("url"):
                found.add(known[0] if (known := _HOST.match(url)) else url)
    return found


def strange(pyproject: str, lock: str) -> list[str]:
    """Packages of a lock from where pyproject.toml names nothing: `NAME from ADDRESS`."""
    tool = tomllib.loads(pyproject).get("tool", {})
    uv = tool.get("uv", {})
    text = re.sub(r"//[^/@\s]*@", "//", str([uv, tool.get("loop")]))  # uv.lock has no passwords either
    named = {one.rstrip("/") for one in re.findall(r"https?://[^\s'\"]+", text)}
    own = "index-url" in uv or any(one.get("default") for one in uv.get("index", []))
    hosts = {known[0] for one in named if (known := _HOST.match(f"{one}/"))}
    allowed = named | hosts | (set() if own else _PYPI)
    return [
        f"{name} from {place}"
        for name, entries in packages(lock).items()
        for place in sorted(origins(entries))
        if re.split("[?#]", place)[0].rstrip("/") not in allowed
    ]


def main() -> None:
    """End with an error where a package of uv.lock comes from a place that pyproject.toml does not name."""
    found = strange(Path("pyproject.toml").read_text("utf-8"), Path("uv.lock").read_text("utf-8"))
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        sys.exit(
            f"error: uv.lock takes {', '.join(map(ascii, found[:3]))}{more}\n"
            "  expected: packages of PyPI, or of what [tool.uv] in pyproject.toml names as index or source\n"
            "  to do:    `git checkout main -- uv.lock` and `uv lock`; for an index whose files lie on\n"
            '            another host: [tool.loop] package-hosts = ["https://HOST"] in pyproject.toml'
        )


if __name__ == "__main__":
    main()
