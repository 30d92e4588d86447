"""The status, from git alone: what is not there is unknown, and foreign text is only words."""

import io
import json
import re
import shutil
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loop.base.errors import LoopError, UsageError
from loop.base.exit_codes import MONITOR
from loop.commands.command_line import app
from loop.deploy import dashboard
from loop.monitor import heard
from loop.production import branch, heartbeats, transitions
from loop.production.heartbeats import Heartbeat
from loop.repo.commit_log import CommitLog
from loop.repo.git import git
from loop.settings import slo
from loop.setup import doctor
from loop.status import overview, site
from support.findings import alert
from support.states import NOW, STAGED, at, clone, released, version  # noqa: F401 - clone is a fixture

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"
DAY = at("2026-01-02") - at("2026-01-01")
TODAY = at("2026-01-20T12:00")


@pytest.fixture
def home(clone):  # noqa: F811
    """Version 1 serves, and 2 is on its way; its author chose a hostile name."""
    (clone / "deploy").mkdir()
    for name in ("slo.yaml", "policy.yaml"):
        shutil.copy2(ROOT / "deploy" / name, clone / "deploy" / name)
    released(version(1), version(2, author=HOSTILE))
    return clone


@pytest.fixture
def to(tmp_path) -> Path:
    return tmp_path / "site"


def beat(day: str, schedule: str = "monitor", *, good: bool = True, **more: str) -> None:
    result = "success" if good else "failure"
    heartbeats.record(Heartbeat(schedule, at(day), result, good, f"https://example.com/{day}", more))


def written(to: Path) -> tuple[int, int]:
    return site.write(overview.view(TODAY), to)


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        assert tag not in ("script", "img", "iframe")
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_what_nobody_recorded_is_unknown_and_never_fine(home, to):
    written(to)
    page = (to / "index.html").read_text()
    assert page.count('class="tag unknown"') == len(heartbeats.SCHEDULES)
    assert "nobody knows" in page
    assert "on time" not in page
    assert "loop_schedule" not in re.sub("# TYPE.*", "", (to / "metrics.txt").read_text())
    assert "unknown: no run of it is on record" in "\n".join(overview.terminal(overview.view(TODAY)))


def test_what_waits_before_production_is_on_the_screen_and_on_the_page(home, to):
    (home / "deploy/environments.yaml").write_text("chain: [staging, production]\n")
    git("add", "deploy")
    git("commit", "--quiet", "-m", "chain")
    git("push", "--quiet", "origin", "HEAD:main")
    git("push", "--quiet", "origin", "origin/production:refs/heads/staging")
    entered = git("log", "--format=%H", "--diff-filter=A", "origin/production", "--", "versions/2.yaml")
    git("push", "--quiet", "--force", "origin", f"{entered}^:refs/heads/production")
    branch.change(lambda now: (transitions.hold(now.state, HOSTILE), "Hold", None), lambda _: {}, "staging")
    line = next(one for one in overview.terminal(overview.view(TODAY)) if one.startswith("staging"))
    assert "version 2 waits since 2026-01-0" in line
    assert "not rehearsed yet; `loop rollout status --environment staging`" in line
    written(to)
    assert "not rehearsed yet" in (to / "index.html").read_text()
    Links((to / "index.html").read_text())  # a reason is only words
    branch.change(lambda now: (now.state, "x", None), lambda _: {"rehearsals/2.yaml": "not: one"}, "staging")
    assert "does not count" in overview.view(TODAY).before[0].text()


def test_a_version_that_went_on_to_the_next_environment_waits_in_none_before(home, to):
    """Production's challenger, version 2, came through both; version 1, the champion, is that of each."""
    (home / "deploy/environments.yaml").write_text("chain: [staging, preview, production]\n")
    git("add", "deploy")
    git("commit", "--quiet", "-m", "chain")
    refs = [f"origin/production:refs/heads/{name}" for name in ("staging", "preview")]
    git("push", "--quiet", "origin", "HEAD:main", *refs)
    on = [one.text() for one in overview.view(TODAY).before]
    assert on == [f"no version waits; version 2 went on to {name}" for name in ("preview", "production")]
    written(to)
    assert "waits since" not in (to / "index.html").read_text()


def test_a_schedule_is_late_by_its_last_good_run_not_by_its_last(home):
    beat("2026-01-05")
    beat("2026-01-19", good=False)
    beat("2026-01-19", "release")
    found = {one.name: one for one in overview.view(TODAY).schedules}
    assert found["monitor"].state(TODAY) == "late"
    assert f"{found['monitor'].last.at:%d}" == "19"
    assert found["release"].state(TODAY) == "on time"
    assert found["update"].state(TODAY) == "unknown"
    text = overview.metrics(overview.view(TODAY))
    seconds = f"{at('2026-01-05').timestamp():.0f}"
    assert f'loop_schedule_last_good_timestamp_seconds{{schedule="monitor"}} {seconds}' in text
    assert 'loop_production_weight_percent{role="champion",version="1"} 100' in text


def test_a_schedule_that_never_ran_well_is_told_with_when_records_began(home):
    beat("2026-01-05")
    beat("2026-01-10", "release", good=False)
    text = overview.metrics(overview.view(TODAY))
    began, name = f"{at('2026-01-05').timestamp():.0f}", "loop_schedule_never_good_since_timestamp_seconds"
    for schedule in ("audit", "release"):
        assert f'{name}{{schedule="{schedule}"}} {began}' in text
    assert f'{name}{{schedule="monitor"}}' not in text


def test_a_run_of_the_future_counts_for_nothing_and_is_named(home, to, capsys):
    beat("2026-01-05")
    beat("2027-01-05", Decision="nothing")
    found = overview.view(TODAY)
    monitor = next(one for one in found.schedules if one.name == "monitor")
    assert monitor.state(TODAY) == "late"
    assert "a run of 2027-01-05 00:00Z does not count: a clock is ahead" in monitor.standing(TODAY)
    assert f"{at('2027-01-05').timestamp():.0f}" not in overview.metrics(found)
    assert [one.more for one in found.monitored] == [{}]
    site.write(found, to)
    assert "a clock is ahead" in (to / "index.html").read_text()
    assert doctor.scheduled(TODAY) == 1
    assert "a clock is ahead" in capsys.readouterr().out
    beat("2026-01-19")
    assert overview.view(TODAY).schedules[0].state(TODAY) == "on time"


def test_a_run_is_recorded_once_and_another_clone_reads_it(home, tmp_path):
    beat("2026-01-05", Decision="warning", Reason=HOSTILE)
    beat("2026-01-05")
    git("clone", "--quiet", str(home.parent / "origin.git"), str(tmp_path / "other"))
    (one,) = heartbeats.known()
    assert (one.more["Decision"], one.more["Reason"]) == ("warning", HOSTILE)
    assert git("rev-list", "--count", heartbeats.LOG.remote, cwd=tmp_path / "other") == "1"


def test_two_runs_that_end_at_once_are_both_recorded(home, monkeypatch):
    """Another run is pushed after this one has fetched."""
    fetch, others = CommitLog.fetch, ["2026-01-06"]

    def late(log: CommitLog) -> None:
        fetch(log)
        if others:
            day = others.pop()
            message = heartbeats._message(Heartbeat("release", at(day), "success", good=True))
            git("push", "--quiet", "origin", f"{log.commit(message)}:{log.local}")

    monkeypatch.setattr(CommitLog, "fetch", late)
    beat("2026-01-07")
    assert [one.schedule for one in heartbeats.known()] == ["release", "monitor"]


def test_only_what_changed_is_made_anew(home, to):
    made, of = written(to)
    assert made == of
    assert written(to)[0] == 0
    branch.change(lambda now: (transitions.advance(now.state, STAGED, NOW), "Advance", None), lambda _: {})
    seen = {path: path.stat().st_mtime_ns for path in to.rglob("*.html")}
    written(to)
    new = {str(path.relative_to(to)) for path in seen if path.stat().st_mtime_ns != seen[path]}
    assert new == {"index.html", "changes/1.html", "version/1.html", "version/2.html"}, "shares too"


def test_every_link_leads_somewhere_and_foreign_text_does_nothing(home, to):
    beat("2026-01-05", Decision="warning", Reason=HOSTILE)
    git("update-ref", "refs/heads/retrain/2026-01-06", "HEAD")
    written(to)
    pages = list(to.rglob("*.html"))
    assert {page.parent.name for page in pages} >= {"versions", "version", "changes", "monitoring"}
    for page in pages:
        text = page.read_text()
        assert "49" not in re.sub(r"[0-9a-f]{12,}", "", text.split("</style>")[-1]) or "7*7" in text
        for link in Links(text).found:
            assert link.startswith("https://") or (page.parent / link.partition("#")[0]).is_file(), link
    assert "retrain/2026-01-06" in (to / "index.html").read_text()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "the run"])
def test_a_run_that_a_hand_put_on_record_links_to_no_script(home, to, address):
    """Whoever may push the branch writes there what they like."""
    heartbeats.record(Heartbeat("monitor", at("2026-01-05"), "success", good=True, run=address))
    written(to)
    assert [one.run for one in heartbeats.known()] == [None]
    assert not [page for page in to.rglob("*.html") if address in page.read_text()]


def test_long_lists_are_cut_from_the_oldest_on_and_no_page_is_large(home, to):
    for number in range(120):
        then = at("2025-01-01") + number * (NOW - at("2026-01-04"))
        long = Heartbeat("monitor", then, "success", good=True, more={"Reason": "<" * 480})
        heartbeats.LOG.keep(heartbeats.LOG.local, heartbeats._message(long))
    git("push", "--quiet", "origin", heartbeats.LOG.local)
    written(to)
    assert {path.name for path in (to / "monitoring").iterdir()} == {"1.html", "2.html", "3.html"}
    first = (to / "monitoring/1.html").read_text()
    assert first.count("no decision") == site.A_PAGE
    assert max(path.stat().st_size for path in to.rglob("*.html")) < 300_000
    beat("2026-01-19")
    site.write(overview.view(TODAY), to)
    assert (to / "monitoring/1.html").read_text() == first


def test_what_the_monitor_found_is_recorded_and_a_red_run_that_decided_is_good(home, tmp_path):
    path = tmp_path / "finding.json"
    path.write_text(alert().model_dump_json())
    heard.record("monitor", "failure", None, path, TODAY)
    heard.record("release", "failure", None, tmp_path / "none.json", TODAY)
    monitor, release = heartbeats.known()
    assert monitor.good
    assert not release.good
    assert monitor.more["Decision"] == alert().decision
    path.write_text("{}")
    with pytest.raises(LoopError, match="is not what a monitoring run writes"):
        heard.record("monitor", "failure", None, path, TODAY)
    with pytest.raises(UsageError, match="is no schedule"):
        heard.record("tea", "success", None, None, TODAY)


@pytest.mark.parametrize("result", ["1", "2", "0", "130"])
def test_a_run_that_failed_is_not_good_by_what_the_run_before_it_found(home, tmp_path, result):
    """`loop monitor; loop heartbeat monitor --result $?`: the file of last week still lies there."""
    path = tmp_path / "finding.json"
    path.write_text(alert().model_dump_json())
    assert "of an earlier run" in heard.record("monitor", result, None, path, TODAY)
    (found,) = heartbeats.known()
    assert "Decision" not in found.more
    assert found.good == (result == "0")
    heard.record("monitor", str(MONITOR[alert().decision]), None, path, TODAY)
    assert [one.good for one in heartbeats.known()][-1], "the same minute, and another end"


def test_the_exit_code_0_of_a_schedule_on_a_machine_of_ones_own_is_good(home):
    heard.record("audit", "0", None, None, TODAY)
    assert heartbeats.known()[0].good


def test_what_requests_came_to_is_a_gauge_and_a_line_by_the_last_run_that_decided(home, to, tmp_path):
    """Whatever the KPI is called: no name leaves its label."""
    path = tmp_path / "finding.json"
    assert "loop_kpi" not in overview.metrics(overview.view(TODAY))
    found = alert()
    odd = found.kpi.model_copy(update={"title": 'a "ride"\n\\' + HOSTILE})
    path.write_text(found.model_copy(update={"kpi": odd}).model_dump_json())
    heard.record("monitor", "success", None, path, at("2026-01-05"))
    beat("2026-01-06", good=False)
    written(to)
    values = dict(
        line.rsplit(" ", 1) for line in (to / "metrics.txt").read_text().splitlines() if line[0] != "#"
    )
    about = 'kpi="a \\"ride\\" \\\\' + HOSTILE + '",unit="EUR"'
    assert values[f"loop_kpi_mean{{{about}}}"] == "1204.5"
    assert values[f"loop_kpi_low{{{about}}}"] == "1180.25"
    assert values[f"loop_kpi_high{{{about}}}"] == "1229.0"
    until = at(found.kpi.weeks[-1].until).timestamp()
    assert values[f"loop_kpi_until_timestamp_seconds{{{about}}}"] == repr(until)
    assert " 1,204 EUR (1,180 to 1,229), the week until " in "\n".join(
        overview.terminal(overview.view(TODAY))
    )
    assert "1,204 EUR" in (to / "index.html").read_text()
    assert "<script" not in (to / "index.html").read_text()
    for said in ("many", "nan", "1 inf 2", ""):
        beat(
            "2026-01-07", KPI=said, **{"KPI-Title": "x", "KPI-Unit": "x", "KPI-Until": "2026-01-05T00:00:00Z"}
        )
        assert heartbeats.earned(heartbeats.known()[-1]) is None
    path.write_text(found.model_copy(update={"kpi": None}).model_dump_json())
    heard.record("monitor", "success", None, path, at("2026-01-08"))
    assert "loop_kpi" not in overview.metrics(overview.view(TODAY)), "what is not known now is not shown"


def test_each_name_that_the_dashboard_asks_of_the_status_is_in_its_metrics(home, tmp_path):
    path = tmp_path / "finding.json"
    path.write_text(alert().model_dump_json())
    heard.record("monitor", "success", None, path, TODAY)
    text = overview.metrics(overview.view(TODAY))
    board = json.dumps(dashboard.dashboard(slo.read(ROOT / "deploy/slo.yaml"), str))
    asked = set(re.findall(r"loop_(?:kpi|schedule|production)_\w+", board))
    assert {name for name in asked if f"\n{name}{{" not in f"\n{text}"} == set()
    assert len(asked) == 5


class Site:
    """GitHub, as far as an artifact needs it."""

    api, repository = "https://api", "o/r"

    def __init__(self, archive: bytes, **run: object) -> None:
        self.archive = archive
        self.run = {
            "path": ".github/workflows/monitor.yml",
            "event": "schedule",
            "head_branch": "main",
            "head_sha": git("rev-parse", "HEAD"),
            "head_repository": {"full_name": self.repository},
            **run,
        }

    def get(self, path: str) -> dict:
        assert path == "actions/runs/12"
        return self.run

    def pages(self, path: str, **_: object) -> list[dict]:
        assert path == "actions/runs/12/artifacts"
        return [{"id": 1, "expired": True}, {"id": 2, "expired": False}]

    def download(self, path: str, most: int) -> bytes:
        assert path == "https://api/repos/o/r/actions/artifacts/2/zip"
        assert len(self.archive) < most
        return self.archive


@pytest.mark.parametrize(("name", "good"), [("finding.json", True), ("../finding.json", False)])
def test_a_finding_is_read_from_the_artifact_of_its_run_and_nothing_is_unpacked(
    home, monkeypatch, name, good
):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(name, alert().model_dump_json())
    monkeypatch.setattr(heard.GitHub, "of_this_run", lambda: Site(archive.getvalue()))
    before = set(home.rglob("finding.json"))
    heard.record("monitor", "failure", None, None, TODAY, of_run=12)
    (one,) = heartbeats.known()
    assert one.good is good
    assert set(home.rglob("finding.json")) == before


@pytest.mark.parametrize(
    "run",
    [
        {"head_sha": "1" * 40},
        {"head_branch": "evil"},
        {"path": ".github/workflows/evil.yml"},
        {"event": "push"},
        {"head_repository": {"full_name": "stranger/model"}},
        {"head_repository": None},
    ],
)
def test_a_run_of_that_name_that_is_not_main_s_own_is_no_heartbeat(home, monkeypatch, run):
    """A schedule that stopped would look alive, and a finding could say what its author likes."""
    monkeypatch.setattr(heard.GitHub, "of_this_run", lambda: Site(b"", **run))
    assert heard.record("monitor", "success", None, None, TODAY, of_run=12).startswith("not recorded")
    assert not heartbeats.known()


def test_an_archive_that_is_none_is_no_decision(home, monkeypatch):
    monkeypatch.setattr(heard.GitHub, "of_this_run", lambda: Site(b"no archive"))
    heard.record("monitor", "failure", None, None, TODAY, of_run=12)
    assert not heartbeats.known()[0].good


def test_the_command_writes_the_pages_of_a_repository_without_a_release(clone, tmp_path, monkeypatch):  # noqa: F811
    (clone / "deploy").mkdir()
    shutil.copy2(ROOT / "deploy/slo.yaml", clone / "deploy")
    done = CliRunner().invoke(app, ["status", "--to", str(tmp_path / "site"), "--now", "2026-01-20"])
    assert done.exit_code == 0, done.output
    assert "serves     nothing" in done.output
    assert "Nothing has been released yet" in (tmp_path / "site/index.html").read_text()
    assert json.loads((tmp_path / "site/made.json").read_text())
