"""Whether a version can still serve: its image in the registry, or its model in DVC's cache or remote.

Only what is gone for certain stops a rollback. A registry or a remote that does not answer, or answers
strangers nothing, is reported and passed over: whoever is on call must not wait for it.
"""

import os
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.production.state import Version
from loop.repo.commit import Commit
from loop.repo.dvc_lock import outs
from loop.settings.paths import MODEL, PIPELINE_LOCK

TIMEOUT = 5  # seconds, for each answer of a registry
TIMEOUT_DVC = 15  # seconds, for DVC to start and look
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HUB = "registry-1.docker.io"  # what images without a host mean
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
    what = version.image or f"{MODEL} of {version.commit[:12]}"
    try:
        there = _image(version.image) if version.image else _within(TIMEOUT_DVC, lambda: _model(version))
    except _UnknownError as why:
        print(f"note: whether {what} is still there is unknown: {plain(why, 200)}", flush=True)
        return
    if not there:
        raise LoopError(
            f"version {version.version} cannot serve: {what} is gone",
            "an image that can be pulled" if version.image else "a model in DVC's cache or remote",
            "`loop rollback --to` another version"
            + ("" if version.image else "; or run it where the model is: on the host that serves"),
        )


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


def _model(version: Version) -> bool:
    """Whether DVC has the model: in this machine's cache, or else in the remote."""
    from dvc.config import NoRemoteError
    from dvc.repo import Repo

    lock = Commit(version.commit).yaml(PIPELINE_LOCK)
    md5 = outs(lock)[str(MODEL)]
    with Repo() as repo:
        if repo.cache.local.exists(md5):
            return True
        try:
            return bool(repo.cloud.get_remote_odb().exists(md5))
        except NoRemoteError:
            if os.environ.get("GITHUB_ACTIONS"):
                raise _UnknownError("there is no DVC remote, and a runner has no cache") from None
            return False  # this machine's cache is all there is


def _within(seconds: float, ask: Callable[[], bool]) -> bool:
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
    return bool(found[0])
