"""Zip what the patterns find, and give it to the double; names start where all the patterns have parted."""

import glob
import io
import os
import urllib.request
import zipfile
from pathlib import Path


def fixed(pattern: str) -> str:
    """The part of a pattern before its first wildcard: where the real action starts to search."""
    parts = pattern.split("/")
    wild = next((n for n, part in enumerate(parts) if "*" in part), len(parts))
    return os.path.abspath("/".join(parts[:wild]))


patterns = os.environ["PATTERNS"].split()
names = {name for line in patterns for name in glob.glob(line, recursive=True)}
names |= {str(path) for line in patterns for path in Path(line).rglob("*") if Path(line).is_dir()}
found = sorted(name for name in names if Path(name).is_file())
root = os.path.commonpath([fixed(line) for line in patterns])
root = root if Path(root).is_dir() else str(Path(root).parent)
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
    for name in found:
        made.write(name, os.path.relpath(name, root))
where = f"{os.environ['GITHUB_SERVER_URL']}/_artifacts/{os.environ['GITHUB_RUN_ID']}/{os.environ['ARTIFACT']}"
urllib.request.urlopen(urllib.request.Request(where, out.getvalue(), method="POST"), timeout=60)  # noqa: S310
print("\n".join(found))
