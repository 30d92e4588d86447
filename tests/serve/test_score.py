"""Batch scores are those of the server and of the Pipeline; a file that is wrong leaves nothing behind."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.commands import serving
from loop.data import columns
from loop.data.contract import ContractError
from loop.data.features import DECIDED_AT
from loop.serve import loaded_model, request_file, score, score_parts
from problem import schema, source
from support.http_client import EXAMPLE

COLUMNS = list(schema.REQUEST.columns)


@pytest.fixture
def scored(finished, place, model, monkeypatch, tmp_path):
    """Scores a frame by `loop score`, from and to files of these kinds."""
    monkeypatch.chdir(finished.path)
    monkeypatch.setattr(score.serve_settings, "place", lambda: place)
    monkeypatch.setattr(loaded_model, "load", lambda **_: model)

    def run(table: pa.Table, kind: str = "parquet", into: str = "parquet") -> pd.DataFrame:
        given, target = tmp_path / f"in.{kind}", tmp_path / f"out.{into}"
        pq.write_table(table, given) if kind == "parquet" else pa.csv.write_csv(table, given)
        score.main(given, target)
        return pd.read_parquet(target) if into == "parquet" else pd.read_csv(target, keep_default_na=False)

    return run


@pytest.fixture(scope="module")
def holdout(finished) -> pa.Table:
    return pq.read_table(finished.path / "data/examples/holdout.parquet").slice(0, 3000)


def test_with_features_of_their_own_rows_score_as_the_pipeline_scored_them(scored, holdout, finished, capsys):
    found = scored(holdout)
    expected = files.read_table(finished.path / "data/predictions.parquet").head(3000)
    pd.testing.assert_frame_equal(found[[*source.KEY, DECIDED_AT]], expected[[*source.KEY, DECIDED_AT]])
    assert np.abs(found["score"] - expected["score"]).max() <= 1e-12
    assert (found["missing"] == "").all()
    assert "3,000 rows" in capsys.readouterr().out


def test_without_them_rows_score_as_the_server_scores_them(scored, holdout, client):
    frame = holdout.select(COLUMNS).slice(2900).to_pandas()
    found = scored(holdout.select(COLUMNS).slice(2900))
    texts = frame.assign(
        **{name: frame[name].map(lambda at: at.isoformat()) for name in frame.select_dtypes("datetimetz")}
    )
    answers = client.predict(texts.to_dict("records")).json
    assert found["score"].tolist() == [answer["score"] for answer in answers]
    assert found["decision"].tolist() == [answer["decision"] for answer in answers]
    assert found["missing"].tolist() == [" ".join(answer["missing"]) for answer in answers]


@pytest.mark.parametrize(("kind", "into"), [("csv", "parquet"), ("parquet", "csv"), ("csv", "csv")])
def test_csv_and_parquet_are_scored_alike(scored, holdout, kind, into):
    some = holdout.slice(0, 200)
    assert scored(some, kind, into)["score"].tolist() == scored(some)["score"].tolist()


def test_the_size_of_a_batch_makes_no_difference(scored, holdout, monkeypatch):
    whole = scored(holdout)
    monkeypatch.setattr(request_file, "ROWS", 7)
    pd.testing.assert_frame_equal(scored(holdout.slice(0, 100)), whole.head(100))


def test_a_problem_without_a_threshold_has_no_decisions(scored, holdout, monkeypatch):
    params = score.serve_settings.params()
    monkeypatch.setattr(score.serve_settings, "params", lambda: params.model_copy(update={"threshold": None}))
    assert scored(holdout.slice(0, 10))["decision"].isna().all()


def broken(table: pa.Table, name: str, value: object) -> pa.Table:
    values = table.column(name).to_pylist()
    values[5] = value
    return table.set_column(table.column_names.index(name), name, pa.array(values))


NUMBER = next(name for name, column in schema.REQUEST.columns.items() if str(column.dtype) == "int64")


OUTSIDE = rf"\(serve.decided_at\) +{DECIDED_AT} +1 "
LONG_AGO, FAR_AHEAD = pd.Timestamp("1999-01-01T00:00Z"), pd.Timestamp("2261-01-01T00:00Z")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda t: t.drop_columns([NUMBER]), LoopError, f"lacks {NUMBER}"),
        (lambda t: broken(t, NUMBER, -1), ContractError, NUMBER),
        (lambda t: broken(t, NUMBER, None), ContractError, f"not null +{NUMBER}"),
        (lambda t: broken(t, DECIDED_AT, LONG_AGO), ContractError, OUTSIDE),
        (lambda t: broken(t, DECIDED_AT, FAR_AHEAD), ContractError, OUTSIDE),
        (
            lambda t: t.set_column(0, NUMBER, pa.array(["x"] * len(t))),
            ContractError,
            f"a whole number +{NUMBER} +20 +found string; x",
        ),
    ],
    ids=["a column is missing", "out of range", "null", "long ago", "far ahead", "texts for numbers"],
)
def test_a_wrong_file_is_refused_and_leaves_nothing(scored, holdout, tmp_path, wrong, error, message):
    table = holdout.select([NUMBER, *(name for name in COLUMNS if name != NUMBER)]).slice(0, 20)
    with pytest.raises(error, match=message):
        scored(wrong(table))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet"]


def test_what_is_there_already_is_not_destroyed(scored, holdout, tmp_path):
    scored(holdout.slice(0, 5))
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "folder.parquet/precious").write_text("data")
    for target in ("folder.parquet", "in.parquet"):
        with pytest.raises(LoopError, match=r"a folder|the file of requests itself"):
            score.main(tmp_path / "in.parquet", tmp_path / target)
    assert (tmp_path / "folder.parquet/precious").read_text() == "data"
    assert len(pq.read_table(tmp_path / "in.parquet")) == 5


def test_a_file_is_not_scored_without_its_features(scored, holdout, place, monkeypatch, tmp_path):
    elsewhere = dataclasses.replace(place, features=str(tmp_path / "nowhere"))
    monkeypatch.setattr(score.serve_settings, "place", lambda: elsewhere)
    with pytest.raises(LoopError, match="the feature store cannot be read"):
        scored(holdout.select(COLUMNS).slice(0, 5))


def test_times_without_a_zone_are_refused_with_the_way_out_and_shown_in_any_they_are_the_same(
    scored, holdout, tmp_path
):
    some = holdout.slice(0, 20)
    name = next(n for n, c in schema.REQUEST.columns.items() if str(c.dtype).startswith("datetime64"))

    def held_as(kind: pa.DataType) -> pa.Table:
        return some.set_column(some.column_names.index(name), name, some.column(name).cast(kind))

    with pytest.raises(ContractError, match="--zone"):
        scored(held_as(pa.timestamp("us")))
    expected = scored(some)["score"].tolist()
    assert scored(held_as(pa.timestamp("us", "America/New_York")))["score"].tolist() == expected
    pq.write_table(held_as(pa.timestamp("us")), tmp_path / "in.parquet")
    score.main(tmp_path / "in.parquet", tmp_path / "out.parquet", zone="UTC")
    assert pd.read_parquet(tmp_path / "out.parquet")["score"].tolist() == expected


def test_an_index_of_pandas_makes_no_difference(scored, holdout, tmp_path):
    some = holdout.slice(0, 20)
    some.to_pandas().set_index(COLUMNS[:2]).to_parquet(tmp_path / "in.parquet")
    score.main(tmp_path / "in.parquet", tmp_path / "index.parquet")
    assert pd.read_parquet(tmp_path / "index.parquet").equals(scored(some))


TEXT = next(n for n, c in schema.REQUEST.columns.items() if c.checks and columns.plain(c) is str)


@pytest.mark.parametrize("sign", [" ", "\u200b", "\xa0", "\ufe0f", "\u3164", "\t"], ids=ascii)
def test_a_value_that_is_wrong_by_a_sign_that_nobody_sees_looks_wrong(scored, holdout, client, sign):
    value = holdout.column(TEXT)[5].as_py() + sign
    wrong = broken(holdout.select(COLUMNS).slice(0, 20), TEXT, value)
    seen = "'" + value[:-1] + (" " if sign == " " else sign.encode("unicode_escape").decode()) + "'"
    for kind in ("parquet", "csv"):
        with pytest.raises(ContractError) as refused:
            scored(wrong, kind)
        assert seen in str(refused.value)
    answer = client.predict(EXAMPLE | {TEXT: value})
    assert seen in answer.json["problems"][0]["found"]


def test_what_types_and_rules_refuse_is_said_at_once(scored, holdout):
    wrong = broken(holdout.select(COLUMNS).slice(0, 20), TEXT, "??")
    wrong = wrong.set_column(COLUMNS.index(NUMBER), NUMBER, pa.array(["x"] * 20))
    with pytest.raises(ContractError) as refused:
        scored(wrong)
    assert {breach.column for breach in refused.value.breaches} == {NUMBER, TEXT}


def test_a_folder_of_requests_is_not_written_into(scored, holdout, tmp_path):
    scored(holdout.slice(0, 5))
    (tmp_path / "out.parquet").rename(tmp_path / "requests.parquet")
    (tmp_path / "requests").mkdir()
    (tmp_path / "in.parquet").rename(tmp_path / "requests/part.parquet")
    with pytest.raises(LoopError, match="the file of requests itself"):
        score.main(tmp_path / "requests", tmp_path / "requests/out.parquet")
    score.main(tmp_path / "requests", tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet").equals(pd.read_parquet(tmp_path / "requests.parquet"))


@pytest.fixture
def folder(scored, holdout, tmp_path, monkeypatch):
    """A file of five row groups, whose scores are made in parts of two."""
    monkeypatch.setattr(score_parts, "ROWS", 200)
    pq.write_table(holdout.slice(0, 450), tmp_path / "requests.parquet", row_group_size=100)
    return tmp_path


def test_parts_of_a_folder_hold_the_scores_of_a_file_in_their_order(folder, scored, holdout):
    serving.score(folder / "requests.parquet", folder / "out")
    parts = sorted((folder / "out").iterdir())
    assert [pq.read_metadata(part).num_rows for part in parts] == [200, 200, 50]
    found = pd.concat(map(pd.read_parquet, parts), ignore_index=True)
    pd.testing.assert_frame_equal(found, scored(holdout.slice(0, 450)), check_exact=True)


def test_a_folder_of_scores_is_replaced_whole_and_no_other_one(folder, holdout):
    (folder / "other").mkdir()
    (folder / "other/precious").write_text("data")
    (folder / "file").write_text("data")
    (folder / "in").mkdir()
    (folder / "requests.parquet").rename(folder / "in/1.parquet")
    for target, why in {
        "other": "holds precious",
        "file": "is a file",
        "in": "of the requests",
        "in/out": "of the requests",
        ".": "of the requests",
    }.items():
        with pytest.raises(LoopError, match=why):
            score_parts.main(folder / "in", folder / target)
    score_parts.main(folder / "in", folder / "out")
    pq.write_table(holdout.slice(0, 10), folder / "in/1.parquet")
    score_parts.main(folder / "in", folder / "out")
    assert [path.name for path in (folder / "out").iterdir()] == ["scores-00000.parquet"]
    pq.write_table(broken(holdout.slice(0, 10), NUMBER, None), folder / "in/2.parquet")
    with pytest.raises(ContractError, match="not null"):
        score_parts.main(folder / "in", folder / "out")
    assert pq.read_metadata(folder / "out/scores-00000.parquet").num_rows == 10
    assert sorted(path.name for path in folder.iterdir()) == ["file", "in", "other", "out"]


def test_a_store_that_does_not_answer_is_told_before_spark_starts(folder, holdout, place, monkeypatch):
    elsewhere = dataclasses.replace(place, features=str(folder / "nowhere"))
    monkeypatch.setattr(score.serve_settings, "place", lambda: elsewhere)
    monkeypatch.setattr(score_parts.engine_settings, "spark", lambda: "local[2]")
    monkeypatch.setattr(score_parts.tasks, "run", lambda *arguments: pytest.fail("it started"))
    pq.write_table(holdout.select(COLUMNS), folder / "requests.parquet")
    with pytest.raises(LoopError, match=r"the feature store cannot be read: .* is missing"):
        score_parts.main(folder / "requests.parquet", folder / "out")
    assert [path.name for path in folder.iterdir()] == ["requests.parquet"]


def test_an_executor_that_scores_otherwise_is_refused(scored, model, place, tmp_path):
    score_parts._predictor.cache_clear()
    scores = model.scores(model.reference.columns)
    found = score_parts._predictor(place.features, tmp_path, scores.tobytes())
    assert found.model is model
    with pytest.raises(LoopError, match="scores the reference rows otherwise"):
        score_parts._predictor(place.features, tmp_path, np.nextafter(scores, 2).tobytes())


def test_a_file_that_is_none_is_refused(scored, tmp_path):
    for name, message in (
        ("gone.parquet", "is missing"),
        ("a.json", "neither"),
        ("b.parquet", "cannot be read"),
    ):
        (tmp_path / "b.parquet").write_bytes(b"PAR1 not at all")
        (tmp_path / "out.parquet").touch()
        with pytest.raises(LoopError, match=message):
            score.main(tmp_path / name, tmp_path / "out.parquet")


def test_an_empty_file_is_refused(scored, holdout, tmp_path):
    with pytest.raises(LoopError, match="holds no rows"):
        scored(holdout.slice(0, 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.parquet"]


def test_a_csv_is_written_where_the_system_has_no_time_zones(tmp_path, monkeypatch):
    """Arrow looks for UTC in /usr/share/zoneinfo, which a slim image lacks; a text says the same."""
    given, real = [], pa.csv.CSVWriter
    monkeypatch.setattr(pa.csv, "CSVWriter", lambda path, kinds: given.append(kinds) or real(path, kinds))
    times = pa.array([datetime(2013, 6, 3, 0, 25, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
    with score.writer(tmp_path / "x.csv", ".csv") as write:
        write(pa.table({"at": times, "n": [1, 2]}))
    assert given[0].types == [pa.string(), pa.int64()]
    assert (tmp_path / "x.csv").read_text() == '"at","n"\n"2013-06-03 00:25:00.000000Z",1\n,2\n'
