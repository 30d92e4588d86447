"""A Python whose libraries are imported already, for the commands that tests start.

`loop`, `dvc` and `python -m ...` import for two to four seconds what they then use for a moment. Here one
server imports the libraries once for each session, and each command is a fork of it: a process of its own,
with its own folder, environment, files and signals, in which the scratch repository's code is imported anew.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
TOOLS = ("python", "python3", "loop", "dvc")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Warm:
    """The server, which imports when it is first asked; and a folder of commands that ask it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="warm-"
        )  # short: a socket's path has 107 signs at most
        self.bin = Path(self._folder.name)
        (self.bin / "client").write_text(f"#!{BIN / 'python'} -ISs\n{(HERE / 'client.py').read_text()}")
        (self.bin / "client").chmod(0o755)
        for name in TOOLS:
            (self.bin / name).symlink_to("client")
        environment = os.environ | ONE_THREAD
        (self.bin / "started.json").write_text(json.dumps({"bin": str(BIN), "environment": environment}))
        self._process = subprocess.Popen(
            [BIN / "python", HERE / "server.py", self.bin / "socket", str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """End the server and its folder."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
