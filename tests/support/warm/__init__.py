"""A Python whose libraries are imported already, for the commands that tests start.

`loop`, `dvc` and `python -m ...` import for two to four seconds what they then use for a moment. Here one
server imports the libraries once for each session, and each command is a fork of it: a process of its own,
with its own folder, environment, files and signals, in which the scratch repository's code is imported anew.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SCRIPTS = ("loop", "dvc", "pytest")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Warm:
    """The server, which imports when it is first asked; and a folder of commands that ask it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="warm-"
        )  # short: a socket's path has 107 signs at most
        self.bin = Path(self._folder.name)
        told: dict[str, Any] = {
            "socket": str(self.bin / "socket"),
            "scripts": SCRIPTS,
            "environment": dict(os.environ) | ONE_THREAD,
            "bin": str(BIN),
            "real": str(BIN),
        }
        _client(self.bin / "python", told)
        for name in ("python3", *SCRIPTS):
            (self.bin / name).symlink_to("python")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(told["socket"])
            listening.listen(64)
            self._process = subprocess.Popen(
                [BIN / "python", HERE / "server.py", str(listening.fileno()), str(os.getpid())],
                env=told["environment"],
                stdin=subprocess.DEVNULL,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )

    def stop(self) -> None:
        """End the server and its folder."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def warm(venv: Path) -> None:
    """Let the scripts of another environment, of the same packages, ask the server too."""
    told = json.loads(Path(os.environ["WARM_BIN"], "warm.json").read_text())
    (venv / "real").mkdir()
    (venv / "bin/python").rename(venv / "real/python")
    _client(venv / "bin/python", told | {"bin": str(venv / "bin"), "real": str(venv / "real")})


def _client(path: Path, told: dict[str, Any]) -> None:
    (path.parent / "warm.json").write_text(json.dumps(told))
    path.write_text(f"#!{BIN / 'python'} -ISs\n{(HERE / 'client.py').read_text()}")
    path.chmod(0o755)
