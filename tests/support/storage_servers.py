"""Real servers on loopback that machines share, S3 (MinIO) and PostgreSQL; each ends with its block."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from support.tools import tool

PATIENCE = 300  # seconds: a machine may be busy
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "the-key-of-someone"}


@dataclass(frozen=True)
class S3:
    """A server with a bucket, and the variables by which a client is let in."""

    url: str
    bucket: str = "team"

    @property
    def env(self) -> dict[str, str]:
        return {
            **KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "MLFLOW_S3_ENDPOINT_URL": self.url,
            "NO_PROXY": "127.0.0.1",
        }

    def names(self) -> list[str]:
        """Every object of the bucket."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def make(self) -> None:
        """The empty bucket."""
        self._client().create_bucket(Bucket=self.bucket)

    def put(self, name: str, data: bytes) -> None:
        """An object, in place of one that is there."""
        self._client().put_object(Bucket=self.bucket, Key=name, Body=data)

    def remove(self, name: str) -> None:
        """An object less."""
        self._client().delete_object(Bucket=self.bucket, Key=name)

    def _client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """MinIO, with one empty bucket."""
    port = free()
    env = {"MINIO_ROOT_USER": KEYS["AWS_ACCESS_KEY_ID"], "MINIO_ROOT_PASSWORD": KEYS["AWS_SECRET_ACCESS_KEY"]}
    address = ["--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{free()}"]
    command = [str(tool("MINIO")), "server", "--quiet", *address, str(folder / "disk")]
    with running(command, port, {**env, "HOME": str(folder), "PATH": os.environ["PATH"]}):
        there = S3(f"http://127.0.0.1:{port}")
        there.make()
        yield there


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a database of a PostgreSQL of its own; whoever is root has it run by nobody."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        pytest.skip("no PostgreSQL: on Debian, apt install postgresql")
    port = free()
    other = [] if os.getuid() else ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    data = Path(tempfile.mkdtemp(prefix="loop-sql-"))  # where nobody may come to it
    if other:
        shutil.chown(data, 65534, 65534)
    programs, env = found[-1], {"PATH": os.environ["PATH"], "LC_ALL": "C", **_name(folder)}
    make = [
        *other,
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        "team",
        "--auth=trust",
        "-N",
        "-E",
        "UTF8",
    ]
    subprocess.run(make, check=True, capture_output=True, timeout=PATIENCE, cwd="/", env=env)
    command = [*other, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
    try:
        with running([*command, "-k", str(data), "-F"], port, env):
            yield f"postgresql+psycopg2://team@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _name(folder: Path) -> dict[str, str]:
    """Variables by which PostgreSQL finds a name for a user who has none, as in a container."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        users, groups = folder / "passwd", folder / "group"
        users.write_text(f"team:x:{os.getuid()}:{os.getgid()}::/:/bin/sh\n")
        groups.write_text(f"team:x:{os.getgid()}:\n")
        wrapped = {"NSS_WRAPPER_PASSWD": str(users), "NSS_WRAPPER_GROUP": str(groups)}
        return {"LD_PRELOAD": "libnss_wrapper.so", **wrapped}
    return {}


@contextmanager
def running(command: list[str], port: int, env: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A server that answers on a port, until the block ends."""
    process = subprocess.Popen(
        command, env=env, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + PATIENCE
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{Path(command[-1]).name}: {command[0]} did not start: {process.returncode}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


def answers(port: int) -> bool:
    """Whether a server takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
