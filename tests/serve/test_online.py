"""The feature store: whole versions only, none of another definition, and never an error to a caller."""

import os
import re
import socket
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.data.features import DECIDED_AT
from loop.serve import online
from loop.serve.counters import Counters
from loop.serve.online import FRESH, MISSING, STALE, Features
from loop.serve.store import LONGEST, TIMEOUT, RedisStore, SqliteStore, open_store
from support.bounded import bounded

NOON = np.datetime64("2013-06-03T12:00", "us")
HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class View:
    name: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    ttl: pd.Timedelta
    age: str | None = None
    ahead: bool = False


PLACE = View("place", ("where",), ("heat", "rain"), pd.Timedelta(hours=2), age="place_age")
PAIR = View("pair", ("where", "number"), ("count",), pd.Timedelta(hours=5))
VIEWS = (PLACE, PAIR)


def rows(*given: tuple[View, tuple[Any, ...], np.datetime64, list[float]]) -> list[tuple[str, bytes]]:
    return [online.row(view, entity, at.astype("int64"), values) for view, entity, at, values in given]


def asked(*entities: tuple[str, int], at: np.datetime64 = NOON) -> dict[str, np.ndarray]:
    where = np.array([entity[0] for entity in entities], object)
    number = np.array([entity[1] for entity in entities], np.int64)
    return {"where": where, "number": number, DECIDED_AT: np.full(len(entities), at)}


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return SqliteStore(tmp_path, "one")
    return RedisStore(request.getfixturevalue("redis_url"), tmp_path.name)


def test_the_newest_row_of_each_entity_comes_back_to_the_bit(store):
    third, tiny = 1 / 3, 5e-324
    store.replace(
        rows(
            (PLACE, ("x",), NOON - HOUR, [third, np.nan]),
            (PLACE, ("y",), NOON, [tiny, -0.0]),
            (PAIR, ("x", 7), NOON - HOUR, [2.0]),
        ),
        "then",
    )
    found = Features(store, VIEWS).of(asked(("x", 7), ("y", 7), ("x", 8)))
    expected = [[third, np.nan, 2.0, 1.0], [tiny, -0.0, np.nan, 0.0], [third, np.nan, np.nan, 1.0]]
    assert found.numbers.tobytes() == np.array(expected).tobytes()
    assert found.states.tolist() == [[FRESH, FRESH], [FRESH, MISSING], [FRESH, MISSING]]
    assert store.as_of() == "then"


@pytest.mark.parametrize(
    ("age", "state"),
    [(0, FRESH), (120, FRESH), (120 + 1, STALE), (-1, MISSING)],
    ids=["known just now", "as old as may be", "a minute too old", "known only a minute later"],
)
def test_a_row_is_fresh_from_when_it_was_known_to_the_end_of_its_time(store, age, state):
    known_at = NOON - np.timedelta64(age, "m")
    store.replace(rows((PLACE, ("x",), known_at, [1.0, 2.0])), "then")
    found = Features(store, (PLACE,)).of(asked(("x", 1)))
    assert found.states.tolist() == [[state]]
    assert np.isnan(found.numbers).all() == (state != FRESH)


def test_a_new_version_replaces_the_old_one_whole(store):
    features = Features(store, (PLACE,))
    store.replace(rows((PLACE, ("x",), NOON, [1.0, 1.0]), (PLACE, ("y",), NOON, [1.0, 1.0])), "one")
    assert features.of(asked(("x", 1), ("y", 1))).states.tolist() == [[FRESH], [FRESH]]
    store.replace(rows((PLACE, ("x",), NOON, [2.0, 2.0])), "two")
    found = features.of(asked(("x", 1), ("y", 1)))
    assert found.numbers[0, 0] == 2.0
    assert found.states.tolist() == [[FRESH], [MISSING]]
    assert store.as_of() == "two"


def test_a_version_that_fails_half_way_changes_nothing(store):
    store.replace(rows((PLACE, ("x",), NOON, [1.0, 1.0])), "one")

    def half() -> Any:
        yield rows((PLACE, ("x",), NOON, [2.0, 2.0]))[0]
        raise RuntimeError("the source went away")

    with pytest.raises(RuntimeError):
        store.replace(half(), "two")
    assert Features(store, (PLACE,)).of(asked(("x", 1))).numbers[0, 0] == 1.0
    assert store.as_of() == "one"


def test_a_read_that_fails_once_is_made_again(tmp_path):
    store = SqliteStore(tmp_path, "one")
    store.replace(rows((PLACE, ("x",), NOON, [1.0, 1.0])), "then")
    features = Features(store, (PLACE,))
    store._open()
    good = store._reader

    class Broken:
        def execute(self, *_: Any) -> Any:
            raise OSError("disk I/O error")

    store._reader = Broken()
    assert features.of(asked(("x", 1))).failed
    store._reader = good
    features._rest_until = 0.0
    assert features.of(asked(("x", 1))).states.tolist() == [[FRESH]]


BAD = {
    "a text": "text",
    "a number": 7,
    "too short": b"1234",
    "empty": b"",
    "so large that it is not read": bytes(2**20),
    "too long": bytes(100),
    "infinite": online.row(PLACE, ("x",), int(NOON.astype("int64")), [1.0, -np.inf])[1],
    "a text that is none": memoryview(b"\xff\xfe"),
}


@pytest.mark.parametrize("rows_asked", [1, online.FEW + 5])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_row_is_missing_by_itself_and_said_once(tmp_path, bad, rows_asked, caplog):
    store = SqliteStore(tmp_path, "one")
    good = rows((PLACE, ("y",), NOON, [2.0, 3.0]), (PAIR, ("x", 7), NOON, [5.0]))
    store.replace([*good, (online.row(PLACE, ("x",), 0, [])[0], bad)], "then")
    if isinstance(bad, memoryview):
        with sqlite3.connect(store.path) as writer:
            writer.execute("UPDATE online SET value = CAST(value AS TEXT) WHERE value = ?", (bad,))
    features = Features(store, VIEWS)
    for _ in range(3):
        found = features.of(asked(*[("x", 7), ("y", 7)] * rows_asked))
        assert found.states[:2].tolist() == [[MISSING, FRESH], [FRESH, MISSING]]
        assert found.numbers[0, 2] == 5.0
        assert found.numbers[1, :2].tolist() == [2.0, 3.0]
        assert not found.failed
        assert not features.failing
    assert len(caplog.records) == 1


@pytest.mark.parametrize("bad", [b"\xff\xfe", 7, 7.5, None, "2013-06-03", b"never"])
def test_a_store_that_does_not_say_of_when_it_is_still_gives_its_rows(tmp_path, bad):
    store = SqliteStore(tmp_path, "one")
    store.replace(rows((PLACE, ("x",), NOON, [2.0, 3.0])), "then")
    with sqlite3.connect(store.path) as writer:
        writer.execute("UPDATE online SET value = ? WHERE key = ''", (bad,))
    features, about = Features(store, (PLACE,)), dict.fromkeys(("version", "commit", "engine"), "x")
    noted = Counters(about, "champion")
    noted.begin(["place"], [], [])
    noted.filled(features.as_of())
    assert b"loop_features_as_of_timestamp_seconds 0" in noted.text()
    assert features.of(asked(("x", 7))).states.tolist() == [[FRESH]]


def test_a_model_without_views_has_no_age_of_features_and_every_server_tells_its_time():
    noted = Counters(dict.fromkeys(("version", "commit", "engine"), "x"), "champion")
    noted.begin([], [], [])
    noted.filled(None)
    text = noted.text().decode()
    assert "loop_features_as_of" not in text
    told = float(re.search(r"^loop_clock_timestamp_seconds (\S+)$", text, re.MULTILINE)[1])
    assert told > 1.7e9


@pytest.mark.parametrize("rows_asked", [1, online.FEW + 5])
def test_a_row_that_is_too_long_does_not_make_up_for_one_that_is_too_short(tmp_path, rows_asked):
    store = SqliteStore(tmp_path, "one")
    (key, whole), *good = rows(*[(PLACE, (name,), NOON, [2.0, 3.0]) for name in "xyz"])
    store.replace([(key, whole[:-8]), (good[0][0], whole + whole[-8:]), good[1]], "then")
    found = Features(store, (PLACE,)).of(asked(*[("x", 7), ("y", 7), ("z", 7)] * rows_asked))
    assert found.states.tolist() == [[MISSING], [MISSING], [FRESH]] * rows_asked
    assert found.numbers[2, :2].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("rows_asked", [1, online.FEW + 5])
def test_a_row_of_before_all_time_is_stale(tmp_path, rows_asked):
    store = SqliteStore(tmp_path, "one")
    store.replace([online.row(PLACE, ("x",), online.NEVER + 1, [1.0, 1.0])], "then")
    found = Features(store, (PLACE,)).of(asked(*[("x", 7)] * rows_asked))
    assert found.states.tolist() == [[STALE]] * rows_asked


ENDLESS = {
    "a pipe": "",
    "a view that counts": "CREATE VIEW online AS WITH RECURSIVE n(key, value) AS"
    " (SELECT 'a', 1 UNION ALL SELECT 'a', value + 1 FROM n) SELECT * FROM n",
    "a view that makes a huge row": "CREATE VIEW online AS SELECT"
    f" '{online.row(PLACE, ('x',), 0, [])[0]}' AS key, hex(zeroblob(50000000)) AS value",
    "a view whose one step has no end": "CREATE VIEW online AS SELECT"
    f" '{online.row(PLACE, ('x',), 0, [])[0]}' AS key,"
    " instr(hex(zeroblob(30000000)), hex(zeroblob(500000)) || 1) AS value",
}


@pytest.mark.parametrize("how", ENDLESS)
def test_a_file_that_never_answers_makes_all_missing(tmp_path, how, monkeypatch):
    monkeypatch.setattr("loop.serve.store.READ_MAX", 0.05)
    store = SqliteStore(tmp_path, "one")
    if how == "a pipe":
        os.mkfifo(store.path)
    else:
        with sqlite3.connect(store.path) as writer:
            writer.executescript(ENDLESS[how])

    def answered() -> tuple[bool, list[list[int]]]:
        found = Features(store, VIEWS).of(asked(("x", 7)))
        return found.failed, found.states.tolist()

    failed, states = bounded(answered)
    assert failed
    assert states == [[MISSING, MISSING]]


def test_a_file_that_was_cut_short_is_said_and_not_read_as_an_empty_one(tmp_path, caplog):
    store = SqliteStore(tmp_path, "one")
    store.replace(rows((PLACE, ("x",), NOON, [1.0, 1.0])), "then")
    os.truncate(store.path, store.path.stat().st_size - 1000)
    assert Features(store, (PLACE,)).of(asked(("x", 7))).failed
    assert "was cut short" in caplog.text


def test_another_definition_sees_nothing_of_it(tmp_path):
    SqliteStore(tmp_path, "one").replace(rows((PLACE, ("x",), NOON, [1.0, 1.0])), "then")
    other = SqliteStore(tmp_path, "another")
    assert other.as_of() is None
    assert Features(other, (PLACE,)).of(asked(("x", 1))).states.tolist() == [[MISSING]]


def test_a_store_that_does_not_answer_makes_all_missing_and_is_left_in_peace_for_a_moment(caplog):
    class Broken:
        asked = 0

        def get(self, keys: Any) -> Any:
            self.asked += 1
            raise ConnectionError("no route to host")

        as_of = get

    features = Features(Broken(), VIEWS)
    for _ in range(5):
        found = features.of(asked(("x", 1)))
        assert found.failed
        assert found.states.tolist() == [[MISSING, MISSING]]
    assert features._store.asked == 1
    assert len(caplog.records) == 1


def test_a_redis_that_answers_drop_by_drop_is_a_store_that_failed():
    """Each drop comes before the socket's own timeout, and the answer never ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    caller, _ = server.accept()
                    with caller:
                        caller.sendall(b"+")
                        while not ended.wait(TIMEOUT / 4):
                            caller.sendall(b"x")

        threading.Thread(target=drip, daemon=True).start()
        features = Features(RedisStore(f"redis://127.0.0.1:{server.getsockname()[1]}/0", "one"), VIEWS)
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(features.of(asked(("x", 7)))), daemon=True)
        asking.start()
        asking.join(60)
        ended.set()
    assert [one.failed for one in answers] == [True]
    assert answers[0].states.tolist() == [[MISSING, MISSING]]


def test_a_row_too_long_to_come_in_time_is_missing_and_takes_the_others_from_nobody_for_long(
    redis_url, tmp_path, monkeypatch
):
    store = RedisStore(redis_url, tmp_path.name)
    long = online.row(PLACE, ("x",), 0, [])[0]
    store.replace([(long, bytes(LONGEST + 1)), *rows((PLACE, ("y",), NOON, [2.0, 3.0]))], "then")
    read = store._client.hmget

    def slow(name: str, keys: list[str]) -> Any:
        if long in keys:
            raise TimeoutError("no whole answer within 0.3 s")
        return read(name, keys)

    monkeypatch.setattr(store._client, "hmget", slow)
    features = Features(store, (PLACE,))
    assert features.of(asked(("x", 7), ("y", 7))).failed
    features._rest_until = 0.0
    found = features.of(asked(("x", 7), ("y", 7)))
    assert not found.failed
    assert found.states.tolist() == [[MISSING], [FRESH]]
    assert features.of(asked(("x", 7))).states.tolist() == [[MISSING]]


def test_many_requests_are_asked_of_the_store_at_once(store):
    given = [(PAIR, ("x", number), NOON, [float(number)]) for number in range(1500)]
    store.replace(rows(*given), "then")
    found = Features(store, (PAIR,)).of(asked(*(("x", number) for number in range(1500))))
    assert found.numbers[:, 0].tolist() == list(range(1500))


def test_a_problem_without_views_needs_no_store():
    found = Features(None, ()).of(asked(("x", 1)))
    assert found.numbers.shape == (1, 0)


def test_a_store_of_an_unknown_kind_is_refused():
    with pytest.raises(LoopError, match="LOOP_FEATURES is postgres"):
        open_store("postgres://host/db")


def test_a_url_of_redis_is_redis():
    assert isinstance(open_store("redis://localhost:1/0"), RedisStore)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y", "z"]),
            st.integers(1, 3),
            st.integers(-600, 600),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_few_rows_and_many_are_looked_up_alike(given):
    """The same numbers and states, to the bit, by either of the two ways that there are."""
    stored = rows(
        (PLACE, ("x",), NOON, [1 / 3, np.nan]),
        (PLACE, ("y",), NOON + HOUR, [-0.0, 5e-324]),
        (PAIR, ("x", 1), NOON - HOUR, [7.0]),
        (PAIR, ("y", 2), NOON, [1e308]),
    )

    class Kept:
        def get(self, keys):
            return [dict(stored).get(key) for key in keys]

    features = Features(Kept(), VIEWS)
    where, number, minutes = (list(values) for values in zip(*given, strict=True))
    requests = asked(*zip(where, number, strict=True))
    requests[DECIDED_AT] = NOON + np.array(minutes, "timedelta64[m]")
    keys = online._keys(VIEWS, requests)
    decided_at = requests[DECIDED_AT].view(np.int64)
    kept = Kept().get(keys)
    few, many = features._few(kept, decided_at), features._many(kept, decided_at)
    assert few[0].tobytes() == many[0].tobytes()
    assert few[1].tolist() == many[1].tolist()
    assert features.of(requests).numbers.tobytes() == many[0].tobytes()
