"""Zip what the patterns find, named from the workspace, and give it to the double."""

import glob
import io
import os
import urllib.request
import zipfile

found = sorted({name for line in os.environ["PATTERNS"].split() for name in glob.glob(line, recursive=True)})
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
    for name in found:
        made.write(name)
where = f"{os.environ['GITHUB_SERVER_URL']}/_artifacts/{os.environ['GITHUB_RUN_ID']}/{os.environ['ARTIFACT']}"
urllib.request.urlopen(urllib.request.Request(where, out.getvalue(), method="POST"), timeout=60)  # noqa: S310
print("\n".join(found))
