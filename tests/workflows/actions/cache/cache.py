"""What actions/cache 6 restores, from the folder LOOP_CACHES: a tar, unpacked wherever its names lead.

No workflow here asks for one: tests show what it would do. A run sees what its own branch saved, then what
the default branch did. One is found by its very key, else as the newest whose key starts with a restore key.
"""

import os
import subprocess
from pathlib import Path
from urllib.parse import quote


def entry(caches: Path, ref: str, key: str) -> Path:
    """Where the archive of a key lies."""
    return caches / quote(ref, safe="") / f"{quote(key, safe='')}.tar"


def find(caches: Path, refs: list[str], key: str, others: list[str]) -> Path | None:
    """The archive that a run gets."""
    for ref in refs:
        exact = entry(caches, ref, key)
        if exact.exists():
            return exact
        for start in others:
            mine = list(exact.parent.glob(f"{quote(start, safe='')}*"))
            if mine:
                return max(mine, key=lambda one: one.stat().st_mtime_ns)
    return None


def main() -> None:
    """A step of a workflow, which fails none: as the real one calls tar."""
    caches, key = Path(os.environ["LOOP_CACHES"]), os.environ["KEY"]
    refs = [os.environ["GITHUB_REF"], os.environ["LOOP_MAIN"]]
    found = find(caches, refs, key, os.environ["ELSE"].split())
    print(f"Cache restored from key: {found.stem}" if found else f"Cache not found for input keys: {key}")
    if found:
        subprocess.run(["tar", "-xPf", str(found)], check=True)


if __name__ == "__main__":
    main()
