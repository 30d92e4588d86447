"""Who answers whom, behind nginx on one host and behind Envoy in a cluster, and what a challenger may cost.

The configuration is the one that a transition makes, the servers are as small as they can be. Where the two
differ, the case says so; docs/kubernetes.md says it to people.
"""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from scipy.stats import binom

from support.backends import Client, eventually
from support.proxies import Envoy, Nginx

NAMES = [f"entity {number}" for number in range(2000)]
HANG = 60.0  # seconds, which a shadow that hangs may take at the least
AT_ONCE = 20.0  # seconds: less than HANG, and far more than an answer needs on the busiest machine
SHADOW, BOTH = ("shadow", 0, True), ("both", 20, True)
NO_ANSWER = ["500", "503", "garbage", "nothing", "crash", "hang"]

pytestmark = pytest.mark.slow  # real proxies


@pytest.fixture(scope="module")
def space(cluster) -> Iterator[str]:
    """A namespace of the node for the route."""
    name = "proxies"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(params=["nginx", "envoy"])
def proxy(request, tmp_path) -> Iterator[Nginx | Envoy]:
    """One of the two."""
    made: Nginx | Envoy
    if request.param == "envoy":
        made = Envoy(request.getfixturevalue("cluster"), request.getfixturevalue("space"))
    elif shutil.which("nginx"):
        made = Nginx(tmp_path / "nginx")
    else:
        pytest.skip("no nginx: on Debian, apt install nginx-light")
    yield made
    made.end()


def of(client: Client, entities: list[str]) -> dict[str, str]:
    """Who answers each entity."""
    return {entity: client.ask(X_Entity=entity).by for entity in entities}


@pytest.mark.parametrize("weight", [5, 25])
def test_a_stage_of_some_percent_has_that_share_of_the_entities(proxy, weight):
    found = list(of(proxy.serve(("canary", weight, False)), NAMES).values()).count("challenger")
    low, high = binom.interval(1 - 1e-4, len(NAMES), weight / 100)
    assert low <= found <= high


def test_an_entity_keeps_its_model_and_a_larger_stage_takes_nobody_from_the_challenger(proxy):
    names = NAMES[:500]
    first = of(proxy.serve(("canary", 25, False)), names)
    assert of(proxy.serve(("canary", 25, False)), names) == first
    larger = of(proxy.serve(("canary", 60, False)), names)
    assert all(larger[name] == "challenger" for name in names if first[name] == "challenger")
    assert larger != first


def test_the_next_challenger_is_tried_on_other_entities_by_nginx_alone(proxy):
    names = NAMES[:1000]
    first = of(proxy.serve(("canary", 25, False)), names)
    second = of(proxy.serve(("canary", 25, False), number=3), names)
    both = sum(first[name] == second[name] == "challenger" for name in names)
    if isinstance(proxy, Nginx):
        assert both / 1000 == pytest.approx(0.0625, abs=0.035)
    else:  # whose hash knows the header alone
        assert second == first


def test_requests_without_an_entity_are_shared_out_too(proxy):
    client = proxy.serve(("canary", 25, False))
    assert {client.ask().by for _ in range(100)} == {"champion", "challenger"}


@pytest.mark.parametrize("stage", [None, ("flag", 0, False), SHADOW])
def test_without_a_share_the_champion_answers_all(proxy, stage):
    client = proxy.serve(stage)
    assert set(of(client, NAMES[:300]).values()) == {"champion"}


def test_after_an_abort_the_champion_answers_all(proxy):
    assert set(of(proxy.serve(("canary", 50, False)), NAMES[:100]).values()) == {"champion", "challenger"}
    assert set(of(proxy.serve(), NAMES[:300]).values()) == {"champion"}


def test_the_model_sees_path_query_and_body_as_they_came(proxy):
    client = proxy.serve(("canary", 25, False))
    body = json.dumps({"text": "x" * 50_000}).encode()
    for name in NAMES[:40]:
        client.ask("/predict?explain=true&a=%20b", body, X_Entity=name)
    for role in ("champion", "challenger"):
        assert {(path, sent) for path, _, sent in proxy.backends(role).asked} == {
            ("/predict?explain=true&a=%20b", body)
        }
    client.ask("/model/card%20x?y=1", b"", method="GET")
    assert proxy.backends("champion").asked[-1][0] == "/model/card%20x?y=1"


def test_metrics_are_not_shown_to_callers(proxy):
    client = proxy.serve(BOTH)
    assert client.ask("/metrics", b"", method="GET").status == 404
    assert not proxy.backends("champion").asked


@pytest.mark.parametrize("stage", [SHADOW, BOTH])
def test_the_shadow_gets_what_the_champion_answers_with_its_id_and_body(proxy, stage):
    client = proxy.serve(stage)
    for number, name in enumerate(NAMES[:200]):
        client.ask("/predict?explain=true", b'{"number":%d}' % number, X_Entity=name)
    champion, challenger = (proxy.backends(role).asked for role in ("champion", "challenger"))
    mirrored = champion if isinstance(proxy, Nginx) else champion + challenger  # Envoy mirrors the whole rule
    shadow = proxy.backends("shadow").asked
    assert eventually(lambda: len(shadow) >= len(mirrored))
    assert sorted(shadow) == sorted(mirrored)
    assert len(champion) + len(challenger) == 200


@pytest.mark.parametrize("how", NO_ANSWER)
def test_a_shadow_that_fails_costs_no_answer_and_no_time(proxy, how):
    """Each answer comes long before the shadow's, also on a connection that had one mirrored before."""
    client = proxy.serve(SHADOW, timeout_ms=int(HANG * 1000))
    shadow = proxy.backends("shadow", how)
    if how == "crash":
        shadow.stop()
    answers = [client.ask(X_Entity=name, X_Request_Id=name.replace(" ", "-")) for name in NAMES[:50]]
    assert {(answer.status, answer.by) for answer in answers} == {(200, "champion")}
    assert max(answer.seconds for answer in answers) < AT_ONCE
    if how != "crash":
        assert eventually(lambda: len(shadow.asked) >= 50)


def test_shadows_that_hang_leave_the_champion_connections(proxy):
    proxy.serve(SHADOW, timeout_ms=int(HANG * 1000))
    proxy.backends("shadow", "hang")

    def calls(_):
        client = proxy.another()
        return [client.ask() for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for some in pool.map(calls, range(8)) for answer in some]
    assert {(answer.status, answer.by) for answer in answers} == {(200, "champion")}


@pytest.mark.parametrize("how", NO_ANSWER)
def test_what_is_no_answer_of_the_challenger_the_champion_answers(proxy, how):
    """And is told so, for its counters; who fell back is logged by its id."""
    # A version of its own: pods of an earlier limit may be asked while they end.
    limit, number = (500, 9) if how == "hang" else (20_000, 2)
    client = proxy.serve(("canary", 50, False), timeout_ms=limit, number=number)
    arms = of(client, NAMES[:30])
    its_own = [name for name, by in arms.items() if by == "challenger"]
    challenger, champion = proxy.backends("challenger", how), proxy.backends("champion")
    if how == "crash":
        challenger.stop()
    earlier = proxy.logged()
    proxy.backends.forget()
    names = [name.replace(" ", "-") for name in its_own]
    for name, given in zip(its_own, names, strict=True):
        answer = client.ask("/predict?explain=1", b'{"a":1}', X_Entity=name, X_Request_Id=given)
        assert (answer.status, answer.by, answer.version) == (200, "champion", "1")
        assert answer.seconds < AT_ONCE
    ids = [given for _, given, _ in champion.asked]
    assert champion.asked == [("/predict?explain=1", given, b'{"a":1}') for given in ids]
    assert len(set(ids)) == len(names)
    assert not isinstance(proxy, Nginx) or ids == names  # Envoy gives ids of its own
    assert champion.instead_of == [str(number)] * len(names)

    def logged():
        lines = [line for line in proxy.logged() if line["id"] in ids and line not in earlier]
        return sorted((line["id"], line["version"]) for line in lines)

    expected = sorted((one, number) for one in ids)
    assert eventually(lambda: logged() == expected)  # a line comes after its answer


def test_without_a_proxy_of_its_own_a_challenger_s_error_reaches_the_caller_in_a_cluster(cluster, space):
    """Which `loop rollout status` says before a canary begins."""
    envoy = Envoy(cluster, space, falls_back=False)
    client = envoy.serve(("canary", 50, False))
    arms = of(client, NAMES[:30])
    envoy.backends("challenger", "500")
    found = {name: client.ask(X_Entity=name).status for name in arms}
    envoy.end()
    assert found == {name: 500 if by == "challenger" else 200 for name, by in arms.items()}
    assert set(found.values()) == {200, 500}


def test_a_refusal_by_the_challenger_is_an_answer(proxy):
    client = proxy.serve(("canary", 50, False))
    proxy.backends("challenger", "400")
    proxy.backends("champion", "404")
    answers = [client.ask(X_Entity=name) for name in NAMES[:50]]
    assert {(answer.status, answer.by) for answer in answers} == {(400, "challenger"), (404, "champion")}


def test_when_nobody_answers_the_caller_hears_so(proxy):
    client = proxy.serve(("canary", 50, False))
    proxy.backends("champion").stop()
    proxy.backends("challenger").stop()
    assert {client.ask(X_Entity=name).status for name in NAMES[:20]} <= {502, 503}


def test_no_caller_says_that_the_champion_answers_for_a_challenger(proxy):
    client = proxy.serve(("canary", 50, False))
    for name in NAMES[:20]:
        client.ask(X_Entity=name, X_Loop_Fallback="9")
    told = [one for role in ("champion", "challenger") for one in proxy.backends(role).instead_of]
    assert told == [None] * 20


def test_connections_to_a_server_that_closed_them_cost_no_answer(proxy):
    client = proxy.serve()
    handler = proxy.backends("champion")._server.RequestHandlerClass
    post = handler.do_POST

    def last(self):
        post(self)
        self.close_connection = True

    handler.do_POST = last
    assert {client.ask(X_Entity=name).status for name in NAMES[:200]} == {200}
