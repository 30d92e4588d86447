"""Bad data stops the pipeline before training: one clear message, a report, nothing half-written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from loop.base import files
from loop.base.errors import guard
from loop.pipeline import examples, ingest, validate
from problem import source

ROOT = Path(__file__).parents[2]
WINDOWS = {
    "since": "2013-01-28T00:00Z",
    "train": {"from": "2013-01-28T00:00Z", "until": "2013-01-31T00:00Z"},
    "holdout": {"from": "2013-01-31T00:00Z", "until": "2013-02-02T00:00Z"},
    "as_of": "2013-02-04T00:00Z",
}


def write_params(**windows) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(params | {"windows": WINDOWS | windows}))


@pytest.fixture(scope="module")
def raw():
    span = [pd.Timestamp(day, tz="UTC") for day in ("2013-01-28", "2013-02-02", "2013-02-04")]
    return source.tables(*span)


@pytest.fixture
def ingested(raw, tmp_path, monkeypatch):
    """Five days of raw data, in a folder of their own; returns how to write a table anew."""
    monkeypatch.chdir(tmp_path)
    write_params()

    def write(table: str, frame: pd.DataFrame) -> None:
        for month, part in ingest.by_month(frame, source.TIME[table]):
            files.write_table(Path(f"data/raw/{table}/{month}.parquet"), part)

    for name, frame in raw.items():
        write(name, frame)
    return write


def refused(capsys, main=validate.main) -> str:
    with pytest.raises(SystemExit) as stop:
        guard(main)
    assert stop.value.code == 1
    output = capsys.readouterr().err
    assert "Traceback" not in output
    assert all(word in output for word in ("error: ", "expected: ", "to do: "))
    return output


def test_good_data_passes_and_is_written(ingested):
    validate.main()
    report = json.loads(Path("reports/validation.json").read_text())
    assert report["passed"]
    assert report["breaches"] == []
    assert {entry["rule"] for entry in report["repairs"]} >= {"midnight_is_0000", "wind_above_150_mph"}
    assert sorted(path.name for path in Path("data/valid").iterdir()) == [
        "airports.parquet",
        "flights.parquet",
        "weather.parquet",
    ]


def without_zone(f):
    return f.assign(scheduled_departure=f["scheduled_departure"].dt.tz_localize(None))


def in_the_future(f):
    return f.assign(arrived_at=f["arrived_at"] + pd.Timedelta(days=400))


def one_new_carrier(f):
    return f.assign(carrier=np.where(f.index == 0, "ZZ", f["carrier"]))


def no_outcomes(f):
    return f.assign(
        arrived_at=f["arrived_at"].where(f.index < 0), arrived_clock=np.nan, arrival_delay_minutes=np.nan
    )


BAD = {
    "a missing column": ("flights", lambda f: f.drop(columns="dest"), "column missing", "dest"),
    "an extra column": ("flights", lambda f: f.assign(dep_delay=1.0), "column unknown", "dep_delay"),
    "a renamed column": (
        "weather",
        lambda f: f.rename(columns={"wind_mph": "wind_kmh"}),
        "column missing",
        "rename",
    ),
    "a wrong type": (
        "flights",
        lambda f: f.assign(flight=f["flight"].astype("str")),
        "type is int64",
        "flight",
    ),
    "a repeated key": ("flights", lambda f: pd.concat([f, f.head(2)]), "key is unique", "flight_date"),
    "times without zone": ("flights", without_zone, "type is datetime64[us, UTC]", "give the times a zone"),
    "times in the future": ("flights", in_the_future, "known_at_as_of", "arrived_at"),
    "an all-null column": (
        "weather",
        lambda f: f.assign(humidity_percent=np.nan),
        "5% null",
        "humidity_percent",
    ),
    "no outcomes": ("flights", no_outcomes, "without an outcome", "labels stopped coming"),
    "an unknown category": ("flights", one_new_carrier, "known category", "ZZ"),
    "no rows": ("weather", lambda f: f.iloc[:0], "table is empty", "weather"),
}


@pytest.mark.parametrize(("table", "spoil", "rule", "word"), BAD.values(), ids=BAD)
def test_bad_data_is_refused_by_the_rule_it_breaks(ingested, raw, capsys, table, spoil, rule, word):
    validate.main()
    good = {path: path.read_bytes() for path in Path("data/valid").iterdir()}
    for old in Path(f"data/raw/{table}").iterdir():
        old.unlink()
    ingested(table, spoil(raw[table]))
    output = refused(capsys)
    assert rule in output
    assert word in output
    report = json.loads(Path("reports/validation.json").read_text())
    assert not report["passed"]
    assert any(rule in breach["rule"] and breach["todo"] for breach in report["breaches"])
    assert {path: path.read_bytes() for path in Path("data/valid").iterdir()} == good, "the old tables stay"


def test_an_empty_month_is_named_by_its_days(ingested, capsys):
    Path("data/raw/flights/2013-02.parquet").unlink()
    assert "2013-02-01 (" in refused(capsys)


def test_a_missing_table_is_named(ingested, capsys):
    for path in Path("data/raw/airports").iterdir():
        path.unlink()
    Path("data/raw/airports").rmdir()
    assert "table missing" in refused(capsys)


def test_data_that_was_never_ingested_says_what_to_run(ingested, capsys):
    shutil.rmtree("data")
    assert "data/raw is missing" in refused(capsys)


def test_all_faults_of_all_tables_are_reported_at_once(ingested, raw, capsys):
    ingested("flights", one_new_carrier(raw["flights"]))
    ingested("weather", raw["weather"].assign(humidity_percent=101.0))
    output = refused(capsys)
    assert "known category" in output
    assert "0 to 100" in output


def test_a_truncated_file_is_named_with_what_to_do(ingested, capsys):
    path = Path("data/raw/flights/2013-01.parquet")
    path.write_bytes(path.read_bytes()[:1000])
    output = refused(capsys)
    assert "data/raw/flights/2013-01.parquet cannot be read" in output
    assert "dvc repro --force ingest" in output


@pytest.mark.parametrize("name", ["train", "holdout"])
def test_a_window_without_rows_is_refused(ingested, capsys, name):
    """A window in which nothing was decided, by an hour of the night."""
    validate.main()
    empty = {
        "train": {"train": {"from": "2013-01-28T00:00Z", "until": "2013-01-28T01:00Z"}},
        "holdout": {"holdout": {"from": "2013-01-31T06:00Z", "until": "2013-01-31T07:00Z"}},
    }[name]
    write_params(**empty)
    output = refused(capsys, examples.main)
    assert f"windows.{name} holds 0 labelled rows" in output
    assert not Path("data/examples").exists()


def test_a_training_window_sees_no_label_that_came_after_it(ingested):
    validate.main()
    examples.main()
    train = files.read_table(Path("data/examples/train.parquet"))
    assert train["label_known_at"].max() <= pd.Timestamp(WINDOWS["train"]["until"])
    holdout = files.read_table(Path("data/examples/holdout.parquet"))
    assert holdout["decided_at"].min() >= pd.Timestamp(WINDOWS["holdout"]["from"])
    assert holdout["label_known_at"].max() > pd.Timestamp(WINDOWS["holdout"]["until"])


def test_bad_data_stops_the_whole_pipeline_before_training_and_good_data_goes_on(working_copy, finished):
    limit = "validate.limits.flights_per_day_min"
    working_copy.set_param(limit, 900)
    done = working_copy.run("loop", "run", check=False)
    assert done.returncode == 1
    assert "at least 900 flights on every day" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Running stage 'train'" not in done.stdout
    assert json.loads(working_copy.text("reports/validation.json"))["passed"] is False
    assert working_copy.text("models/lineage.json") == finished.text("models/lineage.json")
    kept = yaml.safe_load(finished.text("params.yaml"))["validate"]["limits"]["flights_per_day_min"]
    working_copy.set_param(limit, kept)
    working_copy.run("loop", "run")
    assert working_copy.text("dvc.lock") == finished.text("dvc.lock")
