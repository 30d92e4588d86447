"""Real Prometheus and Alertmanager, and a real server broken in each way: every alert comes and goes.

Durations are scaled down; what is waited for is a notification, for as long as a busy machine takes.
"""

import http.client
import json
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from conftest import BIN, ROOT, Repo, copy
from loop.deploy import alerting, dashboard, nginx
from loop.production import transitions
from loop.settings import slo
from problem import schema
from support import findings
from support.backends import free_port
from support.states import NOW, policy, serving, version

PATIENCE = 180  # seconds for a notification, on a machine that runs other tests too
SHORT, LONG = 1 / 300, 1 / 7200  # of minutes and hours; of hours and days
OF_DAYS = ("_2h", "_6h", "_1d", "_3d", "Slowly", "DecisionShareMoved")
NEEDED = ("prometheus", "prometheus-alertmanager", "nginx")
FAULT = """

_whole = Predictor.predict


def _broken(self: Predictor, requests: Columns, given: bool = False) -> Predictions:
    import pathlib
    import time

    if pathlib.Path("fails").exists():
        raise RuntimeError("broken by the test")
    if pathlib.Path("hangs").exists():
        time.sleep(1.2)
    return _whole(self, requests, given)


Predictor.predict = _broken


def _set_the_clock() -> None:
    import pathlib
    import time

    right = time.time
    time.time = lambda: right() + 600 * pathlib.Path("ahead").exists()


_set_the_clock()
"""
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)),
    reason="on Debian, apt install prometheus prometheus-alertmanager nginx-light",
)


def rules(promised: slo.Slo) -> dict:
    """The rules with all durations scaled: those of minutes by one factor, those of days by another."""
    short, long = (yaml.safe_load(alerting.files(promised, by)["rules.yaml"]) for by in (SHORT, LONG))
    for group, other in zip(short["groups"], long["groups"], strict=True):
        pairs = zip(group["rules"], other["rules"], strict=True)
        names = ((one.get("alert") or one["record"], one, slow) for one, slow in pairs)
        group["rules"] = [slow if name.endswith(OF_DAYS) else one for name, one, slow in names]
    return short


class Inbox:
    """Where Alertmanager posts: the last status of each alert, with its receiver and runbook."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.got: list[tuple[str, str, str, str]] = []  # receiver, alert, status, runbook
        self._news = threading.Condition()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with inbox._news:
                    for one in told["alerts"]:
                        name = one["labels"]["alertname"]
                        inbox.status[name] = one["status"]
                        about = (self.path[1:], name, one["status"], one["annotations"]["runbook_url"])
                        inbox.got.append(about)
                    inbox._news.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, alert: str, status: str) -> None:
        """Until an alert is firing, or resolved."""
        with self._news:
            arrived = self._news.wait_for(lambda: self.status.get(alert) == status, PATIENCE)
        assert arrived, f"{alert} is {self.status.get(alert)}, not {status}; {self.status}"


@dataclass
class Traffic:
    """Requests without a pause; every `bad_every`-th is of the bad kind."""

    port: int
    good: dict
    bad: dict | None = None
    bad_every: int = 1
    rows: int = 1
    before: str | None = None  # a file that is there while a bad one is asked
    end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self.end.is_set():
            number += 1
            turn, before = number % self.bad_every == 0, self.before
            body = self.bad if self.bad and turn else self.good
            try:
                if before and turn:
                    Path(before).touch()
                asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                kind = {"Content-Type": "application/json"}
                asked.request("POST", "/predict", json.dumps([body] * self.rows), kind)
                asked.getresponse().read()
                asked.close()
            except OSError:
                time.sleep(0.05)  # the server is down, as some tests want it
            finally:
                if before:
                    Path(before).unlink(missing_ok=True)
            time.sleep(0.002)


@contextmanager
def running(command: list[str], cwd: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen]:
    log = (cwd / f"{Path(command[0]).name}.log").open("a")
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)  # it may have been killed before
        log.close()


@dataclass
class Watched:
    """A server, what watches it, and where its notifications arrive."""

    home: Repo
    folder: Path
    port: int
    prometheus: int
    inbox: Inbox
    stack: ExitStack
    example: dict
    traffic: Traffic
    watchers: dict[str, list[str]]
    server: ExitStack = field(default_factory=ExitStack)
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self) -> None:
        place = {"LOOP_PREDICTIONS": str(self.home.path / "predictions"), "LOOP_COMMIT": "c0ffee"}
        place |= {"LOOP_PERSONAL_KEY": "k" * 32, "BENTOML_HOME": str(self.home.path / "bento")}
        command = [str(BIN / "loop"), "serve", "--port", str(self.port)]
        self.server.enter_context(running(command, self.home.path, self.home.environment() | place))

    def watch(self, name: str) -> None:
        """Start Prometheus, or Alertmanager."""
        command = running([name, *self.watchers[name]], self.folder)
        self.processes[name] = self.stack.enter_context(command)

    def kill(self, name: str) -> None:
        """End one of them as a host does that loses its power."""
        self.processes[name].kill()
        self.processes[name].wait(60)

    def alert(self, name: str, state: str) -> dict:
        """An alert in Prometheus, once it has this state."""
        end, found = time.monotonic() + PATIENCE, {}
        while found.get("state") != state:
            assert time.monotonic() < end, (name, state, found)
            with suppress(OSError):
                every = json.loads(self.ask("/api/v1/alerts", self.prometheus))["data"]["alerts"]
                found = next((one for one in every if one["labels"]["alertname"] == name), {})
            time.sleep(0.1)
        return found

    def ask(self, path: str, port: int | None = None) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=30) as found:
            return found.read().decode()

    def until(self, path: str, port: int | None = None) -> None:
        """Wait until an address answers."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask(path, port)
                return
            except OSError:
                assert time.monotonic() < end, path
                time.sleep(0.1)

    def query(self, expression: str) -> list:
        asked = urllib.parse.quote(expression)
        return json.loads(self.ask(f"/api/v1/query?query={asked}", self.prometheus))["data"]["result"]

    @contextmanager
    def broken(self, alert: str, **how: object) -> Iterator[None]:
        """Traffic of another kind until the alert fires, and of the usual one until it has ended."""
        usual = {name: getattr(self.traffic, name) for name in how}
        for name, value in how.items():
            setattr(self.traffic, name, value)
        try:
            yield
            self.inbox.wait(alert, "firing")
        finally:
            for name, value in usual.items():
                setattr(self.traffic, name, value)
        self.inbox.wait(alert, "resolved")


def promised(inbox: Inbox) -> slo.Slo:
    """The objectives of the template, of fewer requests, told to our inbox."""
    values = yaml.safe_load((ROOT / "deploy/slo.yaml").read_text())
    values["objectives"]["requests_min"] = 5
    values["objectives"]["latency"]["seconds"] = 1.0  # which a busy machine does not take by itself
    post = f"http://127.0.0.1:{inbox.server.server_port}"
    values["receivers"] = {name: f"{post}/{name}" for name in ("page", "ticket")}
    return slo.Slo.model_validate(values)


def watch(stack: ExitStack, home: Repo, example: dict, page: int) -> Watched:
    """Start a server of the repository `home`, Alertmanager and Prometheus, in its deploy/monitoring."""
    inbox, port, seen, told = Inbox(), free_port(), free_port(), free_port()
    stack.callback(inbox.server.shutdown)
    made = alerting.files(promised(inbox), SHORT)
    folder = home.path / "deploy/monitoring"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules(promised(inbox))))
    (folder / "alertmanager.yaml").write_text(made["alertmanager.yaml"])
    config = yaml.safe_load(made["prometheus.yaml"])
    config["global"] = {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "300ms"}
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{told}"]
    config["scrape_configs"][1]["static_configs"][0]["targets"] = [f"127.0.0.1:{page}"]
    for job in config["scrape_configs"]:
        job["scrape_interval"] = "200ms"
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (home.path / ".deploy").mkdir()
    (home.path / ".deploy/targets.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
    traffic = Traffic(port, example)
    alone = ["--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{told}", "--storage.path=am"]
    where = [f"--web.listen-address=127.0.0.1:{seen}", "--storage.tsdb.path=tsdb"]
    watchers = {
        "prometheus-alertmanager": ["--config.file=alertmanager.yaml", *alone],
        "prometheus": ["--config.file=prometheus.yaml", *AGAIN, *where],
    }
    made_of = Watched(home, folder, port, seen, inbox, stack, example, traffic, watchers)
    stack.enter_context(made_of.server)
    made_of.start()
    made_of.until("/readyz")
    threading.Thread(target=traffic.run, daemon=True).start()
    stack.callback(traffic.end.set)
    for name in watchers:
        made_of.watch(name)
    made_of.until("/-/ready", seen)
    return made_of


@contextmanager
def site(folder: Path) -> Iterator[int]:
    """A folder by HTTP, as GitHub Pages has it; its port."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(folder))

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # who scrapes in a hurry hangs up

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


AGAIN = ["--rules.alert.for-grace-period=200ms", "--rules.alert.resend-delay=5s"]  # by default 10m and 1m
KEPT = "sum(count_over_time(loop_unknown_categories_total[30m]))"  # samples, those of before a restart too
ALWAYS = {"MonitoringSilent", "FeaturesLag", "FeaturesMissing"}  # of the example, whose store is empty
OPEN = "dest"  # a column of the example whose categories the contract leaves open
REQUEST = {
    **{"patient": "p500", "day": "2020-08-02", "clinic": "north", "age": 59.0, "blood_pressure": 101.0},
    **{"hdl": 38.0, "log_triglycerides": 4.9, "bmi": 20.0, "decided_at": "2020-08-02T13:00:00Z"},
}


def quick(repo: Repo, threshold: float | None) -> None:
    """A log that is soon full, a threshold, and faults that a file switches on."""
    repo.set_param("serve.threshold", threshold)
    repo.set_param("serve.log.rows_max", 200)
    repo.append("src/loop/serve/predict.py", FAULT)


def wait_for_panels(watched: Watched, empty: list[str]) -> None:
    """Until every query of the dashboard has a series, but for those that the problem has none for."""
    board = dashboard.dashboard(promised(watched.inbox), lambda seconds: alerting.duration(seconds / 30))
    queries = {
        f"{panel['title']}: {one['legendFormat']}": one["expr"]
        for panel in board["panels"]
        for one in panel["targets"]
    }
    end, found = time.monotonic() + PATIENCE, None
    while found != empty and time.monotonic() < end:
        found = [name for name, query in queries.items() if not watched.query(query)]
    assert found == empty


@contextmanager
def fallen(watched: Watched, folder: Path) -> Iterator[int]:
    """Have nginx before the server as champion and a challenger that is not there; its port."""
    listen = free_port()
    stages = policy(("canary", 50, False)).model_copy(update={"timeout_ms": 2000})
    state = transitions.enter(serving(1), version(2), stages, NOW)
    ports = {(1, "champion"): watched.port, (2, "challenger"): free_port()}
    proxy = nginx.Proxy(folder)
    proxy.apply(nginx.render(state, stages, ports, nginx.Site(f"127.0.0.1:{listen}", 64, grace=2)))
    yield listen
    proxy.process().stop(2)


def test_every_alert_comes_and_goes(  # noqa: PLR0915 - one server for all, one fault after the other
    small_home, tmp_path
):
    """A regression that decides by a threshold, broken in one way after the other."""
    with ExitStack() as stack:
        repo = copy(small_home, tmp_path / "repo")
        quick(repo, 150.0)
        repo.set_param("validate.limits.rows_per_day_min", 0)
        page = tmp_path / "page"
        page.mkdir()
        watched = watch(stack, repo, REQUEST, stack.enter_context(site(page)))
        inbox = watched.inbox
        inbox.wait("MonitoringSilent", "firing")  # nobody ever heard of it
        inbox.wait("FeaturesLag", "firing")  # the store is of 2020
        repo.run("loop", "release", "record")
        old = datetime.now(UTC) - timedelta(days=10)
        (tmp_path / "finding.json").write_text(findings.quiet().model_dump_json())
        given = ("--finding", str(tmp_path / "finding.json"))
        repo.run("loop", "heartbeat", "monitor", "--result", "success", *given)
        repo.run("loop", "heartbeat", "release", "--result", "success", "--now", f"{old:%Y-%m-%dT%H:%MZ}")
        for name in ("audit", "reproduce"):
            repo.run("loop", "heartbeat", name, "--result", "success")
        repo.run("loop", "status", "--to", str(page))
        inbox.wait("MonitoringSilent", "resolved")
        inbox.wait("ScheduleSilent", "firing")  # of the release, and of update.yml: it never ran
        for name in ("release", "update"):
            repo.run("loop", "heartbeat", name, "--result", "success")
        repo.run("loop", "status", "--to", str(page))
        inbox.wait("ScheduleSilent", "resolved")

        fails, hangs = str(repo.path / "fails"), str(repo.path / "hangs")
        with watched.broken("AvailabilityBurnsSlowly", before=fails, bad_every=50):
            pass
        with watched.broken("AvailabilityBurnsFast", before=fails):
            pass
        with watched.broken("LatencyBurnsSlowly", before=hangs, bad_every=25):
            pass
        with watched.broken("LatencyBurnsFast", before=hangs):
            pass
        late = REQUEST | {"decided_at": "2020-12-01T13:00:00Z"}
        with watched.broken("FeaturesStale", bad=late):
            pass
        early = REQUEST | {"decided_at": "2020-02-01T13:00:00Z"}
        with watched.broken("FeaturesMissing", bad=early):
            pass
        with watched.broken("DecisionShareMoved", bad=REQUEST | {"bmi": 70.0}):
            pass
        with watched.broken("ClockSkew"):
            (repo.path / "ahead").touch()
            inbox.wait("ClockSkew", "firing")
            (repo.path / "ahead").unlink()
        log = repo.path / "predictions/log"
        with watched.broken("PredictionLogDrops", rows=50):
            log.rename(log.with_name("away"))
            log.touch()
            inbox.wait("PredictionLogDrops", "firing")
            log.unlink()
        with (
            fallen(watched, tmp_path / "nginx") as listen,
            watched.broken("ChallengerFallsBack", port=listen),
        ):
            pass
        repo.run("loop", "materialize", "--as-of", f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}")
        inbox.wait("FeaturesLag", "resolved")
        wait_for_panels(watched, ["Values that training never saw: {{column}}"])  # no column holds any
        watched.server.close()
        for alert in ("ModelDown", "ServerDown"):
            inbox.wait(alert, "firing")
        watched.start()
        for alert in ("ModelDown", "ServerDown"):
            inbox.wait(alert, "resolved")

        every = {
            one["alert"]: one
            for group in rules(promised(inbox))["groups"]
            for one in group["rules"]
            if "alert" in one
        }
        came = {(alert, status) for _, alert, status, _ in inbox.got}
        missed = {(name, status) for name in every for status in ("firing", "resolved")} - came
        assert missed == {("UnknownCategories", status) for status in ("firing", "resolved")}
        for receiver, alert, _, runbook in inbox.got:
            assert receiver == every[alert]["labels"]["severity"]
            assert (ROOT / "docs/runbook" / Path(runbook).name).is_file()


def test_a_classification_is_watched_by_the_same_rules(finished, tmp_path):
    """The example: values that training never saw, which the regression's columns cannot hold."""
    with ExitStack() as stack:
        page = stack.enter_context(site(tmp_path))
        example = dict(schema.REQUEST_EXAMPLES[0])
        watched = watch(stack, copy(finished, tmp_path / "repo"), example, page)
        inbox = watched.inbox
        with watched.broken("UnknownCategories", bad=example | {OPEN: "ZZZ"}):
            pass
        watched.kill("prometheus-alertmanager")
        with watched.broken("UnknownCategories", bad=example | {OPEN: "ZZZ"}):
            since = watched.alert("UnknownCategories", "firing")["activeAt"]
            kept, before = watched.query(KEPT)[0], list(inbox.got)
            watched.kill("prometheus")
            watched.watch("prometheus")
            assert watched.alert("UnknownCategories", "firing")["activeAt"][:19] == since[:19]
            assert float(watched.query(KEPT)[0]["value"][1]) >= float(kept["value"][1]) > 0
            assert inbox.got == before  # there is nobody to tell it
            watched.watch("prometheus-alertmanager")
        told = [(alert, status) for _, alert, status, _ in inbox.got if alert not in ALWAYS]  # no other
        assert told == [("UnknownCategories", one) for one in ("firing", "resolved")] * 2
        assert {one["metric"]["column"] for one in watched.query("loop_unknown_categories_total > 0")} == {
            OPEN
        }
        assert {one["metric"]["decision"] for one in watched.query("loop_decisions_total > 0")}
