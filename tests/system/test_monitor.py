"""`loop monitor` on the real year: one run, its files, its exit codes, and what is wrong with a feed."""

import json

import pandas as pd
import pytest

from conftest import Repo, copy
from loop.base import exit_codes
from loop.serve import collect
from loop.serve.log_writer import line
from problem import source

SMALL_NOW = "2020-09-02"  # of the small problem
FILES = ("finding.json", "report.md", "report.html")


@pytest.fixture(scope="module")
def watched(finished, tmp_path_factory) -> Repo:
    """A copy in which the monitor ran on the first of July, and so holds its baseline."""
    repo = copy(finished, tmp_path_factory.mktemp("watched") / "repo")
    repo.commit()
    repo.first = repo.run("loop", "monitor", "--now", "2013-07-01", check=False)
    return repo


@pytest.fixture
def another(watched, tmp_path) -> Repo:
    return copy(watched, tmp_path / "repo")


def finding(repo: Repo) -> dict:
    return json.loads(repo.text("monitor/finding.json"))


def run(repo: Repo, now: str = "2013-07-01", *more: str):
    return repo.run("loop", "monitor", "--now", now, *more, check=False)


def test_a_run_writes_its_three_files_and_says_one_screen(watched):
    assert watched.first.returncode == 0, watched.first.stderr
    found = finding(watched)
    assert found["decision"] in ("nothing", "warning", "retrain")
    assert found["source"] == "scored in batch"
    assert found["inputs"]["until"] == "2013-07-01"
    assert found["matured"]["until"] == "2013-06-29"
    outcomes = found["outcomes"]
    assert outcomes["known"] + outcomes["pending"] + outcomes["unlabelled"] == outcomes["rows"]
    assert min(outcomes["known"], outcomes["pending"], outcomes["unlabelled"]) > 0
    assert len(watched.first.stdout.splitlines()) <= 24
    for name in FILES:
        assert watched.text(f"monitor/{name}")
    assert watched.git("status", "--porcelain") == ""


def test_the_same_run_again_gives_the_same_finding_to_the_byte(small_copy):
    found = []
    for _ in range(2):
        assert run(small_copy, SMALL_NOW).returncode == exit_codes.MONITOR["loss"]
        found.append(small_copy.text("monitor/finding.json"))
    assert found[0] == found[1]


def test_before_the_model_was_trained_there_is_nothing_to_look_at(another, watched):
    done = run(another, "2013-01-05")
    assert done.returncode == 1
    assert "--now 2013-01-05" in done.stderr
    assert "holdout ended on 2013-06-01" in done.stderr
    assert "Traceback" not in done.stderr
    assert another.text("monitor/finding.json") == watched.text("monitor/finding.json")


@pytest.mark.parametrize("now", ["2013-07-01T00:00", "July", "2013-13-01"])
def test_an_instant_without_a_zone_or_sense_is_refused(watched, now):
    done = run(watched, now)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert f"--now is '{now}'" in done.stderr


def test_a_folder_of_predictions_that_is_not_there_is_refused(watched):
    done = run(watched, "2013-07-01", "--predictions", "nowhere")
    assert (done.returncode, "dir 'nowhere' does not exist" in done.stderr) == (2, True)


BROKEN = """

_whole = tables


def tables(since, until, as_of):
    found = _whole(since, until, as_of)
    weather = found["weather"]
    right = (weather["observed_at"] < as_of - pd.Timedelta(days=7)) | (weather["origin"] != "JFK")
    wrong = weather["humidity_percent"].where(right, 300.0)
    return found | {"weather": weather.assign(humidity_percent=wrong)}
"""


def test_a_broken_feed_is_reported_with_its_rules_and_where_it_began_and_no_signal_is_asked(another):
    another.append("src/problem/source.py", BROKEN)
    done = run(another)
    assert done.returncode == 3, done.stderr
    found = finding(another)
    assert found["decision"] == "broken feed"
    assert {(one["table"], one["column"]) for one in found["breaches"]} == {("weather", "humidity_percent")}
    (breach,) = found["breaches"]
    assert breach["examples"] == ["300.0"]
    assert (breach["group"], breach["since"], found["since"]) == ("origin JFK", "2013-06-24", "2013-06-24")
    for name in ("report.md", "report.html"):
        assert breach["where"] in another.text(f"monitor/{name}")
    change = found["changes"][0]
    assert (change["place"], change["since"]) == ("weather.humidity_percent of origin JFK", "2013-06-24")
    assert change["values"], "to be drawn"
    assert (found["features"], found["signals"], found["curves"], found["gain"]) == ([], [], [], None)


def test_months_after_the_last_row_there_is_no_data_and_no_failure(small_copy):
    done = run(small_copy, "2022-01-03")
    assert (done.returncode, "Traceback" in done.stderr) == (5, False), done.stderr
    found = finding(small_copy)
    assert (found["decision"], found["inputs"]["rows"]) == ("no data", 0)


def test_labels_that_take_three_weeks_longer_end_the_matured_window_that_much_earlier(small_copy):
    small_copy.set_param("monitor.labels.delay_days", 21)
    assert run(small_copy, SMALL_NOW).returncode in (0, 4)
    found = finding(small_copy)
    assert found["matured"]["until"] == "2020-07-12"
    assert found["inputs"]["until"] == SMALL_NOW
    assert found["outcomes"]["pending"] > found["outcomes"]["known"]
    assert found["outcomes"]["unlabelled"] == 0


def test_what_the_champion_answered_is_taken_from_the_prediction_log(another, watched):
    since, now = (pd.Timestamp(day, tz="UTC") for day in ("2013-06-28", "2013-07-01"))
    requests = source.requests(source.tables(since, now, now))
    folder = another.path / "data/predictions"
    (folder / "log").mkdir(parents=True)
    commit = another.git("rev-parse", "HEAD")
    head = {"version": "1", "commit": commit, "role": "champion", "threshold": 0.4, "features": []}
    lines = [json.dumps(head).encode() + b"\n"]
    for day, asked in requests.groupby(requests["decided_at"].dt.floor("D")):
        body = asked.to_json(orient="records", date_format="iso").encode()
        at = (day + pd.Timedelta(hours=23)).to_pydatetime()
        lines.append(
            line(f"{day:%d}", at, body, asked[[]].to_numpy(float), [0.25] * len(asked), 1.0, many=True)
        )
    (folder / "log/20130628T000000-1.jsonl").write_bytes(b"".join(lines))
    assert collect.collect(folder, now, 400).rows == len(requests)
    assert run(another).returncode == 0
    found, batch = finding(another), finding(watched)
    assert found["source"] == "prediction log"
    assert found["inputs"] == batch["inputs"], "each request counts once"
    assert found["outcomes"] == batch["outcomes"]
    assert found["curves"][-1]["score_mean"] != batch["curves"][-1]["score_mean"]
    (day,) = sorted((folder / "days").iterdir())[-1:]
    day.write_bytes(day.read_bytes()[:-100])
    done = run(another)
    assert (done.returncode, day.name in done.stderr, "Traceback" in done.stderr) == (1, True, False)
