"""What watches the servers: each alert fires when it should and ends when it should, by promtool itself."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from loop.base.errors import LoopError
from loop.deploy import alerting, dashboard
from loop.settings import slo

pytestmark = pytest.mark.slow  # promtool, on days of series

ROOT = Path(__file__).parents[2]
NEEDED = pytest.mark.skipif(
    not shutil.which("promtool"), reason="no promtool: on Debian, apt install prometheus"
)
LIMITS = {
    **dict.fromkeys(("missing_share", "stale_share", "unknown_share", "decision_shift"), 0.1),
    **{"fallback_share": 0.01, "dropped": 0, "features_lag_hours": 26, "clock_seconds": 30},
    **{"monitoring_days": 9, "schedule_days": 9},
}
SLO = slo.Slo.model_validate(
    {
        "job": "model",
        "runbooks": "https://example.com/runbook",
        "receivers": {"page": "http://127.0.0.1:9/page", "ticket": "http://127.0.0.1:9/ticket"},
        "objectives": {
            "days": 30,
            "requests_min": 100,
            "availability": {"share": 0.995, "reason": "a reason"},
            "latency": {"share": 0.99, "seconds": 0.1, "reason": "a reason"},
        },
        "limits": {name: {"max": limit, "reason": "a reason"} for name, limit in LIMITS.items()},
    }
)


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    """A series as promtool reads it, of one server, a value a step."""
    named = {"job": "model", "instance": "a", **labels}
    return {
        "series": f"{name}{{{', '.join(f'{k}={json.dumps(v)}' for k, v in named.items())}}}",
        "values": values,
    }


def requests(values: str, status: str = "200", role: str = "champion") -> dict[str, str]:
    return series("loop_requests_total", values, role=role, status=status)


NONE = "0x600"  # a counter that rests
UP = [series("up", "1x600"), series("loop_model_info", "1x600", role="champion"), requests(NONE, "500")]
HALF, HOUR = 30, 60  # minutes of a step, where an alert has days to look back on


def burnt(name: str, steps: int, bad: float, good: float) -> list[dict[str, str]]:
    """So much is bad for some steps, then nothing is."""
    end = f"0+{bad:g}x{steps} {bad * steps:g}+0x100"
    if name == "errors":
        return [requests(f"0+{good:g}x200"), requests(end, "500"), series("loop_fallbacks_total", NONE)]
    every = f"0+{good + bad:g}x200"
    fast = f"0+{good:g}x{steps} {good * steps:g}+{good + bad:g}x100"
    return [
        requests(every),
        series("loop_request_seconds_bucket", fast, role="champion", le="0.1"),
        series("loop_request_seconds_count", every, role="champion"),
    ]


def share(name: str, **labels: str) -> list[dict[str, str]]:
    """Half of the rows for an hour, then none."""
    return [series(name, "0+5x60 300+0x100", **labels), series("loop_predictions_total", "0+10x200")]


HEARD = "loop_schedule_last_good_timestamp_seconds"
ALERTS = {  # minutes of a step, series, the step at which it fires, and the one at which it has ended
    "AvailabilityBurnsFast": (1, burnt("errors", 60, 10, 90), 60, 100),
    "AvailabilityBurnsSlowly": (HALF, burnt("errors", 48, 2, 98), 48, 62),
    "LatencyBurnsFast": (1, burnt("late", 60, 20, 80), 60, 100),
    "LatencyBurnsSlowly": (HALF, burnt("late", 48, 4, 96), 48, 62),
    "ModelDown": (1, [series("loop_model_info", "_x20 1x20", role="champion")], 15, 30),
    "ServerDown": (1, [*UP, series("up", "1x5 0x20 1x50", instance="b")], 20, 40),
    "PredictionLogDrops": (1, [series("loop_prediction_log_dropped_total", "0x5 3x60")], 10, 40),
    "FeaturesMissing": (1, share("loop_features_total", view="weather", state="missing"), 60, 130),
    "FeaturesStale": (1, share("loop_features_total", view="weather", state="stale"), 60, 130),
    "FeaturesLag": (HOUR, [series("loop_features_as_of_timestamp_seconds", "0x30 100000x10")], 28, 33),
    "ClockSkew": (1, [series("loop_clock_timestamp_seconds", "0+60x10 0+60x30 2520+60x60")], 30, 60),
    "UnknownCategories": (1, share("loop_unknown_categories_total", column="city"), 60, 130),
    "ChallengerFallsBack": (
        1,
        [series("loop_fallbacks_total", "0+1x60 60+0x100"), requests("0+9x200", role="challenger")],
        60,
        130,
    ),
    "DecisionShareMoved": (  # a tenth; nine tenths on the fourth day; and then so for good
        HOUR,
        [
            series("loop_decisions_total", "0+100x72 7200+900x300", decision="true"),
            series("loop_decisions_total", "0+900x72 64800+100x300", decision="false"),
        ],
        96,
        320,
    ),
    "MonitoringSilent": (HOUR, [series(HEARD, "0x230 820000x9", schedule="monitor")], 225, 235),
    "ScheduleSilent": (HOUR, [series(HEARD, "0x230 820000x9", schedule="release")], 225, 235),
}


def alerts(text: str) -> list[dict]:
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule]


def promtool(folder: Path, given: list[dict], expected: list[dict], step: int = 1) -> str:
    """What promtool says of tests of the rules; nothing where they pass."""
    (folder / "rules.yaml").write_text(alerting.files(SLO)["rules.yaml"])
    test = {"interval": f"{step}m", "input_series": given, "promql_expr_test": expected}
    order = ["objectives", "burn", "model", "schedules"]  # else by chance
    whole = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{step}m",
        "group_eval_order": order,
        "tests": [test],
    }
    (folder / "tests.yaml").write_text(yaml.safe_dump(whole))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}\n{done.stderr}" if done.returncode else ""


def firing(alert: str, minute: int, *, fires: bool) -> dict:
    samples = [{"labels": "{}", "value": 1}] if fires else []
    query = f'max(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return {"expr": query, "eval_time": f"{minute}m", "exp_samples": samples}


@NEEDED
@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_and_ends(alert, tmp_path):
    step, given, fires, ended = ALERTS[alert]
    expected = [firing(alert, fires * step, fires=True), firing(alert, ended * step, fires=False)]
    assert not promtool(tmp_path, given, expected, step)


def test_every_alert_is_tried_and_has_its_page_and_its_reason():
    found = alerts(alerting.files(SLO)["rules.yaml"])
    assert {rule["alert"] for rule in found} == ALERTS.keys()
    for rule in found:
        page = rule["annotations"]["runbook_url"].removeprefix("https://example.com/runbook/")
        assert (ROOT / "docs/runbook" / page).is_file(), rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["reason"]
        assert rule["labels"]["severity"] in ("page", "ticket")


@NEEDED
def test_a_model_that_does_well_disturbs_nobody(tmp_path):
    """Some are refused; the champion makes up for a challenger; a shadow fails."""
    decided = [series("loop_decisions_total", "0+10x600", decision=one) for one in ("true", "false")]
    quiet = [
        *UP,
        *decided,
        requests("0+90x600"),
        requests("0+10x600", "400"),
        requests("0+99x600", "200", "challenger"),
        requests("0+0.5x600", "500", "challenger"),
        requests("0+50x600", "500", "shadow"),
        series("loop_fallbacks_total", "0+0.5x600"),
        series("loop_predictions_total", "0+100x600"),
        series("loop_features_total", "0+5x600", view="weather", state="missing"),
        series("loop_features_as_of_timestamp_seconds", "0+60x600"),
        series("loop_schedule_last_good_timestamp_seconds", "0+60x600", schedule="monitor"),
    ]
    expected = [firing(alert, 500, fires=False) for alert in ALERTS]
    assert not promtool(tmp_path, quiet, expected)


@NEEDED
def test_a_schedule_that_nobody_heard_of_is_unknown_and_not_fine(tmp_path):
    expected = [firing("MonitoringSilent", 30, fires=True)]
    assert not promtool(tmp_path, UP, expected)


@NEEDED
def test_a_schedule_that_never_ran_well_is_silent_once_records_are_so_old(tmp_path):
    never = series("loop_schedule_never_good_since_timestamp_seconds", "0x300", schedule="audit")
    days = [(8, False), (10, True)]
    expected = [firing("ScheduleSilent", day * 24 * HOUR, fires=fires) for day, fires in days]
    assert not promtool(tmp_path, [never], expected, HOUR)


FUTURE = "9e9x100"
AHEAD = {
    "MonitoringSilent": series(HEARD, FUTURE, schedule="monitor"),
    "ScheduleSilent": series(HEARD, FUTURE, schedule="release"),
    "FeaturesLag": series("loop_features_as_of_timestamp_seconds", FUTURE),
}


@NEEDED
@pytest.mark.parametrize("alert", AHEAD)
def test_a_time_that_is_still_to_come_is_no_sign_of_life(alert, tmp_path):
    assert not promtool(tmp_path, [AHEAD[alert]], [firing(alert, 30, fires=True)])


@NEEDED
def test_few_requests_wake_nobody(tmp_path):
    given = [requests("0+0.5x100"), requests("0+0.5x100", "500"), series("loop_fallbacks_total", NONE)]
    expected = [firing("AvailabilityBurnsFast", 60, fires=False)]
    assert not promtool(tmp_path, given, expected)


def test_what_is_committed_is_what_the_objectives_make():
    made = alerting.files(slo.read(ROOT / "deploy/slo.yaml"))
    folder = ROOT / "deploy/monitoring"
    assert {path.name: path.read_text() for path in folder.iterdir()} == made, "`loop render monitoring`"


def test_a_latency_that_no_server_counts_is_refused(tmp_path):
    text = (ROOT / "deploy/slo.yaml").read_text().replace("seconds: 0.1", "seconds: 0.2")
    (tmp_path / "slo.yaml").write_text(text)
    with pytest.raises(LoopError, match=r"seconds 0\.2 is not counted"):
        slo.read(tmp_path / "slo.yaml")


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90s"), (3600, "1h"), (86400, "1d"), (0.5, "500ms"), (1e-9, "1ms")]
)
def test_durations_are_those_of_prometheus(seconds, text):
    assert alerting.duration(seconds) == text


def test_the_panels_lie_beside_each_other_and_each_has_a_query():
    board = dashboard.dashboard(SLO, alerting.duration)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["targets"] and panel["description"] for panel in board["panels"])
