"""The journal of a search: a kill at any byte of it loses one entry at most; what is no journal is named."""

import pytest

from loop.base.errors import LoopError
from loop.search import space, study
from loop.settings.search_settings import Settings

SETTINGS = Settings.model_validate(
    {
        "seed": 1,
        "trials": 3,
        "minutes": 1.0,
        "trial_minutes": 1.0,
        "folds": 2,
        "prune": False,
        "space": {"alpha": {"low": 1.0, "high": 20.0}},
    }
)


@pytest.fixture(autouse=True)
def _a_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "_name", lambda _: "abc")
    monkeypatch.setattr(space, "with_values", lambda _: None)
    monkeypatch.setattr(space, "usual", lambda *_: {"alpha": 10.0})


def tried(losses: list[float]) -> None:
    with study.opened(SETTINGS) as at_work:
        at_work.take_up()
        for loss in losses:
            number, _ = at_work.ask()
            at_work.tell(number, loss)


def known() -> list[tuple[int, str]]:
    with study.opened(SETTINGS) as at_work:
        at_work.take_up()
        return [(one.number, one.state) for one in at_work.trials()]


def test_a_kill_at_any_byte_of_the_journal_loses_its_last_trial_at_most_and_twice_too(tmp_path):
    tried([0.5, 0.4])
    journal = tmp_path / "search/abc/journal.log"
    whole = journal.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for size in range(last, len(whole), 7):
        journal.write_bytes(whole[:size])
        assert known()[0] == (0, "complete")
        tried([0.3])
        again = journal.read_bytes()
        journal.write_bytes(again[:-5])
        tried([0.2])
        assert [number for number, _ in known()] == [0, 1, 2, 3]
        assert known()[-1] == (3, "complete")


def test_the_params_as_they_are_are_tried_until_they_are_judged():
    """A kill, a hang or a fault in the very first trial is no reason to lose all others."""
    with study.opened(SETTINGS) as at_work:
        at_work.take_up()
        first, second = at_work.ask(), at_work.ask()
        at_work.tell(second[0], 0.4)  # and a kill meets the first
    for ends in (None, 0.5):
        with study.opened(SETTINGS) as at_work:
            at_work.take_up()
            assert at_work.waiting() == 1
            number, values = at_work.ask()
            assert values == first[1] == {"alpha": 10.0}
            at_work.tell(number, ends, why="" if ends else "it hangs")
    with study.opened(SETTINGS) as at_work:
        assert at_work.waiting() == 0
        assert [(one.state, one.usual) for one in at_work.trials()] == [
            ("failed", True),
            ("complete", False),
            ("failed", True),
            ("complete", True),
        ]


def test_the_params_as_they_are_keep_all_their_digits(monkeypatch):
    monkeypatch.setattr(space, "usual", lambda *_: {"alpha": 10.123456})
    with study.opened(SETTINGS) as at_work:
        assert at_work.ask()[1] == {"alpha": 10.123456}
        assert at_work.ask()[1]["alpha"] in {round(one / 100, 2) for one in range(100, 2001)}


def test_a_line_that_is_none_of_a_journal_is_named_with_the_way_on(tmp_path):
    tried([0.5])
    journal = tmp_path / "search/abc/journal.log"
    journal.write_bytes(b"hello\n" + journal.read_bytes())
    with pytest.raises(LoopError, match=r"journal\.log, line 1, is no entry") as caught:
        known()
    assert "rm -r search/abc" in caught.value.todo


def test_two_at_once_are_one_too_many():
    with study.opened(SETTINGS), pytest.raises(LoopError, match="another search runs here"):
        known()
