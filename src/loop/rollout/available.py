"""Whether a version can still serve: its image in the registry, its files by hash where this host needs them.

Of an image each part is asked for: cleaners of registries leave an index whose manifests are gone.

Only what is gone for certain stops a rollback. A registry or a remote that does not answer, or answers
strangers nothing, is reported and passed over: whoever is on call must not wait for it. But on a host that is
to serve it by itself, what it cannot have now would not serve.
"""

import hashlib
import json
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
from loop.model.artifacts import named
from loop.production.state import Version
from loop.repo import remote
from loop.repo.commit import Commit
from loop.repo.git import damage, has
from loop.settings.paths import LINEAGE, MODEL, PIPELINE_LOCK, REFERENCE

TIMEOUT = 5  # seconds, for each answer of a registry
TIMEOUT_IMAGE = 15  # seconds, for all of an image
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
        image = version.image
        _check(
            version,
            image,
            lambda: _within(TIMEOUT_IMAGE, lambda: _gone(image)),
            "an image that can be pulled",
            "",
        )
    here = deploy.by_processes()
    if not version.image or here:
        run = "; or run it where its files are: " + (
            "not on this host" if here else "on the host that serves"
        )
        expected = "its commit, and its files in DVC's cache or remote, by hash"
        what = f"what serves {version.commit[:12]}"
        ask = lambda: _within(TIMEOUT_DVC, lambda: _lacks(version))  # noqa: E731
        _check(version, what, ask, expected, run, here=here)


def _check(
    version: Version, what: str, ask: Callable[[], str], expected: str, more: str, *, here: bool = False
) -> None:
    """Raise LoopError for what lacks; `here`: also where that is unknown, since this host must have it."""
    try:
        lacks = ask()
    except _UnknownError as why:
        if here:
            raise LoopError(
                f"version {version.version} cannot serve on this host: {first_line(why, 200)}",
                expected,
                f"`loop rollback --to` another version{more}",
            ) from None
        print(f"note: whether {what} is still there is unknown: {first_line(why, 200)}", flush=True)
        return
    if lacks:
        raise LoopError(
            f"version {version.version} cannot serve: {lacks}",
            expected,
            f"`loop rollback --to` another version{more}",
        )


def _gone(image: str) -> str:
    """What of an image the registry has no more: its manifest, one that this names, or a layer."""
    name, _, digest = image.partition("@")
    registry, waits = _Registry(name), [digest]
    while waits:
        digest = waits.pop()
        text = registry.manifest(digest)
        if text is None:
            return f"{image} is gone" if image.endswith(digest) else f"{image} is gone in part: {digest[:19]}"
        if f"sha256:{hashlib.sha256(text).hexdigest()}" != digest:
            return f"{image} has other bytes in the registry: {digest[:19]}"
        found = json.loads(text)
        waits += [one["digest"] for one in found.get("manifests") or [] if _runs(one)]
        layers = [found[key] for key in ("config",) if key in found] + (found.get("layers") or [])
        for one in layers:
            if "urls" not in one and not registry.has(one["digest"]):
                return f"{image} is gone in part: {one['digest'][:19]}"
    return ""


def _runs(entry: dict[str, Any]) -> bool:
    """Whether an entry of an index is an image, and no record beside one."""
    return (entry.get("platform") or {}).get("os") != "unknown"


class _Registry:
    """What a registry has of images of one name, for whoever asks without a login but the workflow's own."""

    def __init__(self, name: str) -> None:
        host, _, path = name.partition("/")
        if not path or not (set(host) & set(".:") or host == "localhost"):
            host, path = _HUB, name if path else f"library/{name}"
        scheme = "http" if host.rpartition(":")[0] in _LOOPBACK else "https"
        self._host, self._url, self._headers = host, f"{scheme}://{host}/v2/{path}", {"Accept": _KINDS}

    def manifest(self, digest: str) -> bytes | None:
        """A manifest; 404 alone is a no."""
        answer = self._ask("GET", f"manifests/{digest}")
        return None if answer.status_code == 404 else answer.content

    def has(self, digest: str) -> bool:
        """Whether there is a layer."""
        return self._ask("HEAD", f"blobs/{digest}").status_code != 404

    def _ask(self, method: str, what: str) -> requests.Response:
        try:
            answer = self._once(method, what)
            if answer.status_code == 401 and "Authorization" not in self._headers:
                token = _token(self._host, answer.headers.get("WWW-Authenticate", ""))
                self._headers["Authorization"] = f"Bearer {token}"
                answer = self._once(method, what)
        except (requests.RequestException, ValueError, KeyError) as error:
            raise _UnknownError(f"{self._host} does not answer ({type(error).__name__})") from None
        if answer.status_code not in (200, 307, 404):  # a layer may lie elsewhere
            raise _UnknownError(f"{self._host} answers {answer.status_code}")
        return answer

    def _once(self, method: str, what: str) -> requests.Response:
        return requests.request(
            method,
            f"{self._url}/{what}",
            headers=self._headers,
            timeout=TIMEOUT,
            allow_redirects=method == "GET",
        )


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
    try:
        made = named(version.commit)
    except LoopError as error:
        return error.found
    if Commit(version.commit).model() != version.model:
        return f"{LINEAGE} {of} does not name the model that was released"
    with Repo() as repo:
        found = (_lacking(repo, version, path, made.get(str(path))) for path in (MODEL, REFERENCE))
        return next(filter(None, found), "")


def _lacking(repo: Any, version: Version, path: Path, md5: str | None) -> str:
    """The same of one file, by the hash that the lock names."""
    of = f"of {version.commit[:12]}"
    if not md5:
        return f"{PIPELINE_LOCK} {of} names no {path}"
    served = version_home.path_of(version, deploy.FOLDER) / path
    if served.is_file() and digest(served) == md5:
        return ""  # this host has served it
    with TemporaryDirectory() as folder:
        file = Path(repo.cache.local.oid_to_path(md5))
        where = f"in the cache, {file}"
        if not file.is_file():
            file, where = Path(folder) / path.name, "in the remote"
            if not _from_remote(repo, md5, file):
                return f"{path} {of} is gone"
        try:
            same = digest(file, "md5") == md5 and (path != MODEL or digest(file, "sha256") == version.model)
        except OSError as error:  # of another user's, or on a disk that fails
            return f"{path} {of} cannot be read {where}: {error.strerror}"
    return "" if same else f"{path} {of} has other bytes {where}"


def _of_commit(commit: str) -> str:
    """What of a commit this clone cannot read and origin has not; nothing where it is whole."""
    if not has(commit):
        try:
            remote.fetch(commit)
        except LoopError as error:
            if remote.remote() and not _NOT_THERE.search(error.found):
                raise
    if not has(commit):
        return f"commit {commit[:12]} is gone"
    told = damage(commit)
    return f"commit {commit[:12]} is damaged: {told}" if told else ""


def _from_remote(repo: Any, md5: str, to: Path) -> bool:
    """Whether a remote has an object, which is brought; one that does not answer raises what it likes."""
    from dvc.config import NoRemoteError

    try:
        store = repo.cloud.get_remote_odb()
    except NoRemoteError:
        if os.environ.get("GITHUB_ACTIONS"):
            raise _UnknownError("there is no DVC remote, and a runner has no cache") from None
        return False  # this machine's cache is all there is
    try:
        store.fs.get_file(store.oid_to_path(md5), str(to))  # `exists` says no where nobody answers
    except (FileNotFoundError, IsADirectoryError):
        return False
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
