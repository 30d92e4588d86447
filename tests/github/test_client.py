"""GitHub is asked with the token of the workflow, whatever this machine keeps for its host."""

import requests

from loop.github.client import GitHub


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
