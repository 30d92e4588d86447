"""Whether a version can still serve: its image in the registry, its files by hash where this host needs them.

Only what is gone for certain stops a rollback. A registry or a remote that does not answer, or answers
strangers nothing, is reported and passed over: whoever is on call must not wait for it.
"""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import requests

from loop.base.errors import LoopError, first_line
from loop.base.files import digest
from loop.deploy import deploy, version_home
from loop.production.state import Version
from loop.repo import remote
from loop.repo.commit import Commit
from loop.repo.dvc_lock import outs
from loop.repo.git import ask, has
from loop.settings.paths import LINEAGE, MODEL, PIPELINE_LOCK, REFERENCE

TIMEOUT = 5  # seconds, for each answer of a registry
TIMEOUT_DVC = 15  # seconds, for DVC to start and look
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HUB = "registry-1.docker.io"  # what images without a host mean
_NOT_THERE = re.compile("not our ref|find remote ref")  # an origin that answers, in git's words
_KINDS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


class _UnknownError(Exception):
    """Why it is unknown."""


def check(version: Version) -> None:
    """Raise LoopError when a version is gone for certain; print why when that is unknown."""
    if version.image:
        _check(version, version.image, lambda: _gone(str(version.image)), "an image that can be pulled", "")
    if not version.image or deploy.by_processes():
        run = "; or run it where its files are: on the host that serves"
        expected = "its commit, and its files in DVC's cache or remote, by hash"
        what = f"what serves {version.commit[:12]}"
        _check(version, what, lambda: _within(TIMEOUT_DVC, lambda: _lacks(version)), expected, run)


def _check(version: Version, what: str, ask: Callable[[], str], expected: str, more: str) -> None:
    try:
        lacks = ask()
    except _UnknownError as why:
        print(f"note: whether {what} is still there is unknown: {first_line(why, 200)}", flush=True)
        return
    if lacks:
        raise LoopError(
            f"version {version.version} cannot serve: {lacks}",
            expected,
            f"`loop rollback --to` another version{more}",
        )


def _gone(image: str) -> str:
    return "" if _image(image) else f"{image} is gone"


def _image(image: str) -> bool:
    """Whether the registry has the manifest; 404 alone is a no."""
    name, _, digest = image.partition("@")
    host, _, path = name.partition("/")
    if not path or not (set(host) & set(".:") or host == "localhost"):
        host, path = _HUB, name if path else f"library/{name}"
    scheme = "http" if host.rpartition(":")[0] in _LOOPBACK else "https"
    url = f"{scheme}://{host}/v2/{path}/manifests/{digest}"
    try:
        answer = requests.head(url, headers={"Accept": _KINDS}, timeout=TIMEOUT)
        if answer.status_code == 401:
            token = _token(host, answer.headers.get("WWW-Authenticate", ""))
            headers = {"Accept": _KINDS, "Authorization": f"Bearer {token}"}
            answer = requests.head(url, headers=headers, timeout=TIMEOUT)
    except (requests.RequestException, ValueError, KeyError) as error:
        raise _UnknownError(f"{host} does not answer ({type(error).__name__})") from None
    if answer.status_code not in (200, 404):
        raise _UnknownError(f"{host} answers {answer.status_code}")
    return answer.status_code == 200


def _token(host: str, challenge: str) -> str:
    """What the registry gives to strangers; to a workflow's token where the registry is GitHub's own."""
    kind, _, parameters = challenge.partition(" ")
    named = dict(part.strip().split("=", 1) for part in parameters.split(",") if "=" in part)
    asked = {name: value.strip('"') for name, value in named.items()}
    realm = asked.pop("realm")
    if kind.lower() != "bearer":
        raise ValueError(kind)
    secret = os.environ.get("GITHUB_TOKEN") if os.environ.get("GITHUB_ACTIONS") else None
    own = host == "ghcr.io" and urlsplit(realm)[:2] == ("https", "ghcr.io")
    login = ("token", secret) if secret and own else None
    answer = requests.get(realm, params=asked, auth=login, timeout=TIMEOUT).json()
    return str(answer.get("token") or answer["access_token"])


def _lacks(version: Version) -> str:
    """What a server of the version would lack, or have with other bytes than its lock names; else nothing."""
    from dvc.repo import Repo

    of = f"of {version.commit[:12]}"
    if lacks := _of_commit(version.commit):
        return lacks
    commit = Commit(version.commit)
    made = outs(commit.yaml(PIPELINE_LOCK))
    if commit.file(LINEAGE) is None:
        return f"{LINEAGE} {of} is gone"
    served = version_home.path_of(version, deploy.FOLDER)
    with Repo() as repo, TemporaryDirectory() as folder:
        for path in (MODEL, REFERENCE):
            md5 = made.get(str(path), "")
            if (served / path).is_file() and digest(served / path) == md5:
                continue  # this host has served it
            file = Path(repo.cache.local.oid_to_path(md5))
            where = f"in the cache, {file}"
            if not file.is_file():
                file, where = Path(folder) / path.name, "in the remote"
                if not _from_remote(repo, md5, file):
                    return f"{path} {of} is gone"
            if digest(file, "md5") != md5 or (path == MODEL and digest(file, "sha256") != version.model):
                return f"{path} {of} has other bytes {where}"
    return ""


def _of_commit(commit: str) -> str:
    """What of a commit this clone cannot read and origin has not; nothing where it is whole."""
    if not has(commit):
        try:
            remote.fetch(commit)
        except LoopError as error:
            if remote.remote() and not _NOT_THERE.search(error.found):
                raise
            return f"commit {commit[:12]} is gone"
    done = ask("archive", "--format=tar", "--output", os.devnull, commit)
    return f"commit {commit[:12]} is damaged: {done.gist(200)}" if done.code else ""


def _from_remote(repo: Any, md5: str, to: Path) -> bool:
    """Whether a remote has an object, which is brought."""
    from dvc.config import NoRemoteError

    try:
        store = repo.cloud.get_remote_odb()
    except NoRemoteError:
        if os.environ.get("GITHUB_ACTIONS"):
            raise _UnknownError("there is no DVC remote, and a runner has no cache") from None
        return False  # this machine's cache is all there is
    if not store.exists(md5):
        return False
    store.fs.get_file(store.oid_to_path(md5), str(to))
    return True


def _within(seconds: float, ask: Callable[[], str]) -> str:
    """The answer, if there is one in time."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(ask())
        except Exception as error:  # any store, any fault: it is unknown
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise _UnknownError(f"no answer within {seconds:g} s")
    if isinstance(found[0], Exception):
        raise _UnknownError(found[0])
    return str(found[0])
