"""`loop doctor` on schedules: late is an alarm, and what nobody heard of is unknown."""

import shutil
from pathlib import Path

import pytest

from loop.production import heartbeats
from loop.production.heartbeats import Heartbeat
from loop.setup import doctor
from support.states import at, clone  # noqa: F401 - clone is a fixture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("before", [True, False])
def test_a_schedule_whose_last_run_failed_is_not_on_time(clone, capsys, before):  # noqa: F811
    """Nor is it unknown, where no run was ever good."""
    (clone / "deploy").mkdir()
    shutil.copy2(ROOT / "deploy/slo.yaml", clone / "deploy")
    if before:
        heartbeats.record(Heartbeat("release", at("2026-01-18"), "success", good=True))
    heartbeats.record(Heartbeat("release", at("2026-01-19"), "failure", good=False))
    assert doctor.scheduled(at("2026-01-20")) == 1
    said = capsys.readouterr().out
    assert "  failed    release: last run 2026-01-19 00:00Z, failure;" in said
    assert "gh run list -w release.yml" in said


@pytest.mark.parametrize(("day", "state", "code"), [("19", "on time", 0), ("05", "late", 1)])
def test_each_schedule_says_when_it_ran_last(clone, capsys, day, state, code):  # noqa: F811
    (clone / "deploy").mkdir()
    shutil.copy2(ROOT / "deploy/slo.yaml", clone / "deploy")
    heartbeats.record(Heartbeat("monitor", at(f"2026-01-{day}"), "success", good=True))
    assert doctor.scheduled(at("2026-01-20")) == code
    monitor, *others = [
        line for line in capsys.readouterr().out.splitlines() if ": " in line and "to do" not in line
    ]
    assert monitor == (
        f"  {state:<9} monitor: last run 2026-01-{day} 00:00Z, success; last good run 2026-01-{day} 00:00Z"
    )
    assert len(others) == len(heartbeats.SCHEDULES) - 1
    assert all(line.startswith("  unknown   ") for line in others)
