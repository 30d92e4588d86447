"""The proxy as it runs: who answers whom, under which id, and what a challenger's faults may cost."""

import json
import re
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.deploy import nginx
from loop.deploy.nginx import Proxy, Site, render
from loop.production import transitions
from loop.serve import app, http1
from support.backends import Backend, Client, free_port
from support.states import NOW, policy, serving, version

ENTITIES = 4000
HANG = 60.0  # seconds, which a hanging shadow takes at the least
AT_ONCE = 20.0  # seconds: less than HANG, and far more than an answer needs on the busiest machine

pytestmark = [
    pytest.mark.slow,  # a real nginx
    pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx: on Debian, apt install nginx-light"),
]


def staged(*stages, timeout_ms=20_000):
    return policy(*stages).model_copy(update={"timeout_ms": timeout_ms})


SHADOW, BOTH = ("shadow", 0, True), ("both", 20, True)


@pytest.fixture
def backends():
    made = {}

    def named(name, how="well"):
        if name not in made:
            made[name] = Backend(name)
        made[name].how = how
        return made[name]

    yield named
    for backend in made.values():
        backend.stop()


@pytest.fixture
def proxy(tmp_path):
    made = Proxy(tmp_path / "nginx")
    yield made
    process = made.process()
    if process:
        process.stop(2)


@pytest.fixture
def serve(backends, proxy):
    """Has a champion 1 and a challenger 2 at a stage (None: nobody) behind the proxy; its client."""
    port = free_port()

    def started(stage=None, timeout_ms=20_000, number=2):
        stages = staged(*filter(None, [stage]), timeout_ms=timeout_ms)
        state = serving(1)
        ports = {(1, "champion"): backends("champion").port}
        if stage:
            state = transitions.enter(state, version(number), stages, NOW)
            ports |= {(number, role): backends(role).port for role in nginx.roles(stage[1], stage[2])}
        proxy.apply(render(state, stages, ports, Site(f"127.0.0.1:{port}", 64, grace=10)))
        return Client(port)

    return started


def of(client, entities):
    return {entity: client.ask(X_Entity=entity).by for entity in entities}


NAMES = [f"entity {number}" for number in range(ENTITIES)]


def test_requests_without_an_entity_are_shared_out_by_their_id(serve):
    client = serve(("canary", 25, False))
    assert len({client.ask(X_Request_Id="the-same").by for _ in range(30)}) == 1
    assert {client.ask().by for _ in range(100)} == {"champion", "challenger"}


@pytest.mark.parametrize("stage", [None, ("flag", 0, False), SHADOW])
def test_without_a_share_the_champion_answers_all(serve, stage):
    client = serve(stage)
    answers = [client.ask(X_Entity=name) for name in NAMES[:300]]
    assert {(answer.by, answer.version) for answer in answers} == {("champion", "1")}


def test_each_answer_says_whose_it_is(serve):
    client = serve(("canary", 25, False))
    answers = [client.ask(X_Entity=name) for name in NAMES[:300]]
    assert {(answer.by, answer.version) for answer in answers} == {("champion", "1"), ("challenger", "2")}


def test_a_caller_s_id_is_kept_and_another_is_made_of_what_is_none(serve, backends):
    client = serve()
    for given in ("a.b_c:d-1", "x" * 128):
        assert client.ask(X_Request_Id=given).headers["x-request-id"] == given
    for given in ("", "a b", "x" * 129, "ü", '"; drop'):
        made = client.ask(X_Request_Id=given.encode("latin-1")).headers["x-request-id"]
        assert made != given
        assert len(made) == 32
    assert len({client.ask().headers["x-request-id"] for _ in range(50)}) == 50


def test_shadows_that_hang_are_bounded_so_that_the_champion_has_connections_left(serve, backends):
    port = serve(SHADOW, timeout_ms=int(HANG * 1000)).connection.port
    backends("shadow", "hang")

    def calls(_):
        client = Client(port)
        return [client.ask() for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for some in pool.map(calls, range(8)) for answer in some]
    assert {answer.by for answer in answers} == {"champion"}
    assert len(backends("shadow").asked) < len(answers)


def test_a_refusal_by_the_challenger_is_an_answer(serve, backends):
    client = serve(("canary", 50, False))
    backends("challenger", "400")
    backends("champion", "404")
    answers = [client.ask(X_Entity=name) for name in NAMES[:50]]
    assert {(answer.status, answer.version) for answer in answers} == {(400, "2"), (404, "1")}


def test_a_body_that_is_too_long_and_paths_that_are_the_proxy_s_own_are_refused_as_json(serve, backends):
    client = serve(BOTH)
    refused = Client(client.connection.port).ask(body=b"x" * 70_000)
    assert (refused.status, json.loads(refused.body)["error"]) == (413, "body too large")
    for path in ("/metrics", "/-/challenger", "/-/champion", "/-/mirror", "/-/draining/predict", "/-/x"):
        assert client.ask(path).status == 404, path
    assert not backends("champion").asked


def test_the_proxy_bounds_what_a_caller_may_send_and_how_long_as_the_server_does(serve, proxy):
    serve()
    given = dict(re.findall(r"^ *(\w+_timeout|large_client_header_buffers) (.*?)s?;", proxy.config(), re.M))
    count, size = given["large_client_header_buffers"].split()
    assert int(count) * int(size.removesuffix("k")) * 1024 <= http1.HEAD
    assert float(given["client_header_timeout"]) == http1.HEAD_SECONDS
    assert float(given["client_body_timeout"]) == app.PATIENCE
    assert float(given["send_timeout"]) <= http1.ANSWER_SECONDS


def test_of_a_crowd_that_comes_while_it_is_busy_nobody_is_turned_away_to_try_again_later(serve, proxy):
    crowd = 700
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < crowd:
        pytest.skip("the system itself lets fewer wait")
    port = serve().connection.port
    workers = proxy.process().children()
    with ExitStack() as stack:
        for worker in workers:
            worker.send(signal.SIGSTOP)
            stack.callback(worker.send, signal.SIGCONT)
        for _ in range(crowd):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=HANG))


def test_one_that_is_held_half_sent_costs_no_more_than_a_small_part_of_a_body(serve, proxy):
    serve()
    (size,) = re.findall(r"client_body_buffer_size (\d+)k;", proxy.config())
    (callers,) = re.findall(r"worker_connections (\d+);", proxy.config())
    assert int(size) * int(callers) * 1024 <= 100e6, "of one worker, whatever its callers do"


def test_when_nobody_answers_the_caller_hears_so_with_its_id(serve, backends):
    client = serve(("canary", 50, False))
    backends("champion").stop()
    backends("challenger").stop()
    answers = [client.ask(X_Entity=name, X_Request_Id="mine") for name in NAMES[:20]]
    assert {(answer.status, json.loads(answer.body)["request_id"]) for answer in answers} == {(502, "mine")}
    assert {answer.headers["x-request-id"] for answer in answers} == {"mine"}


def test_a_switch_under_load_drops_no_request(serve, backends):
    """Callers that keep their connections and ask without a pause: the hardest case for a reload."""
    port = serve().connection.port
    end, failed, answered = threading.Event(), [], []

    def ask():
        client = Client(port)
        while not end.is_set():
            try:
                answer = client.ask()
                (answered if answer.status == 200 else failed).append(answer.by)
            except Exception as error:
                failed.append(repr(error))
                client = Client(port)

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    for stage in (SHADOW, ("canary", 50, False), None):
        serve(stage)
    before = len(answered)
    time.sleep(0.3)
    end.set()
    for caller in callers:
        caller.join(20)
    assert not failed
    assert set(answered) == {"champion", "challenger"}
    assert set(answered[before + 10 :]) == {"champion"}


def test_the_same_configuration_changes_nothing(serve, proxy):
    serve()
    process, workers = proxy.process(), set(proxy.process().children())
    serve()
    assert proxy.process() == process
    assert set(process.children()) == workers


@pytest.mark.parametrize(
    "broken", ["events {", "nonsense;", "events {} http { server { listen no.such.host.invalid:80; } }"]
)
def test_what_nginx_does_not_take_leaves_the_old_one_running(serve, proxy, broken):
    client = serve()
    text, process = proxy.config(), proxy.process()
    with pytest.raises(LoopError, match="nginx does not take the new configuration"):
        proxy.apply(broken)
    assert (proxy.config(), proxy.process()) == (text, process)
    assert client.ask().status == 200


def test_a_port_that_is_taken_by_others_leaves_the_old_one_running(serve, proxy, backends, monkeypatch):
    monkeypatch.setattr(nginx, "PATIENCE", 2.0)
    client = serve()
    text = proxy.config()
    taken = text.replace(
        f"listen 127.0.0.1:{client.connection.port}", f"listen 127.0.0.1:{backends('x').port}"
    )
    with pytest.raises(LoopError, match="in use"):
        proxy.apply(taken)
    assert proxy.config() == text
    assert client.ask().status == 200


def test_after_it_was_killed_it_starts_again(serve, proxy):
    """What it left behind (its sockets, its pid) is in nobody's way."""
    serve(SHADOW)
    for member in proxy.process().family():
        member.stop(0)
    assert proxy.process() is None
    client = serve(SHADOW)
    assert client.ask().status == 200


def test_a_process_that_took_over_its_id_is_not_touched(serve, proxy):
    serve()
    process = proxy.process()
    record = proxy.folder / "process.json"
    kept = record.read_text()
    record.write_text(json.dumps({"pid": process.pid, "started": "another time"}))
    assert proxy.process() is None
    proxy.stop()
    assert process.alive()
    record.write_text(kept)


@pytest.mark.parametrize(
    "listen", ["8080", "127.0.0.1:0", "127.0.0.1:70000", "a b:80", "x:80; include /etc/passwd"]
)
def test_what_is_no_address_is_refused(listen):
    with pytest.raises(LoopError, match="no address to listen on"):
        Site(listen, 64)


def test_a_challenger_that_does_not_run_is_left_out():
    stages = staged(("canary", 25, False))
    state = transitions.enter(serving(1), version(2), stages, NOW)
    site = Site("127.0.0.1:8080", 64)
    alone = render(state, stages, {(1, "champion"): 2001}, site)
    assert "challenger" not in alone
    assert alone == render(serving(1), stages, {(1, "champion"): 2001}, site)


def test_the_champion_hears_whose_answer_it_gives_and_no_caller_can_say_so(serve, backends):
    client = serve(("canary", 50, False))
    backends("challenger").how = "500"
    champion = backends("champion")
    for name in NAMES[:40]:
        client.ask(X_Entity=name, X_Loop_Fallback="9")
    assert set(champion.instead_of) == {None, "2"}
    assert champion.instead_of.count("2") == len(backends("challenger").asked)
