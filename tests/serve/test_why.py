"""Why a request got its score: what the server itself would have said, from the record alone."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.data import personal
from loop.serve import collect, find, why
from loop.serve.log_writer import SEGMENTS
from support.http_client import EXAMPLE

BARE = {"X_Request_Id": "why-bare"}


@pytest.fixture
def log(client, place, finished, monkeypatch, tmp_path) -> Path:
    """A copy of the log, in which a request waits that was explained when it was asked, and a list of two."""
    monkeypatch.chdir(finished.path)
    client.answer = client.predict(EXAMPLE, "/predict?explain=true", X_Request_Id="why-1").json
    client.predict([EXAMPLE, EXAMPLE], X_Request_Id="why-2")
    for _ in range(40):
        if any(b'"why-2"' in path.read_bytes() for path in (place.predictions / SEGMENTS).glob("*")):
            break
        time.sleep(0.25)
    shutil.copytree(place.predictions, tmp_path / "log")
    monkeypatch.setenv("LOOP_PREDICTIONS", str(tmp_path / "log"))
    return tmp_path / "log"


def brief(record) -> str:
    return f"request {record['id']}"


@pytest.mark.parametrize("collected", [False, True], ids=["waiting", "collected"])
def test_it_equals_the_servers_own_explanation(client, log, collected):
    if collected:
        collect.collect(log, pd.Timestamp.now("UTC"), 400)
    (record,) = find.find("why-1")
    found, answer = why.explained(record), client.answer
    assert found["score"] == pytest.approx(answer["score"], abs=1e-9)
    assert found["base"] == pytest.approx(answer["base"], abs=1e-9)
    assert found["contributions"].keys() == answer["contributions"].keys()
    for name, added in answer["contributions"].items():
        assert found["contributions"][name] == pytest.approx(added, abs=1e-9)
    total = found["base"] + sum(found["contributions"].values())
    assert total == pytest.approx(record["score"], abs=1e-9), "it adds up to the score"


def test_what_is_found_waiting_is_what_is_found_collected(log):
    waiting = find.find("why-1")
    collect.collect(log, pd.Timestamp.now("UTC"), 400)
    assert find.find("why-1") == waiting


def test_one_of_a_list_is_found_by_its_own_id_and_the_list_says_so(log):
    assert [row["id"] for row in find.find("why-2/1")] == ["why-2/1"]
    with pytest.raises(LoopError, match="was a list") as error:
        find.find("why-2")
    assert "why-2/0 to why-2/1" in str(error.value)


def test_champion_and_shadow_of_one_request_are_both_found_each_once(log):
    segment = next((log / SEGMENTS).iterdir())
    text = segment.read_text()
    segment.with_name("20990101T000000Z-shadow.jsonl").write_text(
        text.replace('"role":"champion"', '"role":"shadow"')
    )
    segment.with_name("20990101T000000Z-again.jsonl").write_text(text)
    assert sorted(row["role"] for row in find.find("why-1")) == ["champion", "shadow"]


def test_an_id_that_is_not_on_record_says_where_and_how_far_back(log):
    with pytest.raises(LoopError, match=r"no prediction 'nobody' .*: the log in .*log goes back to 20"):
        find.find("nobody")
    with pytest.raises(LoopError, match="is empty") as error:
        find.find("nobody", log / "elsewhere")
    assert error.value.todo.startswith("`make serve`"), "there is no answer to ask for yet"


def test_a_day_that_is_no_parquet_is_named(log):
    (log / "days").mkdir(exist_ok=True)
    (log / "days/2026-01-01.parquet").write_bytes(b"torn")
    with pytest.raises(LoopError, match="days cannot be read"):
        find.find("why-1")


def test_the_words_name_score_threshold_top_features_and_what_was_not_known(log):
    (record,) = find.find("why-1")
    blind = record | {"features": []}
    output = why.main("why-1", brief)
    assert output.startswith("request why-1\nwhy       ")
    found = why.explained(record)
    first = next(iter(found["contributions"]))
    assert first in output.splitlines()[2]
    assert "the threshold" in output
    assert "unseen" not in output
    found = why.explained(blind)
    report = why._text(blind, found)
    assert report.count("unseen    nothing was known of view") == len(found["unseen"]) > 0
    assert "note      the model scores the record" in report, "for the record was changed"


def test_what_is_personal_is_never_asked_for(log, model, monkeypatch):
    (record,) = find.find("why-1")
    name = next(name for name, value in EXAMPLE.items() if isinstance(value, int))
    monkeypatch.setattr(personal, "marks", lambda: {name: "hash"})
    request = json.loads(record["request"]) | {name: "9f" * 32}
    columns = why.columns_of(why._plain(record | {"request": json.dumps(request)}), model)
    np.testing.assert_array_equal(columns[name], model.reference.columns[name][:1])


def test_a_model_that_is_not_here_and_a_commit_that_is_not_are_named(log):
    (record,) = find.find("why-1")
    with pytest.raises(LoopError, match=r"model 000000000000.*is neither in models nor of any commit here"):
        why.explained(record | {"version": "0" * 12})
    with pytest.raises(LoopError, match="git fetch --unshallow"):
        why.explained(record | {"commit": "1" * 40})


def test_a_model_of_another_commit_is_asked_by_its_own_code(log, client, working_copy, monkeypatch):
    (record,) = find.find("why-1")
    commit = working_copy.commit()
    working_copy.append("src/loop/serve/explain.py", "\nraise RuntimeError('code of another commit')\n")
    working_copy.set_param("serve.threshold", 0.99)
    working_copy.commit()
    monkeypatch.chdir(working_copy.path)
    found = why.explained(record | {"commit": commit})
    assert found["threshold"] != 0.99
    assert found["contributions"] == pytest.approx(client.answer["contributions"], abs=1e-9)


def test_a_model_of_uncommitted_edits_is_found_where_it_lies_and_where_it_was_committed_since(
    log, client, working_copy, monkeypatch
):
    (record,) = find.find("why-1")
    lineage = working_copy.text("models/lineage.json")
    working_copy.edit("models/lineage.json", record["version"], "0" * 12)
    record["commit"] = working_copy.commit() + "-changed"
    (working_copy.path / "models/lineage.json").write_text(lineage)
    working_copy.append("src/loop/serve/explain.py", "\n")
    monkeypatch.chdir(working_copy.path)
    expected = pytest.approx(client.answer["contributions"], abs=1e-9)
    with monkeypatch.context() as patch:
        patch.delattr(why, "checkout")
        assert why.explained(record)["contributions"] == expected, "by models/"
    working_copy.commit()
    working_copy.edit("models/lineage.json", record["version"], "0" * 12)
    working_copy.commit()
    assert why.explained(record)["contributions"] == expected, "by the commit that has it now"
