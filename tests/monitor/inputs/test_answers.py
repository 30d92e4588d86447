"""What the champion answered, from the prediction log that `loop collect` made, or in batch."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.base.errors import LoopError
from loop.data import kpi, personal
from loop.monitor.inputs import answers
from loop.serve import collect
from loop.serve.log_writer import line
from problem import metrics, schema, source
from support.monitor_case import NOW, Model

ASKED = schema.REQUEST_EXAMPLES[0]
FROM = NOW - pd.Timedelta(days=20)
HEAD = {
    "version": "1",
    "commit": Model().commit,
    "role": "champion",
    "threshold": 0.5,
    "features": ["a", "b"],
}
AT = (NOW - pd.Timedelta(days=10)).to_pydatetime()


def key(number: int) -> dict:
    """An entity: the number in every column of the key, as a number or as a text."""
    return {name: number if isinstance(ASKED[name], int) else f"{number}" for name in source.KEY}


KNOWN = pd.DataFrame([key(number) for number in range(10)])  # the requests of the source


def answer(number: int, score: float = 0.25, *, minutes: int = 0, features=(1.5, np.nan), **changed) -> bytes:
    """A line of the log: the contract's own example, with its key counted up."""
    at = AT + timedelta(minutes=minutes)
    asked = ASKED | key(number) | {"decided_at": at.isoformat()} | changed
    kept = {name: value for name, value in asked.items() if value is not ...}
    body = json.dumps([kept]).encode()
    return line(f"{number}-{minutes}", at, body, np.array([features]), [score], 1.0, many=False)


def collected(folder, *lines: bytes, **head):
    """A folder as `loop collect` leaves it."""
    (folder / "log").mkdir(parents=True, exist_ok=True)
    name = f"20130621T000000-{len(list((folder / 'log').iterdir()))}-{abs(hash(str(head)))}.jsonl"
    (folder / "log" / name).write_bytes(b"\n".join([json.dumps(HEAD | head).encode(), b"".join(lines)]))
    return folder


def read(*folders):
    for folder in folders:
        collect.collect(folder, NOW, 400)
    found = answers.of_log(folders, Model(), FROM, NOW, KNOWN)
    return found.rows, found.again


def test_a_row_is_an_answer_with_its_request_its_features_and_its_score(tmp_path):
    rows, again = read(collected(tmp_path, answer(1, 0.25), answer(2, 0.75)))
    assert again == 0
    assert rows["score"].tolist() == [0.25, 0.75]
    assert rows["decision"].tolist() == [False, True]
    assert rows["a"].tolist() == [1.5, 1.5]
    assert set(schema.REQUEST.columns) <= set(rows.columns)
    assert str(rows["decided_at"].dtype) == "datetime64[us, UTC]"


def test_a_feature_that_no_answer_had_is_no_column_and_one_that_some_had_is_missing_in_others(tmp_path):
    rows, _ = read(
        collected(tmp_path, answer(1, features=(np.nan, np.nan)), answer(2, features=(2.0, np.nan)))
    )
    assert rows["a"].isna().tolist() == [True, False]
    assert "b" not in rows


@pytest.mark.parametrize("head", [{"role": "shadow"}, {"role": "challenger"}, {"commit": "d" * 40}])
def test_only_the_champions_own_answers_count(tmp_path, head):
    rows, _ = read(collected(tmp_path / "x", answer(1)), collected(tmp_path / "y", answer(2), **head))
    assert len(rows) == 1
    rows, _ = read(collected(tmp_path / "z", answer(2), **head))
    assert rows.empty


def test_a_key_that_was_asked_again_counts_once_by_its_first_answer(tmp_path):
    rows, again = read(collected(tmp_path, answer(1, 0.9, minutes=9), answer(1, 0.1), answer(2, 0.5)))
    assert (rows["score"].tolist(), again) == ([0.1, 0.5], 1)


def test_where_outcomes_are_asked_for_a_row_has_the_id_of_its_request(tmp_path, monkeypatch):
    """One that two requests have names neither."""
    twice = answer(3, minutes=9).replace(b'"3-9"', b'"2-0"')
    folder = collected(tmp_path, answer(1), answer(2), twice)
    assert kpi.ID not in read(folder)[0]
    monkeypatch.setattr(metrics, "KPI", object(), raising=False)
    assert read(folder)[0][kpi.ID].tolist() == ["1-0", kpi.SHARED, kpi.SHARED]


def test_answers_from_before_the_watch_or_after_now_are_left_out(tmp_path):
    old, new = (int(timedelta(days=days).total_seconds() / 60) for days in (-15, 11))
    rows, _ = read(collected(tmp_path, answer(1, minutes=old), answer(2), answer(3, minutes=new)))
    assert len(rows) == 1


def test_an_answer_to_a_request_of_long_ago_is_no_answer_of_that_day(tmp_path):
    old = (AT - timedelta(days=9)).isoformat()
    collect.collect(collected(tmp_path, answer(1), answer(2, decided_at=old)), NOW, 400)
    found = answers.of_log([tmp_path], Model(), FROM, NOW, KNOWN)
    assert (len(found.rows), found.late, found.since) == (1, 1, pd.Timestamp(AT))


def test_a_personal_number_that_the_log_hashed_is_left_out(tmp_path, monkeypatch):
    name = next(n for n, c in schema.REQUEST.columns.items() if "int" in str(c.dtype) and n not in source.KEY)
    monkeypatch.setattr(personal, "marks", lambda: {name: "hash"})
    rows, _ = read(collected(tmp_path, answer(1, **{name: "ab" * 32})))
    assert len(rows) == 1
    assert name not in rows


def test_without_a_log_there_is_none(tmp_path):
    assert read(tmp_path / "nowhere")[0].empty
    assert answers.of_log([], Model(), FROM, NOW, KNOWN).rows.empty


def test_a_column_that_the_log_drops_as_personal_is_missing(tmp_path):
    (name,) = [name for name in schema.REQUEST.columns if name not in (*source.KEY, "decided_at")][:1]
    rows, _ = read(collected(tmp_path, answer(1, **{name: ...})))
    assert len(rows) == 1
    assert name not in rows


def test_a_log_that_hides_the_key_is_left_aside_because_no_label_would_find_its_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(personal, "marks", lambda: {source.KEY[0]: "drop"})
    collect.collect(collected(tmp_path, answer(1)), NOW, 400)
    found = answers.of_log([tmp_path], Model(), FROM, NOW, KNOWN)
    assert found.rows.empty
    assert "part of KEY" in found.hidden


def test_a_key_that_the_log_has_hashed_is_named_again_by_the_source(tmp_path, monkeypatch):
    """The rows are the same as those of a log that hides nothing, but for a key that the source lacks."""
    plain, _ = read(collected(tmp_path / "plain", answer(1), answer(2)))
    name = next(name for name in source.KEY if isinstance(ASKED[name], str))
    monkeypatch.setattr(personal, "marks", lambda: {name: "hash"})
    monkeypatch.setenv("LOOP_PERSONAL_KEY", "the secret of a test")
    hashed = personal.Personal(personal.marks(), b"the secret of a test").hashed
    hidden = [answer(number, **{name: hashed(f"{number}")}) for number in (1, 2, 999)]
    rows, _ = read(collected(tmp_path / "hidden", *hidden))
    pd.testing.assert_frame_equal(rows, plain)


def test_a_log_that_was_cut_in_mid_line_loses_that_line_alone(tmp_path):
    collected(tmp_path, answer(1), answer(2), answer(3)[:-40])
    rows, _ = read(tmp_path)
    assert len(rows) == 2
    assert list((tmp_path / "rejected").iterdir())


def test_a_day_that_was_cut_short_is_an_error_that_names_the_file(tmp_path):
    read(collected(tmp_path, answer(1), answer(2)))
    (day,) = (tmp_path / "days").iterdir()
    day.write_bytes(day.read_bytes()[:-100])
    with pytest.raises(LoopError, match=day.name):
        answers.of_log([tmp_path], Model(), FROM, NOW, KNOWN)


@pytest.mark.parametrize("request_", ["no JSON", "[1]", '{"decided_at": "yesterday"}'])
def test_a_request_that_cannot_be_read_is_an_error(tmp_path, request_):
    read(collected(tmp_path, answer(1)))
    (day,) = (tmp_path / "days").iterdir()
    table = pq.read_table(day)
    place = table.schema.get_field_index("request")
    pq.write_table(table.set_column(place, "request", pa.array([request_])), day)
    with pytest.raises(LoopError, match="request that cannot be read"):
        answers.of_log([tmp_path], Model(), FROM, NOW, KNOWN)


# In batch


def test_in_batch_the_champion_scores_every_request_of_the_feed():
    rows = answers.in_batch(Model(), pd.DataFrame({"x": [0.1, 0.9]}), 0.5)
    assert rows["score"].tolist() == [0.1, 0.9]
    assert rows["decision"].tolist() == ["no", "yes"]


def test_without_rows_nobody_is_asked():
    rows = answers.in_batch(Model(scored=None), pd.DataFrame({"x": []}), 0.5)
    assert rows["score"].tolist() == []


def test_without_a_threshold_there_is_no_decision():
    rows = answers.with_decision(pd.DataFrame({"score": [0.9], "decision": [None]}), None)
    assert list(rows) == ["score"]
