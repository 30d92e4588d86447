"""GitHub is asked with the token of the workflow, whatever this machine keeps for its host."""

import json

import pytest
import requests

from loop.github.client import GitHub, RefusalError

API = "https://api.github.com"


def test_a_netrc_does_not_take_the_tokens_place(tmp_path, monkeypatch):
    sent, answer = [], requests.Response()
    answer.status_code, answer._content = 200, b"{}"
    monkeypatch.setattr(requests.Session, "send", lambda _, request, **__: sent.append(request) or answer)
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    github = GitHub("https://api.example", "https://example", "team/model", "t0ken")
    github.get("pulls")
    github.post_once("pulls")
    assert [one.headers["Authorization"] for one in sent] == ["Bearer t0ken"] * 2


@pytest.fixture
def moved(monkeypatch):
    """A repository `old/name` that is `new/name` by now, seen from a clone that nobody told."""
    sent = []

    def send(_, request, **how):
        sent.append((request.method, request.url.removeprefix("https://api.github.com/"), request.body))
        answer = requests.Response()
        answer.request, answer.url, answer.raw = request, request.url, None
        answer.status_code = 200
        if "/repos/old/name" in request.url:
            answer.status_code = 301 if request.method == "GET" else send.status
            answer.headers["Location"] = request.url.replace(f"{API}/repos/old/name", send.to)
        answer._content = b'{"full_name": "new/name"}'
        if answer.is_redirect and how.get("allow_redirects"):
            return send(_, requests.Request(request.method, answer.headers["Location"]).prepare())
        return answer

    send.status, send.to = 307, f"{API}/repositories/7"
    monkeypatch.setattr(requests.Session, "send", send)
    monkeypatch.setattr("loop.repo.remote.address", lambda: "https://github.com/old/name")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    return send, sent


def test_a_repository_that_moved_is_called_by_its_new_name(moved):
    """The filter `head=OWNER:BRANCH` and runs by their repository know the new one alone."""
    github = GitHub.of_origin()
    assert github.repository == "new/name"
    github.post("issues", title="x")
    assert moved[1][-1] == ("POST", "repos/new/name/issues", json.dumps({"title": "x"}).encode())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["post", "post_once", "patch"])
def test_a_write_to_the_old_name_arrives_as_it_was_sent(moved, status, method):
    send, sent = moved
    send.status = status
    getattr(GitHub(API, "https://github.com", "old/name", "t0ken"), method)("issues/1", title="x")
    (first, old, body), second = sent
    assert old == "repos/old/name/issues/1"
    assert second == (first, "repositories/7/issues/1", body)


def test_a_write_is_sent_to_no_other_host(moved):
    send, sent = moved
    send.to = "https://elsewhere.example/repositories/7"
    with pytest.raises(RefusalError, match="307"):
        GitHub(API, "https://github.com", "old/name", "t0ken").post("issues")
    assert len(sent) == 1
