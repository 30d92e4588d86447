"""Who, what, when, why, for any day, from git alone; and what others wrote is only words."""

import re
from html.parser import HTMLParser

import pytest

from loop.base.errors import LoopError
from loop.history import audit
from loop.production import branch, log, state, transitions
from loop.repo import remote
from production.test_log import by_hand, replace
from support.states import NOW, STAGED, at, released, version

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e{{ 7*7 }}"


@pytest.fixture
def dated(clone, monkeypatch):
    """Transitions on two days: version 1; then 2 enters, goes on, and is taken back, in hostile words."""

    def on(day):
        monkeypatch.setattr(
            branch, "identity", lambda: {"GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day, **NAMES}
        )

    on("2026-01-05T09:00:00Z")
    released(version(1))
    on("2026-01-08T09:00:00Z")
    released(version(2, author=HOSTILE, verdict="equivalent"))
    on("2026-01-08T18:00:00Z")
    text = remote.message(f"Advance {HOSTILE}", f"shift 0.001\n{HOSTILE}", Verdict=HOSTILE)
    branch.change(lambda now: (transitions.advance(now.state, STAGED, NOW), text, None), lambda _: {})
    return clone


NAMES = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "a@a",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "a@a",
}


def found(since: str, until: str):
    return list(audit.days(log.transitions(state.ref()), at(since), at(until)))


def test_every_day_says_what_moved_and_what_served_when_it_ended(dated):
    seen = found("2026-01-04", "2026-01-10")
    assert [
        (f"{day.date:%d}", [transition.kind for transition in day.transitions], day.described) for day in seen
    ] == [
        ("04", [], "nothing"),
        ("05", ["release"], "version 1: 100 % (champion)"),
        ("06", [], "version 1: 100 % (champion)"),
        ("07", [], "version 1: 100 % (champion)"),
        (
            "08",
            ["release", "advance"],
            "version 1: 95 % (champion), version 2: 5 % (challenger, canary-5)",
        ),
        ("09", [], "version 1: 95 % (champion), version 2: 5 % (challenger, canary-5)"),
    ]


def test_the_page_names_who_what_when_and_why(dated, capsys):
    audit.main(None, None, None, at("2026-01-10T12:00"))
    page = (dated / audit.PAGE).read_text()
    for part in ("Ann", "2026-01-08 18:00Z", "shift 0.001", "approved by bob", "equivalent", "#7"):
        assert part in page
    output = capsys.readouterr().out
    assert "2026-01-05 09:00Z  release   version 1   Ann" in output
    assert "3 transitions, none on 4 of 6 days; then version 1: 95 %" in output


def test_what_others_wrote_is_only_words(dated, capsys):
    audit.main(None, None, None, at("2026-01-10"))
    tags = Tags()
    tags.feed((dated / audit.PAGE).read_text())
    assert not {"script", "img"} & tags.seen
    page = (dated / audit.PAGE).read_text()
    assert "&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page + capsys.readouterr().out
    assert not re.search(r"\son\w+=", re.sub(r">[^<]*<", "><", page))


class Tags(HTMLParser):
    """Names of the tags that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)


def test_who_asked_a_workflow_is_named_beside_whose_commit_it_is(dated):
    text = remote.message("Abort 2", By="dora", Approver="eve", Verdict="equivalent", Pull_request="#7")
    branch.change(lambda now: (transitions.abort(now.state, "why", NOW), text, None), lambda _: {})
    audit.main(None, None, None, at("2026-01-10"))
    page = (dated / audit.PAGE).read_text()
    assert "by <b>dora</b>" in page
    assert " of Ann</span>" in page
    assert "<dt>Approver</dt><dd>eve</dd>" in page, "for the record of the version says bob"
    assert "<dt>By</dt>" not in page
    assert "<dt>Pull-request</dt>" not in page


def test_a_day_alone_shows_its_own_moves(dated, capsys):
    audit.main(None, None, "2026-01-08", at("2026-03-01"))
    output = capsys.readouterr().out
    assert "2 transitions, none on 0 of 1 day;" in output
    audit.main(None, None, "2026-01-06", at("2026-03-01"))
    assert "0 transitions, none on 1 of 1 day; then version 1: 100 %" in capsys.readouterr().out
    assert "No transition." in (dated / audit.PAGE).read_text()
    audit.main(None, None, "2025-12-31", at("2026-03-01"))
    assert "then nothing" in capsys.readouterr().out


def test_an_edit_by_hand_is_shown_as_such_with_what_is_wrong(dated, monkeypatch, capsys):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-09T09:00:00Z")
    by_hand(dated, lambda: replace(dated / "rollout.yaml", "weight: 95", "weight: 99"), "quick fix")
    audit.main(None, None, None, at("2026-01-10"))
    page = (dated / audit.PAGE).read_text()
    assert "by hand" in capsys.readouterr().out
    assert page.count('data-transition="by hand"') == 1
    assert "add up to 104" in page
    assert "quick fix" in page


@pytest.mark.parametrize(
    ("since", "until", "day", "wrong"),
    [
        ("2026-01-09", "2026-01-09", None, "the period ends"),
        (None, "2026-01-01", None, "the period ends"),
        ("yesterday", None, None, "--since is 'yesterday'"),
        (None, None, "2026-02-30", "--day is '2026-02-30'"),
        ("2026-01-05", None, "2026-01-05", "--day beside"),
    ],
)
def test_days_that_are_none_are_refused(dated, since, until, day, wrong):
    with pytest.raises(LoopError, match=wrong):
        audit.main(since, until, day, at("2026-01-10"))
    assert not (dated / audit.PAGE).exists()


def test_before_the_first_release_there_is_nothing_to_audit(clone, capsys):
    audit.main(None, None, None, at("2026-01-10"))
    assert capsys.readouterr().out.startswith("nothing was released yet")
    assert not audit.PAGE.exists()
