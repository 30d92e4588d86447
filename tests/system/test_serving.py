"""The server as a process: it answers soon, survives what hits it, and keeps every prediction on record."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from conftest import BIN, ROOT, Repo
from loop.serve import collect, materialize
from problem import schema

EXAMPLE = dict(schema.REQUEST_EXAMPLES[0])
READY = 600  # seconds, on a machine that runs other tests too


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def asked(url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    named = {"Content-Type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
    try:
        request = urllib.request.Request(url, data, named)  # noqa: S310 - a server of our own
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@dataclass
class Running:
    """A server, its address, and its place."""

    process: subprocess.Popen[str]
    url: str
    predictions: Path
    output: list[str] = field(default_factory=list)

    def listen(self) -> None:
        for line in self.process.stdout:
            self.output.append(line)

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY
        while "The model answers" not in "".join(self.output) and time.monotonic() < until:
            assert self.process.poll() is None, "".join(self.output)
            time.sleep(0.05)
        assert "The model answers" in "".join(self.output), "".join(self.output)

    def stop(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)  # as Ctrl-C does
        return self.process.wait(timeout=120)

    def kill(self) -> None:
        """As a machine that loses its power: all processes of the server at once."""
        if self.process.poll() is None:
            supervisor = psutil.Process(self.process.pid)
            family = [supervisor, *supervisor.children(recursive=True)]
            for member in family:
                member.kill()
            self.process.wait(timeout=120)
            psutil.wait_procs(family, timeout=120)


@pytest.fixture(scope="module")
def store(finished: Repo, tmp_path_factory) -> str:
    """A feature store that is filled."""
    folder = tmp_path_factory.mktemp("online")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished.path)
        patch.setenv("LOOP_FEATURES", str(folder))
        materialize.main(None)
    return str(folder)


@pytest.fixture
def start(finished: Repo, store: str, tmp_path: Path) -> Iterator[Any]:
    """Starts servers of the finished repository in folders of their own, and ends them."""
    running: list[Running] = []

    def started(workers: int = 1, *, by: Sequence[str] = (), **environment: str) -> Running:
        home = tmp_path / str(len(running))
        home.mkdir()
        for name in ("src", "models", "dvc.yaml"):
            (home / name).symlink_to(finished.path / name)
        values = yaml.safe_load(finished.text("params.yaml"))
        values["serve"]["workers"] = workers
        (home / "params.yaml").write_text(yaml.safe_dump(values))
        port = free_port()
        place = {
            "LOOP_FEATURES": store,
            "LOOP_PREDICTIONS": str(home / "predictions"),
            "LOOP_COMMIT": "c0ffee",
        }
        process = subprocess.Popen(
            [*by, f"PORT={port}"] if by else [str(BIN / "loop"), "serve", "--port", str(port)],
            cwd=home,
            env=finished.environment() | {"BENTOML_HOME": str(home / "bento")} | place | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        server = Running(process, f"http://127.0.0.1:{port}", home / "predictions")
        threading.Thread(target=server.listen, daemon=True).start()
        running.append(server)
        server.wait_until_ready()
        return server

    yield started
    for server in running:
        server.kill()


@contextmanager
def mounted(url: str, prefix: str) -> Iterator[str]:
    """A proxy that has the server under a prefix, and nothing else."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            within = self.path.startswith(prefix)
            path, kind = self.path.removeprefix(prefix), {"Content-Type": "application/json"}
            request = urllib.request.Request(f"{url}/{path if within else 'nowhere'}", body, kind)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
                    status, headers, found = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, headers, found = error.code, error.headers, error.read()
            self.send_response(status)
            self.send_header("Content-Type", headers["Content-Type"])
            self.end_headers()
            self.wfile.write(found)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}{prefix}"
        proxy.shutdown()


def on_record(server: Running) -> set[str]:
    collect.collect(server.predictions, pd.Timestamp("2013-06-10T00:00Z"), 10_000)
    tables = [pd.read_parquet(path) for path in (server.predictions / "days").glob("*.parquet")]
    return {name for table in tables for name in table["id"]}


def test_it_answers_the_request_that_it_prints_shows_itself_in_a_browser_and_stops_with_all_on_record(
    start, browser, tmp_path
):
    server = start()
    output = "".join(server.output)
    command = re.search(r"^curl .*?}'$", output, re.MULTILINE | re.DOTALL)
    printed = subprocess.run(
        ["sh", "-c", command.group()], capture_output=True, text=True, timeout=120, check=True
    )
    answer = json.loads(printed.stdout)
    assert 0 < answer["score"] < 1
    assert answer["contributions"]
    assert [asked(f"{server.url}/{path}")[0] for path in ("healthz", "readyz", "livez", "nowhere")] == [
        200
    ] * 3 + [404]
    assert json.loads(asked(f"{server.url}/model")[1])["commit"] == "c0ffee"

    with mounted(server.url, "/our/model/") as elsewhere:
        for page in (server.url, elsewhere):
            browser.get(page)
            for step in ("#operations-model-predict .opblock-summary-control", ".try-out__btn", ".execute"):
                clickable = expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, step))
                button = WebDriverWait(browser, 120).until(clickable)
                browser.execute_script("arguments[0].scrollIntoView(); arguments[0].click()", button)
            table = (By.CSS_SELECTOR, ".live-responses-table")
            shown = expected_conditions.visibility_of_element_located(table)
            assert '"model_version"' in WebDriverWait(browser, 120).until(shown).text
            assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
            browser.save_screenshot(str(tmp_path / f"page-{page == elsewhere}.png"))

    status, refused = asked(f"{server.url}/predict", EXAMPLE | {"decided_at": "now"})
    assert (status, json.loads(refused)["problems"][0]["field"]) == (400, "decided_at")
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAARAAAAA"}
    java = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=120)
    for _ in range(2):  # over one connection, as Java's HttpClient asks
        java.request("POST", "/predict", json.dumps(EXAMPLE), offer | {"Content-Type": "application/json"})
        assert 0 < json.loads(java.getresponse().read())["score"] < 1
    java.close()
    sent = [f"r{number}" for number in range(200)]
    assert {asked(f"{server.url}/predict", EXAMPLE, X_Request_Id=name)[0] for name in sent} == {200}
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 60
    assert set(sent) <= on_record(server)
    assert "Traceback" not in "".join(server.output)


MAKE = ("make", "-f", str(ROOT / "Makefile"), "-o", "setup", f"RUN={BIN}", "serve")
ENDS = {
    "a kill of make": (MAKE, os.kill, signal.SIGTERM),
    "a terminal that is closed": (MAKE, os.killpg, signal.SIGHUP),
    "a kill -9 of loop serve": ((), os.kill, signal.SIGKILL),
    "a kill -9 of BentoML's process": (
        (),
        lambda pid, number: bentoml(pid).send_signal(number),
        signal.SIGKILL,
    ),
}


def bentoml(pid: int) -> psutil.Process:
    """What `loop serve` has started."""
    return psutil.Process(pid).children()[0]


@pytest.mark.parametrize(("by", "send", "number"), ENDS.values(), ids=ENDS)
def test_however_it_is_ended_nothing_stays_on_its_port(start, by, send, number):
    server = start(by=by)
    family = psutil.Process(server.process.pid).children(recursive=True)
    send(server.process.pid, number)
    server.process.wait(timeout=120)
    assert not psutil.wait_procs(family, timeout=120)[1]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(server.url, timeout=10)  # noqa: S310 - a server of our own


def test_two_workers_killed_under_load_lose_no_prediction_older_than_a_second(start, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("correct-horse-battery-staple\n")
    server = start(workers=2, LOOP_TOKEN_FILE=str(secret))
    authorized = {"Authorization": f"Bearer {secret.read_text().strip()}"}
    assert asked(f"{server.url}/predict", EXAMPLE)[0] == 401
    answered: dict[str, float] = {}
    end = threading.Event()

    def ask(client: int) -> None:
        number = 0
        while not end.is_set():
            name = f"{client}-{number}"
            try:
                status, _ = asked(f"{server.url}/predict", EXAMPLE, X_Request_Id=name, **authorized)
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            answered[name] = time.monotonic()
            number += 1

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(4)]
    for client in clients:
        client.start()
    until = time.monotonic() + READY
    while len(answered) < 300 and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1.5)
    metrics = asked(f"{server.url}/metrics", **authorized)[1]
    killed = time.monotonic()
    server.kill()
    end.set()
    for client in clients:
        client.join(timeout=120)
    old = {name for name, at in answered.items() if at < killed - 1}
    assert len(old) > 200
    assert old <= on_record(server)
    counted = float(re.search(r"^loop_predictions_total (\S+)$", metrics, re.MULTILINE).group(1))
    assert 0.5 * len(old) < counted <= len(answered) + 4
    assert len({path.name for path in server.predictions.glob("log/*")}) == 0


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda home: (home / "models/model.skops").unlink(), "models/model.skops is missing"),
        (lambda home: (home / "models/reference.json").unlink(), "models/reference.json is missing"),
        (
            lambda home: (home / "models/model.skops").write_bytes(b"another"),
            "that the lineage names",
        ),
        (lambda home: (home / "params.yaml").write_text("serve: {treshold: 1}"), "treshold"),
    ],
    ids=["no model", "no reference", "another model", "a typo in params"],
)
def test_what_cannot_be_served_is_reported_before_anything_starts(finished, tmp_path, break_it, message):
    shutil.copytree(finished.path / "models", tmp_path / "models")
    shutil.copy2(finished.path / "params.yaml", tmp_path)
    break_it(tmp_path)
    done = Repo(tmp_path).run(
        "loop", "serve", "--port", str(free_port()), check=False, PYTHONPATH=str(finished.path / "src")
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_whose_code_fails_in_the_server_ends_it_with_one_message(working_copy):
    working_copy.append("src/problem/model.py", "\nundefined_name\n")
    loop = (str(BIN / "python"), "-m", "loop.cli")
    done = working_copy.run(*loop, "serve", "--port", str(free_port()), check=False)
    assert done.returncode == 1
    assert "NameError: name 'undefined_name' is not defined" in done.stderr
    assert done.stderr.count("error: src/problem/model.py, line ") == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_a_port_that_is_taken_is_reported(finished):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = finished.run("loop", "serve", "--port", str(port), check=False)
    assert done.returncode == 1
    assert f"loop serve --port {port + 1}" in done.stderr


def test_a_worker_alone_lets_nobody_wait_where_no_one_reads_and_ends_well(finished, store, tmp_path):
    """As in a cluster's pod, where what starts an ended container again is not in the container."""
    for name in ("src", "models", "params.yaml", "dvc.yaml"):
        (tmp_path / name).symlink_to(finished.path / name)
    port, place = free_port(), {"LOOP_FEATURES": store, "LOOP_PREDICTIONS": str(tmp_path / "predictions")}
    command = [BIN / "python", "-c", f"from loop.serve import container; container.answer({port})"]
    environment = finished.environment() | place | {"BENTOML_HOME": str(tmp_path / "bento")}
    refused: list[bool] = []

    def answers() -> bool:
        try:
            return asked(f"http://127.0.0.1:{port}/readyz")[0] == 200
        except urllib.error.URLError as error:
            refused.append(isinstance(error.reason, ConnectionRefusedError))
            return False

    for end, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment)
        until = time.monotonic() + READY
        while not answers():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        assert psutil.Process(process.pid).children() == []
        assert asked(f"http://127.0.0.1:{port}/predict", EXAMPLE)[0] == 200
        process.send_signal(end)
        assert process.wait(timeout=120) == code
        assert not answers()
    assert all(refused)  # nobody hung
    assert [one.suffix for one in sorted((tmp_path / "predictions/log").iterdir())].count(".jsonl") == 1
