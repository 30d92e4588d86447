"""The status page of ten thousand versions, from git alone: all pages, then what a release changes.

The branch is written by `git fast-import`, a release each hour; nothing of the commits of main is there.
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import Row

ROOT = Path(__file__).parents[1]
VERSIONS, START, HOUR = 10_000, 1_500_000_000, 3600
PAGE_MAX = 300_000  # bytes
MAKE = """
import sys, time
import pandas as pd
from pathlib import Path
from loop.status import overview, site
began = time.perf_counter()
found = overview.view(pd.Timestamp("2026-11-30", tz="UTC"))
made, _ = site.write(found, Path("site"))
print(time.perf_counter() - began, time.process_time(), made)
"""


def measure(runs: int) -> list[Row]:
    """Time of all pages and of the next ones, in seconds; the largest page in bytes."""
    all_pages, processor, next_pages, few, largest = [], [], [], [], 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            _git(home, "init", "--quiet")
            _import(home, 1, VERSIONS)
            (home / "deploy").mkdir()
            for name in ("slo.yaml", "policy.yaml"):
                (home / "deploy" / name).write_text((ROOT / "deploy" / name).read_text())
            _git(home, "add", "--all")
            _git(home, "-c", "user.name=b", "-c", "user.email=b@b", "commit", "--quiet", "-m", "settings")
            seconds, used, _ = _made(home)
            all_pages.append(seconds)
            processor.append(used)
            _import(home, VERSIONS + 1, VERSIONS + 1)
            seconds, _, made = _made(home)
            next_pages.append(seconds)
            few.append(made)
            largest = max(path.stat().st_size for path in (home / "site").rglob("*.html"))
    note = f"{VERSIONS:,} versions; the largest page has {largest / 1000:.0f} kB of {PAGE_MAX / 1000:.0f}"
    return [
        Row("every page", all_pages, goal=60, note=note),
        Row("every page: processor time", processor),
        Row("after one more release", next_pages, note=f"{max(few):.0f} pages are made anew"),
    ]


def _made(home: Path) -> tuple[float, float, float]:
    done = subprocess.run([sys.executable, "-c", MAKE], cwd=home, capture_output=True, text=True, check=True)
    seconds, used, made = map(float, done.stdout.split())
    return seconds, used, made


def _import(home: Path, first: int, last: int) -> None:
    text = "".join(_commits(first, last))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=home, input=text.encode(), check=True)


def _commits(first: int, last: int) -> Iterator[str]:
    """Releases as git's import reads them: each becomes champion at once."""
    for number in range(first, last + 1):
        at = START + number * HOUR
        iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        name = hashlib.sha256(str(number).encode()).hexdigest()
        about = f"commit: '{name[:40]}'\nmodel: '{name}'\nimage: null\n"
        state = f"models:\n- role: champion\n  version: {number}\n  weight: 100\n  since: '{iso}'\n"
        state += "".join(f"  {line}\n" for line in about.splitlines()) + "refused: []\n"
        record = f"version: {number}\n{about}released: '{iso}'\nlock: '{name}'\n"
        record += f"data: {{data/raw: '{name[:32]}'}}\n"
        record += f"verdict: equivalent\npull: {number}\nauthor: ann\napprover: bob\n"
        message = f"Release version {number}: champion\n\nlog loss 0.4500\n\nVersion: {number}\nBy: ann\n"
        yield f"commit refs/heads/production\ncommitter bot <b@b> {at} +0000\n{_data(message)}"
        if number == first and first > 1:
            yield "from refs/heads/production^0\n"
        yield f"M 100644 inline rollout.yaml\n{_data(state)}"
        yield f"M 100644 inline versions/{number}.yaml\n{_data(record)}"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _git(home: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=home, check=True)
