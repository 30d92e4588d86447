"""A GitHub of our own, as far as the workflows need one: REST, GraphQL, artifacts and git over https.

It keeps to what GitHub does that hurts: tokens have permissions and get 403 without; comments come
in pages of 30; a body over 65,536 characters and a description over 140 get 422; an artifact is
downloaded from another host, which refuses a token. It records every write.
"""

import base64
import functools
import hashlib
import io
import json
import os
import re
import ssl
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from conftest import sources
from support import git_server
from workflows.settings import Settings

BOT = "github-actions[bot]"
NAME = "team/model"
FORK = "stranger/model"
ALL = {
    "contents": "write",
    "pull-requests": "write",
    "issues": "write",
    "statuses": "write",
    "actions": "read",
}
_PAGE = 30
GATED = "2026-01-05T10:00:00Z"  # when runs start, and set what they set


@dataclass
class Double:
    """All that this GitHub knows. `writes` is what was asked of it: (method, path, status of the answer)."""

    folder: Path
    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    artifacts: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    uploaded: set[tuple[str, str, str]] = field(default_factory=set)  # run, attempt, name of an artifact
    tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[tuple[str, str, int]] = field(default_factory=list)  # method, pattern of the path, status
    lost: list[str] = field(default_factory=list)  # patterns of paths whose deed is done, but not answered
    writes: list[tuple[str, str, int]] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=dict)  # by login; whoever is not named may write
    events: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  # of a pull request
    releases: list[dict[str, Any]] = field(default_factory=list)
    signed: set[str] = field(default_factory=set)  # commits that GitHub itself made
    unknown: set[str] = field(default_factory=set)  # names in commits that are no account's
    activity: list[dict[str, Any]] | None = field(default_factory=list)  # pushes; None: an older GitHub
    home: Path = Path()
    serial: int = 100
    main: str = "main"  # the name of the default branch
    no_tag: int = 403  # how a tag on other workflows is refused; GitHub says 404 as well

    def repo(self, name: str = NAME) -> Path:
        """The bare repository of that name, made when it is first asked for."""
        path = self.folder / f"{name}.git"
        if not path.exists():
            path.mkdir(parents=True)
            git(path, "init", "--quiet", "--bare", f"--initial-branch={self.main}")
            (path / "objects/info/alternates").write_text(
                f"{sources()}/.git/objects\n"
            )  # it need not get them
            git(path, "config", "http.receivepack", "true")
            git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        return path

    def next(self) -> int:
        """A number that was not given before."""
        self.serial += 1
        return self.serial

    def tip(self, branch: str, name: str = NAME) -> str:
        """The newest commit of a branch."""
        return git(self.repo(name), "rev-parse", f"refs/heads/{branch}")

    def open_pull(
        self, branch: str, name: str = NAME, title: str = "A change", base: str = "", author: str = "ann"
    ) -> int:
        """A new pull request; its number."""
        number = self.next()
        self.pulls.append(
            {
                "body": "",
                "labels": [],
                "number": number,
                "title": title,
                "state": "open",
                "branch": branch,
                "home": name,
                "base": base or self.main,
                "user": user(author),
                "merged": None,
            }
        )
        self.comments[number], self.reviews[number] = [], []
        self.sync()
        return number

    def sync(self) -> None:
        """Point refs/pull/N/head at each pull request's head, as GitHub does after a push."""
        for home in {pull["home"] for pull in self.pulls}:
            mine = [pull for pull in self.pulls if pull["home"] == home]
            heads = [f"+refs/heads/{pull['branch']}:refs/pull/{pull['number']}/head" for pull in mine]
            git(self.repo(), "fetch", "--quiet", str(self.repo(home)), *heads)

    def pull(self, number: int) -> dict[str, Any]:
        """A pull request as the REST interface shows it."""
        found = next(pull for pull in self.pulls if pull["number"] == number)
        sha = git(self.repo(), "rev-parse", f"refs/pull/{number}/head")
        return {
            "number": number,
            "title": found["title"],
            "state": found["state"],
            "html_url": f"{self.url}/{NAME}/pull/{number}",
            "user": found["user"],
            "merged_at": found["merged"] and "2026-01-05T12:00:00Z",
            "merge_commit_sha": found["merged"],
            "head": {
                "sha": sha,
                "ref": found["branch"],
                "label": f"{found['home'].split('/')[0]}:{found['branch']}",
                "repo": {"full_name": found["home"]},
            },
            "base": {
                "ref": found["base"],
                "sha": self.tip(found["base"]) if found["base"] == self.main else "",
                "repo": {"full_name": NAME, "default_branch": self.main},
            },
        }

    def pushed(self, number: int, login: str) -> None:
        """That somebody pushed the head of a pull request as it is now."""
        head = self.pull(number)["head"]
        told = {"ref": f"refs/heads/{head['ref']}", "after": head["sha"], "actor": user(login)}
        self.activity.append(told)

    def review(
        self, number: int, login: str, state: str = "APPROVED", role: str = "MEMBER", **more: Any
    ) -> None:
        """A review of the pull request's head as it is now."""
        self.reviews[number].append(
            {
                "user": user(login),
                "state": state,
                "author_association": role,
                "commit_id": self.pull(number)["head"]["sha"],
                "submitted_at": "2026-01-05T11:00:00Z",
                **more,
            }
        )

    def merge(self, number: int, squash: bool = True, by: str = "ann") -> str:
        """Merge a pull request as GitHub does, conflicts aside; the commit on its base."""
        pull, repo = self.pull(number), self.repo()
        base = pull["base"]["ref"]
        head, main = pull["head"]["sha"], self.tip(base)
        tree = git(repo, "merge-tree", "--write-tree", main, head)
        parents = ["-p", main] if squash else ["-p", main, "-p", head]
        made = git(repo, "commit-tree", tree, *parents, text=f"{pull['title']} (#{number})")
        git(repo, "update-ref", f"refs/heads/{base}", made, main)
        found = next(one for one in self.pulls if one["number"] == number)
        found["merged"], found["before"], found["state"] = made, main, "closed"
        found["merger"] = by
        return made

    def run(self, number: int, conclusion: str | None = None, **more: Any) -> int:
        """A run of review.yml for the pull request's head as it is now; its number."""
        pull, key = self.pull(number), self.next()
        self.runs[key] = {
            "id": key,
            "name": "review",
            "path": ".github/workflows/review.yml",
            "event": "pull_request",
            "status": "completed",
            "conclusion": conclusion,
            "head_sha": pull["head"]["sha"],
            "head_branch": pull["head"]["ref"],
            "head_repository": pull["head"]["repo"],
            "html_url": f"{self.url}/{NAME}/actions/runs/{key}",
            "created_at": GATED,
            "updated_at": GATED,
            **more,
        }
        return key

    def judge(self, **more: Any) -> int:
        """A run of publish.yml with main's code; its number."""
        key = self.next()
        self.runs[key] = {
            "id": key,
            "path": ".github/workflows/publish.yml",
            "event": "workflow_run",
            "conclusion": "success",
            "head_sha": self.tip(self.main),
            "head_branch": self.main,
            "head_repository": {"full_name": NAME},
            "html_url": f"{self.url}/{NAME}/actions/runs/{key}",
            "created_at": GATED,
            "updated_at": GATED,
            **more,
        }
        return key

    def receipt(
        self, sha: str, state: str = "success", told: dict[str, str] | None = None, **run: Any
    ) -> None:
        """What a run of publish.yml leaves of a commit, by main's code unless `run` says otherwise."""
        key = self.judge(**run)
        mine = {"commit": sha, "state": state, "why": "better: a gain", "run": self.runs[key]["html_url"]}
        text = json.dumps({**mine, "artifact": "", **(told or {})})
        self.artifacts[key] = [(f"gate-{sha}", archive({"gate.json": text}))]

    def pushed_image(self, sha: str, image: str, **run: Any) -> None:
        """What a run of release.yml leaves of an image, at a commit of main unless `run` says otherwise."""
        given = {"path": ".github/workflows/release.yml", "event": "push", "head_sha": sha, **run}
        name = f"image-{image.rpartition('@sha256:')[2]}"
        self.artifacts[self.judge(**given)] = [(name, archive({"sbom.cdx.json": "{}"}))]

    def heads(self) -> dict[int, str]:
        """The head of each open pull request."""
        return {
            one["number"]: self.pull(one["number"])["head"]["sha"]
            for one in self.pulls
            if one["state"] == "open"
        }

    def hold(self, before: dict[int, str]) -> None:
        """What GITHUB_TOKEN opens, reopens or pushes gets runs that wait for a person: since 2026-06-11."""
        known = {one["head_sha"] for one in self.runs.values()}
        for number, sha in self.heads().items():
            if before.get(number) != sha and sha not in known:
                self.run(number, "action_required")

    def held(self, number: int) -> list[int]:
        """Runs of a pull request that wait for *Approve workflows to run*."""
        sha = self.pull(number)["head"]["sha"]
        waits = ("action_required", sha)
        return [key for key, one in self.runs.items() if (one["conclusion"], one["head_sha"]) == waits]

    def enqueue(self, number: int, after: str = "") -> str:
        """What a merge queue makes of a pull request, on main or on the entry `after`; its commit."""
        pull, repo = self.pull(number), self.repo()
        on = after or self.tip(self.main)
        tree = git(repo, "merge-tree", "--write-tree", on, pull["head"]["sha"])
        made = git(repo, "commit-tree", tree, "-p", on, text=f"{pull['title']} (#{number})")
        git(repo, "update-ref", f"refs/heads/gh-readonly-queue/{self.main}/pr-{number}-{on}", made)
        return made

    def run_queued(self, number: int, sha: str, conclusion: str | None = None) -> int:
        """A run of review.yml for an entry of the queue; its number."""
        on = git(self.repo(), "rev-parse", f"{sha}^")
        branch = f"gh-readonly-queue/{self.main}/pr-{number}-{on}"
        home = {"full_name": NAME}
        mine = {"head_sha": sha, "head_branch": branch, "head_repository": home, "event": "merge_group"}
        return self.run(number, conclusion, **mine)

    def comments_on(self, number: int) -> list[str]:
        """What the comments of a pull request say."""
        return [comment["body"] for comment in self.comments[number]]

    def gates(self, sha: str) -> list[tuple[str, str]]:
        """State and description of each `gate` that a commit got, oldest first."""
        mine = [one for one in self.statuses if one["sha"] == sha and one["context"] == "gate"]
        return [(one["state"], one["description"]) for one in mine]

    def add_comment(self, number: int, body: str, login: str) -> None:
        """A comment by somebody."""
        self.comments[number].append({"id": self.next(), "body": body, "user": {"login": login}})


def user(login: str) -> dict[str, str]:
    """A user as GitHub shows one."""
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def archive(files: dict[str, bytes | str], links: dict[str, str] | None = None) -> bytes:
    """A zip as upload-artifact makes one; `links` are symbolic links, which it never makes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            made.writestr(info, target)
    return out.getvalue()


def git(cwd: Path, *arguments: str, text: str | None = None, env: dict[str, str] | None = None) -> str:
    """What git prints there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        cwd=cwd,
        env=clean | (env or {}),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


@functools.lru_cache(maxsize=1000)
def _of_commit(repo: Path, sha: str) -> list[str]:
    """Author, committer, tree, parents and message of a commit, then a line for each file that it changes."""
    told = git(repo, "log", "-1", "--format=%an%x00%cn%x00%T%x00%P%x00%B", sha).split("\0")
    return [*told, *git(repo, "diff-tree", "--no-commit-id", "--name-status", "-M", "-r", sha).splitlines()]


class Refusal(Exception):  # noqa: N818 - what GitHub answers
    """An answer that is not 2xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def serve(folder: Path) -> Iterator[Double]:
    """A GitHub that answers on loopback, by https, until the block ends."""
    double = Double(folder)
    key, cert = folder / "key.pem", folder / "cert.pem"
    asked = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    asked += f" -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout {key} -out {cert}"
    subprocess.run(["openssl", *asked.split()], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": double}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    double.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    double: Double
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        where = urlsplit(self.path)
        body = self._body()
        status, self._next = 200, ""
        try:
            for fault in self.double.faults:
                if fault[0] == self.command and re.search(fault[1], where.path):
                    self.double.faults.remove(fault)
                    raise Refusal(fault[2], "once")
            if ".git/" in where.path:
                self._git(where.path, where.query, body)
                return
            if where.path.startswith("/blobs/"):
                self._blob(where.path)
                return
            query = {key: values[-1] for key, values in parse_qs(where.query).items()}
            status, answer = self._route(where.path, query, body)
            lost = [one for one in self.double.lost if re.search(one, where.path) and self.command != "GET"]
            for pattern in lost:
                self.double.lost.remove(pattern)
                raise Refusal(502, "done, but nobody knows")
        except Refusal as refusal:
            status, answer = refusal.status, {"message": str(refusal)}
        if self.command != "GET":
            self.double.writes.append((self.command, where.path, status))
        if status == 0:  # it is sent already
            return
        if status == 302:
            self._send(302, b"", Location=answer)
        else:
            more = {"Link": self._next} if self._next else {}
            self._send(status, json.dumps(answer).encode(), **{"Content-Type": "application/json"}, **more)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _permitted(self, what: str, level: str) -> None:
        token = self._token()
        if token not in self.double.tokens:
            raise Refusal(401, "Bad credentials")
        given = self.double.tokens[token].get(what, "none")
        if ["none", "read", "write"].index(given) < ["none", "read", "write"].index(level):
            raise Refusal(403, "Resource not accessible by integration")

    def _token(self) -> str:
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if kind.lower() == "basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return value

    def _route(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        given = json.loads(body) if body and not path.startswith(("/_", "/assets/")) else {}
        for method, pattern, act in _ROUTES:
            found = re.fullmatch(pattern, path)
            if method == self.command and found:
                return act(self, query, given or body, *found.groups())
        self._permitted("administration", "read" if self.command == "GET" else "write")
        return self.double.settings.answer(self.command, path.removeprefix("/api/v3/"), given)

    def _page(self, items: list[Any], query: dict[str, str]) -> list[Any]:
        size, page = min(int(query.get("per_page", _PAGE)), 100), int(query.get("page", 1))
        return items[(page - 1) * size : page * size]

    # Pull requests and their comments

    def list_pulls(self, query, _body):
        self._permitted("pull-requests", "read")
        found = [self.double.pull(p["number"]) for p in self.double.pulls if _in(query, p)]
        if "head" in query:
            found = [pull for pull in found if pull["head"]["label"] == query["head"]]
        return 200, self._page(found, query)

    def open_pull(self, _query, given):
        """As GitHub does it: Actions may only where a setting allows it, and each branch has one."""
        self._permitted("pull-requests", "write")
        if not self.double.settings.workflow["can_approve_pull_request_reviews"]:
            raise Refusal(403, "GitHub Actions is not permitted to create or approve pull requests.")
        _short(given["body"], 65_536)
        if any(p["branch"] == given["head"] and p["state"] == "open" for p in self.double.pulls):
            raise Refusal(422, f"A pull request already exists for team:{given['head']}.")
        try:
            ahead = git(self.double.repo(), "rev-list", "--count", f"{given['base']}..{given['head']}")
        except AssertionError:
            raise Refusal(422, "Validation Failed: head is invalid") from None
        if ahead == "0":
            raise Refusal(422, f"No commits between {given['base']} and {given['head']}")
        before = self.double.heads()
        number = self.double.open_pull(given["head"], title=given["title"], base=given["base"])
        next(p for p in self.double.pulls if p["number"] == number)["body"] = given["body"]
        self.double.hold(before)
        return 201, self.double.pull(number)

    def get_pull(self, _query, _body, number):
        self._permitted("pull-requests", "read")
        found = next(one for one in self.double.pulls if one["number"] == int(number))
        merger = user(found["merger"]) if found["merged"] else None
        return 200, {**self.double.pull(int(number)), "merged_by": merger}

    def list_issues(self, query, _body):
        self._permitted("issues", "read")
        pulls = [{**self.double.pull(p["number"]), "pull_request": {}} for p in self.double.pulls]
        labelled = {p["number"]: p.get("labels", []) for p in [*self.double.pulls, *self.double.issues]}
        asked = set(query["labels"].split(",")) if "labels" in query else set()
        found = [one for one in [*pulls, *self.double.issues] if _in(query, one)]
        found = [one for one in found if asked <= set(labelled[one["number"]])]
        return 200, self._page(found, query)

    def open_issue(self, _query, given):
        self._permitted("issues", "write")
        _short(given["title"], 256)
        _short(given["body"], 65_536)
        number = self.double.next()
        where = f"{self.double.url}/{NAME}/issues/{number}"
        self.double.issues.append(
            {"number": number, "state": "open", "html_url": where, "user": user(BOT), **given}
        )
        self.double.comments[number] = []
        return 201, self.double.issues[-1]

    def add_labels(self, _query, given, number):
        self._permitted("pull-requests", "write")
        for pull in self.double.pulls:
            if pull["number"] == int(number):
                pull["labels"] += given["labels"]
                return 200, [{"name": name} for name in pull["labels"]]
        raise Refusal(404, "Not Found")

    def edit_pull(self, _query, given, number):
        self._permitted("pull-requests", "write")
        found = next(one for one in self.double.pulls if one["number"] == int(number))
        assert given.keys() <= {"state", "title", "body"}
        before = self.double.heads()
        found.update(given)
        self.double.hold(before)
        return 200, self.double.pull(int(number))

    def _of(self, number: str) -> str:
        """By which permission somebody may talk there."""
        return "issues" if int(number) in {one["number"] for one in self.double.issues} else "pull-requests"

    def list_comments(self, query, _body, number):
        self._permitted(self._of(number), "read")
        return 200, self._page(self.double.comments[int(number)], query)

    def add_comment(self, _query, given, number):
        self._permitted(self._of(number), "write")
        _short(given["body"], 65_536)
        if int(number) not in self.double.comments:
            raise Refusal(404, "Not Found")
        self.double.add_comment(int(number), given["body"], BOT)
        return 201, {"html_url": f"{self.double.url}/{NAME}/pull/{number}"}

    def edit_comment(self, _query, given, key):
        self._permitted("pull-requests", "write")
        _short(given["body"], 65_536)
        for comments in self.double.comments.values():
            for comment in comments:
                if comment["id"] == int(key):
                    comment["body"] = given["body"]
                    return 200, {"html_url": f"{self.double.url}/comment/{key}"}
        raise Refusal(404, "Not Found")

    # Statuses, runs, artifacts

    def add_status(self, _query, given, sha):
        self._permitted("statuses", "write")
        _short(given["description"], 140)
        if any(ord(sign) > 0xFFFF for sign in given["description"]):
            raise Refusal(422, "description doesn't accept 4-byte Unicode")
        assert given["state"] in ("error", "failure", "pending", "success")
        try:
            git(self.double.repo(), "cat-file", "-e", f"{sha}^{{commit}}")
        except AssertionError:
            raise Refusal(422, f"No commit found for SHA: {sha}") from None
        self.double.statuses.append({"sha": sha, "creator": user(BOT), "created_at": GATED, **given})
        return 201, given

    def list_statuses(self, query, _body, sha):
        self._permitted("statuses", "read")
        return 200, self._page([one for one in reversed(self.double.statuses) if one["sha"] == sha], query)

    def combined_status(self, query, _body, sha):
        self._permitted("statuses", "read")
        newest = {one["context"]: one for one in self.double.statuses if one["sha"] == sha}
        return 200, {"statuses": self._page(list(newest.values()), query)}

    def get_run(self, _query, _body, key):
        self._permitted("actions", "read")
        if int(key) not in self.double.runs:
            raise Refusal(404, "Not Found")
        return 200, self.double.runs[int(key)]

    def list_jobs(self, query, _body, key):
        self._permitted("actions", "read")
        return 200, {"jobs": self._page(self.double.jobs.get(int(key), []), query)}

    def list_artifacts(self, query, _body, key):
        self._permitted("actions", "read")
        found = [self._artifact(int(key), at) for at in range(len(self.double.artifacts.get(int(key), [])))]
        return 200, {"artifacts": self._page(found, query)}

    def all_artifacts(self, query, _body):
        self._permitted("actions", "read")
        every = [
            self._artifact(key, at)
            for key, listed in sorted(self.double.artifacts.items(), reverse=True)
            for at in range(len(listed))
        ]
        found = [one for one in every if one["name"] == query["name"]]
        return 200, {"artifacts": self._page(found, query)}

    def _artifact(self, key: int, at: int) -> dict[str, Any]:
        name, content = self.double.artifacts[key][at]
        run = self.double.runs.get(key, {})
        return {
            "id": key * 10 + at,
            "name": name,
            "size_in_bytes": len(content),
            "expired": False,
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "created_at": run.get("updated_at"),
            "workflow_run": {"id": key, "head_sha": run.get("head_sha")},
        }

    def get_artifact(self, _query, _body, key):
        self._permitted("actions", "read")
        return 302, f"{self.double.url.replace('127.0.0.1', 'localhost')}/blobs/{key}"

    def upload(self, _query, body, run, attempt, name):
        """A name once an attempt; what an earlier attempt left stays beside it."""
        if (run, attempt, name) in self.double.uploaded:
            raise Refusal(409, "Conflict: an artifact with this name already exists on the workflow run")
        self.double.uploaded.add((run, attempt, name))
        self.double.artifacts.setdefault(int(run), []).append((name, body))
        return 201, {}

    def give(self, _query, _body, run, name):
        """To a later job of the same run."""
        found = [content for one, content in self.double.artifacts.get(int(run), []) if one == name]
        if not found:
            raise Refusal(404, "Not Found")
        self._send(200, found[-1])
        return 0, None

    def _blob(self, path: str) -> None:
        """Where artifacts lie: another host, to which a token must not be sent."""
        run, at = divmod(int(path.removeprefix("/blobs/")), 10)
        if self.headers.get("Authorization"):
            self._send(400, b"a token was sent to another host")
        else:
            self._send(200, self.double.artifacts[run][at][1])

    # Commits

    def graphql(self, _query, given):
        asked = given["variables"]["input"]
        assert "createCommitOnBranch" in given["query"]
        try:
            self._permitted("contents", "write")
        except Refusal as refusal:
            return 200, {"data": None, "errors": [{"type": "FORBIDDEN", "message": str(refusal)}]}
        branch, repo = asked["branch"], self.double.repo(asked["branch"]["repositoryNameWithOwner"])
        was = git(repo, "rev-parse", f"refs/heads/{branch['branchName']}")
        if was != asked["expectedHeadOid"]:
            report = (
                f"Expected branch to point to {asked['expectedHeadOid']} but it did not. Pull and try again."
            )
            return 200, {"data": None, "errors": [{"type": "STALE_DATA", "message": report}]}
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            git(repo, "read-tree", was, env=env)
            for file in asked["fileChanges"]["additions"]:
                text = base64.b64decode(file["contents"]).decode()
                blob = git(repo, "hash-object", "-w", "--stdin", text=text)
                git(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},{file['path']}", env=env)
            tree = git(repo, "write-tree", env=env)
        report = f"{asked['message']['headline']}\n\n{asked['message'].get('body', '')}"
        oid = git(repo, "-c", f"user.name={BOT}", "commit-tree", tree, "-p", was, text=report)
        git(repo, "update-ref", f"refs/heads/{branch['branchName']}", oid, was)
        self.double.signed.add(oid)
        before = self.double.heads()
        self.double.sync()
        self.double.hold(before)
        return 200, {"data": {"createCommitOnBranch": {"commit": {"oid": oid}}}}

    def get_commit(self, _query, _body, sha):
        self._permitted("contents", "read")
        if git(self.double.repo(), "cat-file", "--batch-check", text=sha).endswith("missing"):
            raise Refusal(422, f"No commit found for SHA: {sha}")
        return 200, self._commit(sha)

    def _commit(self, sha: str) -> dict[str, Any]:
        author, committer, tree, parents, message, *files = _of_commit(self.double.repo(), sha)
        return {
            "sha": sha,
            "author": None if author in self.double.unknown else user(author),
            "committer": self._person(sha, committer),
            "commit": {
                "message": message,
                "tree": {"sha": tree},
                "verification": {"verified": sha in self.double.signed},
            },
            "parents": [{"sha": parent} for parent in parents.split()],
            "files": [
                {"filename": names[-1], **({"previous_filename": names[0]} if len(names) > 1 else {})}
                for names in (one.split("\t")[1:] for one in files)
            ],
        }

    # What a release asks and makes

    def pulls_of_commit(self, query, _body, sha):
        self._permitted("pull-requests", "read")
        repo, found = self.double.repo(), []
        for one in self.double.pulls:
            mine = git(repo, "rev-list", f"refs/pull/{one['number']}/head").split()
            if one["merged"] == sha or sha in mine:
                found.append(self.double.pull(one["number"]))
        return 200, self._page(found, query)

    def list_reviews(self, query, _body, number):
        self._permitted("pull-requests", "read")
        return 200, self._page(self.double.reviews[int(number)], query)

    def list_events(self, query, _body, number):
        self._permitted("pull-requests", "read")
        return 200, self._page(self.double.events.get(int(number), []), query)

    def permission(self, _query, _body, login):
        self._permitted("contents", "read")  # any token may: it is metadata
        level = self.double.rights.get(login, "write")
        return (200, {"permission": level}) if level else (404, {"message": f"{login} is not a user"})

    def list_commits(self, query, _body, number):
        self._permitted("pull-requests", "read")
        pull = next(one for one in self.double.pulls if one["number"] == int(number))
        before = pull.get("before", f"refs/heads/{pull['base']}")
        span = f"{before}..refs/pull/{number}/head"
        shas = git(self.double.repo(), "rev-list", "--reverse", span).split()
        return 200, self._page([self._commit(sha) for sha in shas], query)

    def list_releases(self, query, _body):
        self._permitted("contents", "read")
        return 200, self._page(self.double.releases, query)

    def add_release(self, _query, given):
        self._permitted("contents", "write")
        _short(given["body"], 125_000)
        if given["tag_name"] in [one["tag_name"] for one in self.double.releases]:
            raise Refusal(422, "already_exists")
        self._may_tag(given["tag_name"], given["target_commitish"])
        git(self.double.repo(), "update-ref", f"refs/tags/{given['tag_name']}", given["target_commitish"])
        key = self.double.next()
        made = {
            **given,
            "id": key,
            "assets": [],
            "html_url": f"{self.double.url}/{NAME}/releases/tag/{given['tag_name']}",
            "upload_url": f"{self.double.url.replace('127.0.0.1', 'localhost')}/assets/{key}{{?name,label}}",
        }
        self.double.releases.append(made)
        return 201, made

    def _may_tag(self, name: str, commit: str) -> None:
        """A tag on other workflows than the default branch's takes a right that no workflow can have."""
        repo, workflows = self.double.repo(), ":.github/workflows"
        there = git(repo, "for-each-ref", f"refs/tags/{name}")
        trees = {
            git(repo, "rev-parse", f"{one}{workflows}") for one in (commit, f"refs/heads/{self.double.main}")
        }
        if not there and len(trees) > 1 and "workflows" not in self.double.tokens[self._token()]:
            raise Refusal(self.double.no_tag, "Resource not accessible by integration")

    def edit_release(self, _query, given, key):
        self._permitted("contents", "write")
        found = next(one for one in self.double.releases if one["id"] == int(key))
        found.update(given)
        return 200, found

    def add_asset(self, query, body, key):
        self._permitted("contents", "write")
        found = next(one for one in self.double.releases if one["id"] == int(key))
        if query["name"] in [one["name"] for one in found["assets"]]:
            raise Refusal(422, "already_exists")
        found["assets"].append({"name": query["name"], "size": len(body)})
        return 201, found["assets"][-1]

    def _person(self, sha: str, committer: str) -> dict[str, str] | None:
        name = "web-flow" if sha in self.double.signed else committer
        return None if name in self.double.unknown else user(name)

    def pushes(self, query, _body):
        self._permitted("contents", "read")
        if self.double.activity is None:
            raise Refusal(404, "Not Found")
        found = [one for one in reversed(self.double.activity) if one["ref"] == query["ref"]]
        at, size = int(query.get("after", 0)), int(query.get("per_page", _PAGE))
        if at + size < len(found):
            there = f"{self.double.url}{urlsplit(self.path).path}"
            self._next = f'<{there}?{urlencode({**query, "after": at + size})}>; rel="next"'
        return 200, found[at : at + size]

    def matching_tags(self, _query, _body, name):
        self._permitted("contents", "read")
        report = git(self.double.repo(), "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags")
        rows = [line.split() for line in report.split("\n") if line.startswith(f"refs/tags/{name}")]
        return 200, [{"ref": ref, "object": {"sha": sha}} for ref, sha in rows]

    def _git(self, path: str, query: str, body: bytes) -> None:
        """The server that git brings, behind the token's permission for contents."""
        pushes = "git-receive-pack" in path + query
        try:
            self._permitted("contents", "write" if pushes else "read")
        except Refusal as refusal:
            self._send(refusal.status, str(refusal).encode(), **{"WWW-Authenticate": 'Basic realm="git"'})
            return
        status, headers, content = git_server.answer(
            self.double.folder, self.command, path, query, dict(self.headers.items()), body
        )
        self._send(status, content, **headers)
        if pushes:
            self.double.writes.append(("PUSH", path, 200))
            before = self.double.heads()
            self.double.sync()
            self.double.hold(before)


def _in(query: dict[str, str], one: dict[str, Any]) -> bool:
    return query.get("state", "open") in (one["state"], "all")


def _short(text: str, most: int) -> None:
    if len(text) > most:
        raise Refusal(422, f"body is too long (maximum is {most} characters)")


_REPO = rf"/api/v3/repos/{NAME}"
_ROUTES: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
    ("GET", _REPO, lambda self, *_: self.double.settings.answer("GET", f"repos/{NAME}", {})),  # metadata
    ("GET", f"{_REPO}/pulls", _Handler.list_pulls),
    ("POST", f"{_REPO}/pulls", _Handler.open_pull),
    ("GET", rf"{_REPO}/pulls/(\d+)", _Handler.get_pull),
    ("PATCH", rf"{_REPO}/pulls/(\d+)", _Handler.edit_pull),
    ("GET", f"{_REPO}/issues", _Handler.list_issues),
    ("POST", f"{_REPO}/issues", _Handler.open_issue),
    ("POST", rf"{_REPO}/issues/(\d+)/labels", _Handler.add_labels),
    ("GET", rf"{_REPO}/issues/(\d+)/comments", _Handler.list_comments),
    ("POST", rf"{_REPO}/issues/(\d+)/comments", _Handler.add_comment),
    ("PATCH", rf"{_REPO}/issues/comments/(\d+)", _Handler.edit_comment),
    ("POST", rf"{_REPO}/statuses/(\w+)", _Handler.add_status),
    ("GET", rf"{_REPO}/commits/(\w+)/status", _Handler.combined_status),
    ("GET", rf"{_REPO}/actions/runs/(\d+)", _Handler.get_run),
    ("GET", rf"{_REPO}/actions/runs/(\d+)/jobs", _Handler.list_jobs),
    ("GET", rf"{_REPO}/actions/runs/(\d+)/artifacts", _Handler.list_artifacts),
    ("GET", f"{_REPO}/actions/artifacts", _Handler.all_artifacts),
    ("GET", rf"{_REPO}/actions/artifacts/(\d+)/zip", _Handler.get_artifact),
    ("GET", rf"{_REPO}/commits/(\w{{40}})", _Handler.get_commit),
    ("GET", rf"{_REPO}/commits/(\w+)/statuses", _Handler.list_statuses),
    ("GET", rf"{_REPO}/commits/(\w+)/pulls", _Handler.pulls_of_commit),
    ("GET", rf"{_REPO}/pulls/(\d+)/reviews", _Handler.list_reviews),
    ("GET", rf"{_REPO}/issues/(\d+)/events", _Handler.list_events),
    ("GET", rf"{_REPO}/collaborators/([\w\[\]-]+)/permission", _Handler.permission),
    ("GET", rf"{_REPO}/pulls/(\d+)/commits", _Handler.list_commits),
    ("GET", f"{_REPO}/activity", _Handler.pushes),
    ("GET", f"{_REPO}/releases", _Handler.list_releases),
    ("POST", f"{_REPO}/releases", _Handler.add_release),
    ("PATCH", rf"{_REPO}/releases/(\d+)", _Handler.edit_release),
    ("POST", r"/assets/(\d+)", _Handler.add_asset),
    ("GET", rf"{_REPO}/git/matching-refs/tags/([\w.]+)", _Handler.matching_tags),
    ("POST", "/api/graphql", _Handler.graphql),
    ("POST", r"/_artifacts/(\d+)/(\d+)/([\w-]+)", _Handler.upload),
    ("GET", r"/_artifacts/(\d+)/([\w-]+)", _Handler.give),
]
