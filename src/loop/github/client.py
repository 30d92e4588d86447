"""GitHub's REST and GraphQL for one repository: retried, capped, and refused in plain text."""

import os
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from loop.base.errors import LoopError
from loop.repo import remote

RETRIED = (403, 429, 500, 502, 503, 504)  # 403 is also how GitHub says "too fast"
TIMEOUT = 30  # seconds, to connect and between bytes
BOT = "github-actions[bot]"  # who acts with a workflow's own token
HEADLINE = "Bring dvc.lock and metrics up to date"  # of the commit of results, which that bot makes
_NEEDED = ("GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")


class RefusalError(LoopError):
    """GitHub's answer that is no success, by its number: 403 and 404 are how it says "you may not"."""

    def __init__(self, status: int, *told: str) -> None:
        super().__init__(*told)
        self.status = status


class GitHub:
    """One repository (`owner/name`) as seen with one token."""

    def __init__(self, api: str, server: str, repository: str, token: str) -> None:
        self.api, self.server, self.repository, self.token = api.rstrip("/"), server, repository, token
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/vnd.github+json"
        self._session.auth = self._signed  # a header alone gives way to a ~/.netrc
        self._session.headers["X-GitHub-Api-Version"] = "2022-11-28"
        retry = Retry(
            total=3,
            status_forcelist=RETRIED,
            allowed_methods=None,  # a status or a commit on an expected head may be sent twice
            backoff_factor=1,  # seconds, doubled each time
            raise_on_status=False,
            raise_on_redirect=False,
        )
        self._session.mount("https://", HTTPAdapter(max_retries=retry))
        self._session.mount("http://", HTTPAdapter(max_retries=retry))

    @classmethod
    def of_this_run(cls) -> "GitHub":
        """The repository of the workflow that runs. Raises LoopError outside of one."""
        missing = ", ".join(name for name in _NEEDED if not os.environ.get(name))
        if missing:
            raise LoopError(
                f"not in a workflow: {missing} not set",
                "the variables that GitHub Actions sets, and GITHUB_TOKEN in the step's env",
                "let the workflow run it whose command this is, in .github/workflows",
            )
        api, server, repository, token = (os.environ[name] for name in _NEEDED)
        return cls(api, server, repository, token)

    @staticmethod
    def known() -> bool:
        """Whether there is a repository to ask: `origin`, by its address, or that of a workflow."""
        return remote.address() is not None or all(os.environ.get(name) for name in _NEEDED)

    @classmethod
    def of_origin(cls) -> "GitHub":
        """The repository that `origin` is, as a person or host sees it. Raises LoopError without a token."""
        if all(os.environ.get(name) for name in _NEEDED):
            return cls.of_this_run()
        token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN")
        address = remote.address()
        if not token or address is None:
            raise LoopError(
                "GitHub cannot be asked: "
                + ("origin is no repository there" if token else "there is no token"),
                "GITHUB_TOKEN, a token that may read actions, contents and pull requests of this repository",
                "set it in the environment: `GITHUB_TOKEN=$(gh auth token)` on a laptop, a fine-grained "
                "token on a host (docs/deploy.md)",
            )
        server, repository = address.rsplit("/", 2)[0], "/".join(address.rsplit("/", 2)[1:])
        public = server == "https://github.com"
        found = cls("https://api.github.com" if public else f"{server}/api/v3", server, repository, token)
        found.repository = str(found.get("")["full_name"])  # another one after a move
        return found

    def get(self, path: str, **query: Any) -> Any:
        """What `repos/OWNER/NAME/path` answers, or the repository itself."""
        return self._json("GET", path, params=query)

    def pages(self, path: str, key: str = "", **query: Any) -> Iterator[Any]:
        """Every item of a list, from all its pages; of `key` where the answer wraps the list."""
        page = 1
        while True:
            answer = self.get(path, per_page=100, page=page, **query)
            items = answer[key] if key else answer
            yield from items
            if len(items) < 100:
                return
            page += 1

    def linked(self, path: str, **query: Any) -> Iterator[Any]:
        """Every item of a list whose pages have no numbers: each names the next."""
        url, asked = f"{self.api}/repos/{self.repository}/{path}", {"per_page": 100, **query}
        while url:
            answer = self._ask("GET", url, params=asked)
            yield from _read(answer)
            url, asked = answer.links.get("next", {}).get("url", ""), {}

    def post(self, path: str, **body: Any) -> Any:
        """Make something."""
        return self._json("POST", path, json=body)

    def post_once(self, path: str, **body: Any) -> Any:
        """Make something that must not be there twice: one try, whose answer may be lost."""
        return self._once(f"{self.api}/repos/{self.repository}/{path}", json=body)

    def patch(self, path: str, **body: Any) -> Any:
        """Change something."""
        return self._json("PATCH", path, json=body)

    def upload(self, url: str, content: bytes, **query: str) -> Any:
        """Bring a file to an address that GitHub gave for it (`upload_url`), once."""
        kind = {"Content-Type": "application/octet-stream"}
        return self._once(url.partition("{")[0], params=query, data=content, headers=kind)

    def graphql(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query. Raises LoopError with GitHub's first error."""
        url = f"{self.api.removesuffix('/v3')}/graphql"  # github.com: /graphql; Enterprise: /api/graphql
        answer = _read(self._ask("POST", url, json={"query": query, "variables": variables}))
        if answer.get("errors"):
            raise _refused("POST", "graphql", 200, answer["errors"][0].get("message", ""))
        return answer["data"]

    def download(self, url: str, most: int) -> bytes:
        """The bytes behind an address of the API, `most` of them at most; redirects go without the token."""
        parts, size = [], 0
        try:
            with self._ask("GET", url, stream=True) as answer:
                for part in answer.iter_content(65_536):
                    size += len(part)
                    if size > most:
                        raise LoopError(
                            f"a download of more than {most:,} bytes",
                            "a small one",
                            "look at the run that made it",
                        )
                    parts.append(part)
        except requests.RequestException as error:
            raise _silent("GET", url, error) from None
        return b"".join(parts)

    def _signed(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _once(self, url: str, **how: Any) -> Any:
        with requests.Session() as session:  # without the retries of the other
            session.headers.update(self._session.headers)
            session.auth = self._signed
            return _read(self._ask("POST", url, session, **how))

    def _json(self, method: str, path: str, **how: Any) -> Any:
        return _read(self._ask(method, f"{self.api}/repos/{self.repository}/{path}".rstrip("/"), **how))

    def _ask(
        self, method: str, url: str, session: requests.Session | None = None, **how: Any
    ) -> requests.Response:
        path = url.removeprefix(self.api)
        how |= {"timeout": TIMEOUT, "allow_redirects": method == "GET"}
        try:
            answer = (session or self._session).request(method, url, **how)
            moved = answer.headers.get("Location", "") if answer.is_redirect else ""
            if moved.startswith(f"{self.api}/"):  # a repository that moved: requests would ask it by GET
                answer = (session or self._session).request(method, moved, **how)
        except requests.RequestException as error:
            raise _silent(method, path, error) from None
        if not answer.ok or answer.is_redirect:
            raise _refused(method, path, answer.status_code, _message(answer))
        return answer


def _read(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        what = f"GitHub answered {answer.status_code} with what is no JSON"
        raise LoopError(what, "JSON", "run it again; https://www.githubstatus.com") from None


def _silent(method: str, path: str, error: Exception) -> LoopError:
    return LoopError(
        f"GitHub does not answer {method} {path}: {type(error).__name__}", "an answer", "run it again"
    )


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        return ""


def _refused(method: str, path: str, status: int, message: str) -> RefusalError:
    todo = {
        401: "give the step a token: GITHUB_TOKEN: ${{ github.token }}",
        403: "give the job the permission that this needs, or the repository the setting (`loop doctor`)",
    }.get(status, "run it again; https://www.githubstatus.com says whether GitHub is well")
    found = f"GitHub refused {method} {path}: {status} {message}".rstrip()
    return RefusalError(status, found, "an answer of 2xx", todo)
