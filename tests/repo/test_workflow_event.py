import json

import pytest

from loop.repo import workflow_event

HOME = {"full_name": "team/model"}


def pull(repo):
    return {"repository": HOME, "pull_request": {"head": {"repo": repo}}}


@pytest.mark.parametrize(
    ("event", "fork"),
    [
        (pull(HOME), False),
        (pull({"full_name": "stranger/model"}), True),
        (pull(None), True),  # it was deleted
        ({"repository": HOME, "merge_group": {}}, False),
        ([], False),
        ("{", False),
    ],
)
def test_a_pull_request_of_another_repository_is_a_forks(tmp_path, monkeypatch, event, fork):
    path = tmp_path / "event.json"
    path.write_text(event if isinstance(event, str) else json.dumps(event))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    assert workflow_event.of_fork() is fork
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert workflow_event.of_fork() is False
