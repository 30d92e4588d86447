"""After a transition the host that serves and MLflow follow; what they meet undoes nothing."""

import pytest

from loop.base.errors import LoopError
from loop.deploy import deploy
from loop.history import registry
from loop.production import state
from loop.rollout import follow


@pytest.fixture
def report(monkeypatch) -> list[str]:
    """What was asked to follow, in order."""
    report: list[str] = []
    monkeypatch.setattr(registry, "follow", lambda _: report.append("registry"))
    monkeypatch.setattr(deploy, "main", lambda *_, **__: report.append("host"))
    return report


@pytest.mark.parametrize(("serves", "expected"), [(True, ["host", "registry"]), (False, ["registry"])])
def test_only_a_checkout_that_serves_is_deployed_and_it_comes_first(monkeypatch, report, serves, expected):
    monkeypatch.setattr(deploy, "serves", lambda: serves)
    follow.follow(state.read(None))
    assert report == expected


def test_a_host_that_cannot_follow_is_reported_and_the_registry_still_does(monkeypatch, report, capsys):
    def fails(*_, **__):
        raise LoopError("another deploy is at work here", "one at a time", "wait")

    monkeypatch.setattr(deploy, "serves", lambda: True)
    monkeypatch.setattr(deploy, "main", fails)
    follow.follow(state.read(None))
    assert (
        "does not follow yet: another deploy is at work here; `loop deploy` fixes it"
        in capsys.readouterr().out
    )
    assert report == ["registry"]


def test_where_nothing_was_deployed_nothing_serves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not deploy.serves()
