"""What an issue says of a version that does not come out again."""

from loop.history import reproduce

HOSTILE = "<img src=x> [a](http://evil.example) @team | `x`\n## head"


def test_words_of_a_lock_are_only_words_in_the_issue(monkeypatch):
    bodies = []
    monkeypatch.setattr(reproduce.issue, "here", lambda: "github")
    monkeypatch.setattr(reproduce.issue, "open_once", lambda github, title, body: bodies.append(body))
    rows = [reproduce.Row(HOSTILE, HOSTILE, "a" * 32, "b" * 32), reproduce.Row("train", "m", "c", "d")]
    reproduce._open_issue("version 3", "c" * 40, rows, HOSTILE)
    (body,) = bodies
    table = [line for line in body.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert {line.count("|") for line in table} == {6}
    assert not [line for line in body.splitlines() if line.startswith("#")]
    why = body.splitlines()[0]
    assert not [part for part in ("<img", "](http:", "@team") if part in why]
