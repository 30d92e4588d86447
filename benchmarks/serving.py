"""Answers over HTTP from one machine, beside other ways to serve the same model, and where our time goes.

Load by wrk on the same cores, connections kept alive, OMP_NUM_THREADS=1 for all. Ours asks its feature store
and records every prediction; peers get the features in the body and do neither. The bound is the compiled
model on bare ASGI (uvloop, httptools), without contract, store and record. Before it is timed, each server's
scores are those of the Pipeline within 1e-6. p99 is as wrk says it.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import requests

from benchmarks.timing import Row

ROOT = Path(__file__).parent.parent
LOAD = Path(__file__).with_name("load.lua")
BIN = Path(sys.executable).parent
SECONDS, WARM_UP = 3, 1  # of each point; wrk knows whole ones only
CONNECTIONS = (1, 8, 32)
SIZES = (1, 100)  # rows of a request
BODIES = {1: 200, 100: 10}  # different ones, sent in turn
DECIDED_AT = pd.Timestamp("2013-06-03T00:30Z")  # half an hour after windows.as_of: features are fresh
SAME = 1e-6
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:]+Z")
READY = 90.0  # seconds that a server may take to start
LIFE = "900"  # seconds after which a server ends, whatever becomes of us

Load = tuple[int, int]  # rows, connections
LOADS: list[Load] = [(rows, connections) for rows in SIZES for connections in CONNECTIONS]


@dataclass(frozen=True)
class Server:
    """A way to serve: its command on a port, its body of rows, and the scores in its answer."""

    name: str
    command: Callable[[int], list[str]]
    body: Callable[[list[dict[str, Any]]], Any]
    scores: Callable[[Any], list[float]]
    path: str = "/predict"
    workers: int = 1
    env: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}, {self.workers} worker{'s' if self.workers > 1 else ''}"


@dataclass(frozen=True)
class Seen:
    """What wrk saw at a point: requests per second, the 99th percentile in milliseconds."""

    per_second: float
    p99_ms: float


Seens = dict[tuple[str, Load], list[Seen]]


def measure(runs: int) -> list[Row]:
    """Requests per second of each server under each load, the goals, and the parts of one request of ours."""
    if shutil.which("wrk") is None:
        sys.exit("error: no wrk, which makes the load\n  to do: apt install wrk")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        servers = _servers(_prepare(place))
        asked, scores = _requests(place)
        found: Seens = {}
        parts = []
        for _ in range(runs):
            for server, load, seen in _measure(servers, place, asked, scores):
                found.setdefault((str(server), load), []).append(seen)
            parts.append(_parts(place, asked))
        return [*_rates(servers, found), *_goals(found), *_where(parts, found)]


# What is served


def _without_zone(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times in UTC as MLflow takes them."""
    return {
        name: value.removesuffix("Z") if isinstance(value, str) and INSTANT.fullmatch(value) else value
        for name, value in row.items()
    }


def _prepare(place: Path) -> str:
    """Copies of what is served, features in a store, the peers' models. Returns the URI of MLflow's."""
    (place / "models").mkdir()
    for name in ("model.skops", "lineage.json", "reference.json", "card.md", "card.json"):
        shutil.copy(ROOT / "models" / name, place / "models" / name)
    for workers in (1, 2):
        _copy_params(place, workers)
    fill = "from loop.serve import materialize; materialize.main(None)"
    _run([sys.executable, "-c", fill], place, ROOT)
    return _run([sys.executable, "-m", "benchmarks.servers.prepare"], place, place).splitlines()[-1]


def _copy_params(place: Path, workers: int) -> None:
    text = (ROOT / "params.yaml").read_text()
    head, serve = text.split("\nserve:", 1)
    lines = [f"  workers: {workers}" if line.startswith("  workers:") else line for line in serve.split("\n")]
    home = place / f"workers{workers}"
    home.mkdir()
    (home / "params.yaml").write_text(f"{head}\nserve:" + "\n".join(lines))
    (home / "models").symlink_to(place / "models")
    if workers == 1:
        (place / "params.yaml").symlink_to(home / "params.yaml")


def _servers(mlflow_model: str) -> list[Server]:
    bento = [str(BIN / "bentoml"), "serve", "--host", "127.0.0.1"]
    uvicorn = [str(BIN / "uvicorn"), "--host", "127.0.0.1", "--no-access-log", "--log-level", "warning"]
    mlflow = [str(BIN / "mlflow"), "models", "serve", "--model-uri", mlflow_model, "--env-manager", "local"]

    def ours(workers: int) -> Server:
        return Server(
            "ours",
            lambda port: [*bento, "--port", str(port), "loop.serve.service:Service"],
            lambda rows: _contract(rows) if len(rows) > 1 else _contract(rows)[0],
            lambda found: [one["score"] for one in (found if isinstance(found, list) else [found])],
            workers=workers,
        )

    def textbook(workers: int) -> Server:
        return Server(
            "peer: FastAPI, pydantic, Pipeline on a frame",
            lambda port: [
                *uvicorn,
                "--port",
                str(port),
                "--workers",
                str(workers),
                "benchmarks.servers.textbook:app",
            ],
            lambda rows: rows,
            lambda found: found,
            workers=workers,
        )

    return [
        ours(1),
        ours(2),
        textbook(1),
        textbook(2),
        Server(
            "peer: mlflow models serve",
            lambda port: [*mlflow, "--port", str(port), "--workers", "1"],
            lambda rows: {"dataframe_records": [_without_zone(row) for row in rows]},
            lambda found: [pair[1] for pair in found["predictions"]],
            path="/invocations",
        ),
        Server(
            "peer: BentoML, pydantic, Pipeline on a frame",
            lambda port: [*bento, "--port", str(port), "benchmarks.servers.plain:Plain"],
            lambda rows: {"rows": rows},
            lambda found: found,
        ),
        Server(
            "the bound",
            lambda port: [
                *uvicorn,
                "--port",
                str(port),
                "--loop",
                "uvloop",
                "--http",
                "httptools",
                "benchmarks.servers.bound:app",
            ],
            lambda rows: rows,
            lambda found: found,
        ),
    ]


def _requests(place: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Requests for which the store's features are fresh, with these; and the Pipeline's scores."""
    from loop.data import columns
    from loop.model import lineage, model_file
    from loop.serve import online
    from loop.serve.store import open_store
    from loop.settings.paths import HOLDOUT, MODEL
    from problem import model, schema

    number = max(rows * BODIES[rows] for rows in SIZES)
    frame = pd.read_parquet(ROOT / HOLDOUT, columns=list(schema.REQUEST.columns)).iloc[-number:]
    later = DECIDED_AT - frame["decided_at"]
    times = [name for name in frame if isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    frame = frame.assign(**{name: frame[name] + later for name in times})
    features = online.Features(open_store(_env(place)["LOOP_FEATURES"]))
    found = features.of(columns.of_frame(frame))
    assert (found.states == online.FRESH).mean() > 0.9, "the store's features are not those of the requests"
    frame = frame.assign(**dict(zip(features.names, found.numbers.T, strict=True)))
    pipeline = model_file.read(ROOT / MODEL, lineage.load()["model"]["sha256"], model.TRUSTED)
    scores = model.score(pipeline, frame)
    texts = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in times})
    plain = texts.astype(object).where(texts.notna(), None)
    return plain.to_dict("records"), scores


def _contract(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from problem import schema

    return [{name: row[name] for name in schema.REQUEST.columns} for row in rows]


# Measuring


def _measure(
    servers: list[Server], place: Path, asked: list[dict[str, Any]], scores: np.ndarray
) -> Iterator[tuple[Server, Load, Seen]]:
    """All servers are up, and one has work: each load meets one after the other, for the sake of ratios."""
    with ExitStack() as stack:
        urls = [stack.enter_context(_running(server, place)) for server in servers]
        for rows, connections in LOADS:
            for server, url in zip(servers, urls, strict=True):
                bodies = _bodies(server, url, rows, asked, scores)
                file = place / "bodies"
                file.write_text("\n".join(bodies) + "\n")
                _wrk(server, url, file, connections, WARM_UP)
                yield server, (rows, connections), _wrk(server, url, file, connections, SECONDS)


def _bodies(
    server: Server, url: str, rows: int, asked: list[dict[str, Any]], scores: np.ndarray
) -> list[str]:
    """The bodies of a server, some of which it was seen to answer as it should."""
    chunks = [asked[at * rows : (at + 1) * rows] for at in range(BODIES[rows])]
    bodies = [json.dumps(server.body(chunk)) for chunk in chunks]
    for at, body in enumerate(bodies[:10]):
        answer = server.scores(_post(url, body))
        _compare(server, answer, scores[at * rows : (at + 1) * rows])
    return bodies


def _compare(server: Server, found: list[float], scores: np.ndarray) -> None:
    if len(found) != len(scores) or not np.abs(np.array(found) - scores).max() <= SAME:
        sys.exit(f"error: {server} answers {found[:3]}, the Pipeline {scores[:3].tolist()}")


def _wrk(server: Server, url: str, bodies: Path, connections: int, seconds: int) -> Seen:
    command = ["wrk", f"-c{connections}", "-t1", f"-d{seconds}s", "--timeout", "20s", "-s", str(LOAD), url]
    done = subprocess.run(
        [*command, "--", str(bodies)], capture_output=True, text=True, check=True, timeout=60
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    if seen["refused"] or seen["failed"] or not seen["requests"]:
        sys.exit(f"error: {server} at {connections} connections: {seen}\n{done.stdout}")
    return Seen(seen["requests"] / seen["seconds"], seen["p99_ms"])


@contextmanager
def _running(server: Server, place: Path) -> Iterator[str]:
    """The URL of a server that answers; it and all that it started end with the block."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    said = place / f"{port}.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            ["timeout", LIFE, *server.command(port)],
            cwd=place / f"workers{server.workers}",
            env=_env(place),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(server, url, process, said)
            yield url + server.path
        finally:
            _stop(process)


def _wait(server: Server, url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    """Until it answers anything but 503, and all its workers had time to start."""
    end = time.monotonic() + READY
    while time.monotonic() < end and process.poll() is None:
        if _status(url + "/readyz") not in (0, 503):
            return time.sleep(2.0 if server.workers > 1 else 0.0)
        time.sleep(0.1)
    sys.exit(f"error: {server} does not answer\n{said.read_text()[-3000:]}")


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=2).status_code
    except requests.RequestException:
        return 0


def _post(url: str, body: str) -> Any:
    answer = requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=20)
    if answer.status_code != 200:
        sys.exit(f"error: {url} says {answer.status_code}: {answer.text[:2000]}")
    return answer.json()


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _env(place: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LOOP_", "MLFLOW_", "BENTOML_", "PROMETHEUS_"))
    }
    return {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "LOOP_FEATURES": str(place / "online"),
        "LOOP_PREDICTIONS": str(place / "predictions"),
        "LOOP_COMMIT": "benchmark",
        "BENTOML_HOME": str(place / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
    }


def _run(command: list[str], place: Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=_env(place), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: `{' '.join(command)}` failed\n{done.stderr[-3000:]}")
    return done.stdout


def _parts(place: Path, asked: list[dict[str, Any]]) -> dict[str, float]:
    bodies = place / "bodies"
    bodies.write_text("\n".join(json.dumps(row) for row in _contract(asked[: BODIES[1]])) + "\n")
    command = [sys.executable, "-m", "benchmarks.servers.parts", str(bodies)]
    return dict(json.loads(_run(command, place, place / "workers1").splitlines()[-1]))


# Rows of the table


def _rates(servers: list[Server], found: Seens) -> Iterator[Row]:
    for load in LOADS:
        for server in servers:
            seen = found[str(server), load]
            p99 = median(one.p99_ms for one in seen)
            yield Row(
                f"{_named(load)}: {server}",
                [one.per_second for one in seen],
                note=f"p99 {p99:.1f} ms",
                unit="requests/s",
            )


def _named(load: Load) -> str:
    rows, connections = load
    return f"{rows} row{'s' if rows > 1 else ''}, {connections} connection{'s' if connections > 1 else ''}"


def _goals(found: Seens) -> Iterator[Row]:
    """How we compare, at the load where we do worst."""
    textbook = "peer: FastAPI, pydantic, Pipeline on a frame"
    for workers in ("1 worker", "2 workers"):
        ours, peer = f"ours, {workers}", f"{textbook}, {workers}"
        yield _worst(f"{ours}: times the requests of FastAPI", found, ours, peer, min, least=10)
        yield _worst(f"{ours}: p99 in times of FastAPI's", found, ours, peer, max, goal=1)
    yield _worst(
        "ours: share of the bound's requests", found, "ours, 1 worker", "the bound, 1 worker", min, least=0.5
    )


def _worst(what: str, found: Seens, ours: str, peer: str, worst: Callable[..., Load], **goal: float) -> Row:
    name = "per_second" if worst is min else "p99_ms"
    ratios = {
        load: [
            getattr(mine, name) / getattr(theirs, name)
            for mine, theirs in zip(found[ours, load], found[peer, load], strict=True)
        ]
        for load in LOADS
    }
    at = worst(LOADS, key=lambda load: median(ratios[load]))
    others = ", ".join(f"{median(ratios[load]):.2g}" for load in LOADS)
    return Row(what, ratios[at], note=f"worst at {_named(at)}; at all loads {others}", unit="", **goal)


def _where(parts: list[dict[str, float]], found: Seens) -> Iterator[Row]:
    """Microseconds of one request of one row at one connection."""
    client = [1e6 / seen.per_second for seen in found["ours, 1 worker", (1, 1)]]
    bound = [1e6 / seen.per_second for seen in found["the bound, 1 worker", (1, 1)]]
    for part in parts[0]:
        if part != "whole":
            yield Row(f"one request of ours: {part}", [each[part] for each in parts], unit="µs")
    inside = [each["whole"] for each in parts]
    yield Row("one request of ours: all of these, unwatched", inside, unit="µs")
    rest = [outer - inner for outer, inner in zip(client, inside, strict=True)]
    yield Row(
        "one request of ours: HTTP, both sides", rest, unit="µs", note="what the client sees, less these"
    )
    yield Row("one request of ours, as the client sees it", client, unit="µs")
    yield Row("one request of the bound, as the client sees it", bound, unit="µs")
