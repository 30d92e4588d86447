"""An engine of containers, a registry on loopback, and images that need no other: for tests of the image.

The base is Debian's Python by mmdebstrap. What this machine alone needs to reach its package index (a private
authority, a proxy) is in the base of the stage that builds, never in the product's Dockerfile.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import BIN, ROOT, Repo

NEEDS = {
    "docker.io": "/usr/bin/docker",
    "docker.io ": "/usr/sbin/dockerd",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "docker-registry": "docker-registry",
}
REGISTRY = """version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
FOR_THE_INDEX = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "http_proxy", "https_proxy", "no_proxy")
BUILDER = """FROM base
{env}
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends gcc git libc6-dev python3-venv >/dev/null
COPY authority.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
"""


class Engine:
    """An engine of Docker: as root one with a socket and folders of its own, else what DOCKER_HOST names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = os.environ.get("DOCKER_HOST") or f"unix://{folder / 'socket'}"
        (folder / "bin").mkdir()
        (folder / "bin/docker").symlink_to("/usr/bin/docker")  # before other clients in PATH
        self._process: subprocess.Popen[bytes] | None = None
        if self.host == os.environ.get("DOCKER_HOST"):
            return
        options = [f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/dockerd", f"--host={self.host}", f"--pidfile={folder / 'pid'}", *options],
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers. Skips where it cannot run."""
        for _ in range(3000):
            if self.docker("version", check=False).returncode == 0:
                return
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(0.2)
        log = self.folder / "log"
        printed = log.read_text().strip().splitlines()[-1:] if log.exists() else self.host
        pytest.skip(f"dockerd does not run here: {printed}")

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """What `docker` says."""
        environment = os.environ | {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run(
            ["/usr/bin/docker", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert not (check and done.returncode), f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def stop(self) -> None:
        """End it with all of its containers, and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            if containers := self.docker("ps", "--all", "--quiet", check=False).stdout.split():
                self.docker("rm", "--force", "--volumes", *containers, check=False)
            self._process.terminate()
            self._process.wait(30)
        subprocess.run(["rm", "-rf", self.folder], check=False)  # tens of thousands of files


class Registry:
    """A registry on loopback, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir()
        (folder / "config.yml").write_text(REGISTRY.format(folder=folder / "data", port=self.port))
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
            )
        for _ in range(3000):
            if self.get("/v2/")[0] == 200:
                return
            time.sleep(0.1)
        pytest.fail((folder / "log").read_text())

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of an answer; 0 for none."""
        kinds = (
            "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json"
        )
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": kinds})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""
        except OSError:
            return 0, b""

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The engine of a file's tests; they are skipped, and say so, where none can be."""
    if os.environ.get("NO_ENGINE"):
        pytest.skip("this kernel runs no engine of containers, .ci/run found")
    missing = {package.strip() for package, tool in NEEDS.items() if not shutil.which(tool)}
    if missing:
        pytest.skip(f"no engine for containers: on Debian, apt install {' '.join(sorted(missing))}")
    if os.geteuid() != 0 and "DOCKER_HOST" not in os.environ:
        pytest.skip("an engine for containers needs root, or DOCKER_HOST")
    engine = Engine(Path(tempfile.mkdtemp(prefix="loop-engine-")))
    try:
        engine.wait()
        yield engine
    finally:
        engine.stop()


def make_bases(engine: Engine) -> None:
    """The images `base`, Debian with Python, and `builder`, with what installs and compiles."""
    if engine.docker("image", "inspect", "loop-test-base", check=False).returncode:
        made = subprocess.run(
            [ROOT / ".ci/engine", engine.folder / "base", "0"],
            env=os.environ | {"DOCKER_HOST": engine.host},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]
    engine.docker("tag", "loop-test-base", "base")
    context = engine.folder / "builder"
    context.mkdir()
    authority = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(authority, context / "authority.crt")
    env = [f'ENV {name}="{os.environ[name]}"' for name in FOR_THE_INDEX if os.environ.get(name)]
    (context / "Dockerfile").write_text(BUILDER.format(env="\n".join(env)))
    engine.docker("build", "--quiet", "--tag=builder", str(context))


def push(engine: Engine, repo: Repo, tag: str, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What `loop image --push` says, as a step of a workflow."""
    return repo.run(
        *("loop", "image", "--push", "--tag", tag, *more),
        check=False,
        PATH=f"{engine.folder / 'bin'}:{BIN}:{ROOT / '.tools/bin'}:{os.environ['PATH']}",
        DOCKER_HOST=engine.host,
        LOOP_IMAGE_BASE="base",
        LOOP_IMAGE_BUILDER="builder",
        GITHUB_OUTPUT=str(output),
    )
