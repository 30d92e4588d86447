"""Over HTTP: a request is answered, or refused with field, found and expected; never a traceback."""

import asyncio
import json
import logging
import random
import string
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urljoin

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from loop.data import columns
from loop.model import lineage, model_file
from loop.serve.app import LONG, SHARE, Front
from problem import model as problem_model
from problem import schema
from serve.test_http1 import Clock, within
from support.http_client import EXAMPLE, Client, lines

KINDS = {name: columns.kind(column) for name, column in schema.REQUEST.columns.items()}
NUMBER = next(name for name, kind in KINDS.items() if kind in ("int64", "float64"))
TIMES = [name for name, kind in KINDS.items() if kind == columns.TIME and name != "decided_at"]
CLOSED, OPEN = "origin", "dest"  # a column with all its categories in the contract, and one without


# Answers


def test_one_request_is_answered_by_one_prediction(client, model):
    answer = client.predict(EXAMPLE)
    assert answer.status == 200
    assert answer.json.keys() == {
        "request_id",
        "score",
        "decision",
        "model_version",
        "missing",
        "stale",
        "unknown",
    }
    assert answer.json["model_version"] == model.version
    assert 0 < answer.json["score"] < 1
    assert answer.json["missing"] == answer.json["stale"] == answer.json["unknown"] == []


def test_a_list_is_answered_by_a_list_in_its_order(client):
    other = EXAMPLE | {NUMBER: EXAMPLE[NUMBER] + 1}
    many = client.predict([EXAMPLE, other, EXAMPLE]).json
    one, two = client.predict(EXAMPLE).json, client.predict(other).json
    assert [row["score"] for row in many] == [one["score"], two["score"], one["score"]]
    assert client.predict([EXAMPLE]).json[0]["score"] == one["score"]


def test_the_score_is_what_the_pipeline_gives_a_frame_with_the_features_of_the_store(client, finished):
    sha256 = lineage.load(finished.path / "models/lineage.json")["model"]["sha256"]
    pipeline = model_file.read(finished.path / "models/model.skops", sha256, problem_model.TRUSTED)
    server = client.server
    requests, *_ = server._contract.read(json.dumps(EXAMPLE).encode())
    asked = server._contract.columns(requests, datetime.now().astimezone())
    found = server._predictor.predict(asked)
    expected = problem_model.score(pipeline, columns.to_frame(found.columns))[0]
    assert client.predict(EXAMPLE).json["score"] == pytest.approx(expected, abs=1e-12)


def test_the_decision_is_taken_at_the_threshold(client, monkeypatch):
    score = client.predict(EXAMPLE).json["score"]
    decisions = []
    for threshold in (score, score + 1e-9, None):
        monkeypatch.setattr(client.server._answers, "_threshold", threshold)
        decisions.append(client.predict(EXAMPLE).json["decision"])
    assert decisions == [True, False, None]


def test_the_callers_request_id_is_echoed_and_one_is_made_without(client):
    answer = client.predict(EXAMPLE, X_Request_Id="abc-1.2_3:4")
    assert answer.headers["x-request-id"] == answer.json["request_id"] == "abc-1.2_3:4"
    assert [row["request_id"] for row in client.predict([EXAMPLE] * 2, X_Request_Id="x").json] == [
        "x/0",
        "x/1",
    ]
    made = [client.predict(EXAMPLE).headers["x-request-id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(one) == 32 for one in made)


def test_on_request_contributions_explain_the_score(client):
    for path in ("/predict?explain=true", "/predict?explain=1"):
        output = client.predict(EXAMPLE, path).json
        assert output["base"] + sum(output["contributions"].values()) == pytest.approx(
            output["score"], abs=1e-9
        )
    sizes = [abs(value) for value in output["contributions"].values()]
    assert sizes == sorted(sizes, reverse=True)
    again = client.predict(EXAMPLE, "/predict?explain=true").json
    assert again["contributions"] == output["contributions"]
    assert "contributions" not in client.predict(EXAMPLE, "/predict?explain=false").json


def test_an_unknown_category_is_accepted_counted_and_reported_where_the_contract_allows_it(client):
    before = counted(client, f'loop_unknown_categories_total{{column="{OPEN}"}}')
    answer = client.predict(EXAMPLE | {OPEN: "QQQ"})
    assert answer.status == 200
    assert answer.json["unknown"] == [OPEN]
    assert counted(client, f'loop_unknown_categories_total{{column="{OPEN}"}}') == before + 1


def test_features_that_are_too_old_are_stale_and_those_not_yet_known_are_missing(client):
    views = client.server._predictor.views

    def moved(days: int) -> dict:
        times = {name: datetime.fromisoformat(EXAMPLE[name]) for name in [*TIMES, "decided_at"]}
        return EXAMPLE | {name: (at + timedelta(days=days)).isoformat() for name, at in times.items()}

    assert client.predict(moved(+400)).json["stale"] == views
    assert client.predict(moved(-400)).json["missing"] == views
    for state in ("stale", "missing"):
        assert counted(client, f'loop_features_total{{state="{state}"') >= len(views)


def test_the_model_says_what_it_is(client, finished):
    about = client.get("/model").json
    made = json.loads(finished.text("models/lineage.json"))
    assert about["sha256"] == made["model"]["sha256"]
    assert about["data"] == made["data"]
    assert about["commit"].removesuffix("-changed") == finished.git("rev-parse", "HEAD")
    assert about["windows"]["train"]["rows"] == made["rows"]
    assert about["metrics"]
    assert client.get(urljoin("/model", about["card"])).body.decode() == finished.text("models/card.md")


# Refusals

NEVER = {"decided_at": "2013-06-31T00:00Z"}
DEEP = b"[" * 50_000
WRONG = {
    "a field is missing": ({k: v for k, v in EXAMPLE.items() if k != NUMBER}, NUMBER, "nothing"),
    "a field too many": (EXAMPLE | {NUMBER + "s": 1}, NUMBER + "s", "does not have"),
    "a text for a number": (EXAMPLE | {NUMBER: "12"}, NUMBER, "'12'"),
    "a truth for a number": (EXAMPLE | {NUMBER: True}, NUMBER, "True"),
    "out of range": (EXAMPLE | {NUMBER: 10**9}, NUMBER, "1000000000"),
    "null where there must be a value": (EXAMPLE | {NUMBER: None}, NUMBER, "None"),
    "a category that the contract does not have": (EXAMPLE | {CLOSED: "??"}, CLOSED, "'??'"),
    "a time without a zone": (EXAMPLE | {"decided_at": "2013-06-03T00:25:00"}, "decided_at", "2013"),
    "seconds for a time": (EXAMPLE | {"decided_at": 1370219100}, "decided_at", "1370219100"),
    "seconds in quotes": (EXAMPLE | {"decided_at": "1370219100"}, "decided_at", "1370219100"),
    "a day that there is not": (EXAMPLE | {"decided_at": "2013-02-30T00:00:00Z"}, "decided_at", "02-30"),
    "a time after all times": (EXAMPLE | {"decided_at": "2262-01-01T00:00:00Z"}, "decided_at", "2262"),
    "the second of a list at no time": (
        [EXAMPLE, EXAMPLE | {"decided_at": "2013-06-31T00:00Z"}],
        "[1].decided_at",
        "31",
    ),
    "a time long ago": (EXAMPLE | {"decided_at": "1900-01-01T00:00:00Z"}, "decided_at", "1900"),
    "a time far ahead": (EXAMPLE | {"decided_at": "2261-01-01T00:00:00Z"}, "decided_at", "2261"),
    "one of two long ago": (
        [EXAMPLE, EXAMPLE | {"decided_at": "2011-12-31T23:59:59Z"}],
        "[1].decided_at",
        "2011",
    ),
    "a time before all times": (EXAMPLE | {"decided_at": "0001-01-01T00:00+23:59"}, "decided_at", "0001"),
    "the second of a list": ([EXAMPLE, EXAMPLE | {NUMBER: -1}], f"[1].{NUMBER}", "-1"),
    "a list in a list": ([[EXAMPLE]], "[0]", "["),
    "an empty list": ([], "", "0 requests"),
    "a number": (b"7", "", "7"),
    "nothing at all": (b"", "", "not JSON"),
    "not JSON": (b"{'a': 1}", "", "not JSON"),
    "half of it": (json.dumps(EXAMPLE).encode()[:-5], "", "not JSON"),
    "not a text": (b"\xff\xfe\x00", "", "not JSON"),
    "more after it": (json.dumps(EXAMPLE).encode() + b" x", "", "not JSON"),
    "nested deeply": (DEEP, "", "recursion"),
    "nested deeply in a field": (json.dumps(EXAMPLE).encode()[:-1] + b',"z":' + DEEP, "", "recursion"),
    "a field twice": (json.dumps(EXAMPLE).encode()[:-1] + b', "%b": 1}' % NUMBER.encode(), NUMBER, "twice"),
    "a time in other digits": (
        EXAMPLE
        | {"decided_at": "\u0662\u0660\u0661\u0663-\u0660\u0666-\u0660\u0663T\u0660\u0660:\u0662\u0665Z"},
        "decided_at",
        "\u0662\u0660\u0661\u0663",
    ),
    "NaN": (json.dumps(EXAMPLE | {NUMBER: float("nan")}).encode(), NUMBER, "nan"),
    "infinity": (json.dumps(EXAMPLE | {NUMBER: float("inf")}).encode(), NUMBER, "inf"),
}


@pytest.mark.parametrize(("body", "field", "found"), WRONG.values(), ids=WRONG)
def test_a_wrong_body_is_refused_with_field_found_and_expected(client, body, field, found):
    answer = client.predict(body)
    assert answer.status == 400
    problem = answer.json["problems"][0]
    assert problem["field"] == field
    assert found in problem["found"]
    assert problem["expected"]
    assert len(answer.body) < 5000
    assert answer.json["request_id"] == answer.headers["x-request-id"]


ZONES = ["2013-06-03T00:25Z", "2013-06-03T02:25:00+02:00", "2013-06-02T20:25:00.000-04:00"]


@pytest.mark.parametrize("text", ZONES)
def test_an_instant_may_be_said_in_any_zone(client, text):
    expected = client.predict(EXAMPLE).json["score"]
    assert client.predict(EXAMPLE | {"decided_at": text}).json["score"] == expected


def test_a_rule_between_fields_is_kept(client):
    if not TIMES:
        pytest.skip("the problem has no two times in a request")
    answer = client.predict([EXAMPLE, EXAMPLE | {TIMES[-1]: EXAMPLE[TIMES[0]]}])
    assert answer.status == 400
    assert answer.json["problems"][0]["field"] == "[1]"


def test_too_many_rows_are_refused_and_as_many_as_allowed_are_not(client):
    most = client.server._contract.rows_max
    small = json.dumps(EXAMPLE, separators=(",", ":"))
    assert client.predict(f"[{','.join([small] * most)}]".encode()).status == 200
    refused = client.predict(f"[{','.join([small] * (most + 1))}]".encode())
    assert refused.status == 400
    assert f"1 to {most}" in refused.json["problems"][0]["expected"]


def test_more_rows_than_are_explained_at_once_are_refused(client):
    many = client.server._contract.explained_max + 1
    assert client.predict([EXAMPLE] * many, "/predict?explain=true").status == 400


@pytest.mark.parametrize("chunk", [None, 65536], ids=["length said", "length not said"])
@pytest.mark.parametrize("times", [1, 10])
def test_a_huge_body_is_refused(client, chunk, times):
    answer = client.predict(b"[" + b" " * times * client.server.body_max + b"]", chunk=chunk)
    assert answer.status == 413
    assert str(client.server.body_max) in answer.json["problems"][0]["expected"]


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Content_Type": "text/plain"}, "Content-Type"),
        ({"Content_Type": ""}, "Content-Type"),
        ({"Content_Encoding": "gzip"}, "Content-Encoding"),
        ({"X_Request_Id": "a b"}, "X-Request-Id"),
        ({"X_Request_Id": "a" * 129}, "X-Request-Id"),
        ({"X_Request_Id": "é"}, "X-Request-Id"),
        ({"X_Request_Id": "a", "x_request_id": "b"}, "X-Request-Id"),  # a proxy may go by the other
        ({"content_type": "text/plain"}, "Content-Type"),  # beside the right one
    ],
    ids=str,
)
def test_a_wrong_header_is_refused(client, headers, field):
    answer = client.predict(EXAMPLE, **headers)
    assert answer.status == 400
    assert answer.json["problems"][0]["field"] == field


def test_a_header_that_says_the_same_twice_is_taken(client):
    answer = client.predict(EXAMPLE, X_Request_Id="same", x_request_id="same", accept="a/b", Accept="c/d")
    assert (answer.status, answer.json["request_id"]) == (200, "same")


def test_a_wrong_question_is_refused(client):
    assert client.predict(EXAMPLE, "/predict?explain=perhaps").status == 400
    assert client.get("/predict").status == 405
    assert client.get("/predict").headers["allow"] == "POST"
    assert client.predict(EXAMPLE, "/model").status == 405


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "//predict", "/healthz/", "/schema.json"])
def test_a_path_that_is_none_is_reported(client, path):
    answer = client.predict(EXAMPLE, path)
    assert answer.status == 404
    assert "/predict" in answer.json["problems"][0]["expected"]


def test_padding_of_a_body_is_not_put_on_record(client, place):
    padded = json.dumps(EXAMPLE).encode()[:-1] + b" " * 100_000 + b"}"
    assert client.predict(padded, X_Request_Id="padded").status == 200
    client.server._log._flush()
    (line,) = [line for line in lines(place.predictions) if line["id"] == "padded"]
    assert line["requests"] == [EXAMPLE]
    assert all(path.stat().st_size < 10_000_000 for path in (place.predictions / "log").iterdir())


def test_a_score_that_is_no_number_is_not_an_answer(client, monkeypatch):
    monkeypatch.setattr(type(client.server._predictor.model), "scores", lambda *_: np.array([np.inf]))
    assert client.predict(EXAMPLE).status == 500


def test_a_model_that_cannot_be_explained_answers_all_the_same(client, monkeypatch):
    monkeypatch.setattr(client.server, "_explainer", None)
    assert client.predict(EXAMPLE).status == 200
    refused = client.predict(EXAMPLE, "/predict?explain=true")
    assert (refused.status, refused.json["problems"][0]["field"]) == (400, "explain")


def test_before_the_model_is_loaded_callers_are_asked_to_come_back():
    answer = Client(None).predict(EXAMPLE)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


# Behind a proxy


@pytest.mark.parametrize("path", ["", "/model", "/docs.json", "/readyz", "/metrics", "/predict"])
def test_below_the_prefix_of_a_proxy_that_keeps_it_all_is_as_without(client, path):
    keeps = Client(client.server)
    keeps.app = Front(None, lambda: client.server, "/models/late")
    ask = (lambda one, at: one.predict(EXAMPLE, at)) if path == "/predict" else (lambda one, at: one.get(at))
    assert ask(keeps, f"/models/late{path or '/'}").status == ask(client, path or "/").status == 200
    assert ask(keeps, path or "/").status == 200, "a probe of the machine's own knows no proxy"
    assert ask(keeps, f"/models/latest{path}").status == 404


def test_the_prefix_itself_leads_to_the_page_below_it_by_whatever_name_the_host_has(client):
    keeps = Client(client.server)
    keeps.app = Front(None, lambda: client.server, "/models/late")
    answer = keeps.get("/models/late")
    assert (answer.status, answer.headers["location"]) == (308, "late/")


# The token

TOKEN = "correct-horse-battery-staple"  # noqa: S105


@pytest.fixture
def secured(client, monkeypatch):
    monkeypatch.setattr(client.server, "token", TOKEN.encode())
    return client


@pytest.mark.parametrize("path", ["/predict", "/model", "/metrics", "/docs.json", "/", "/schema.json"])
@pytest.mark.parametrize("given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}], ids=str)
def test_with_a_token_set_nothing_but_health_is_reported_without_it(secured, path, given):
    answer = secured.predict(EXAMPLE, path, **given)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.body.decode()


def test_with_the_token_it_is_answered_and_health_needs_none(secured):
    assert secured.predict(EXAMPLE, Authorization=f"Bearer {TOKEN}").status == 200
    assert secured.get("/healthz").status == 200


# What no test thought of


SPLINTERS = [b"1e999", b'"', b"{", b"]", b"null", b"\\ud800", b"-", b"\x00", b"9" * 400]


def mutilated(rng: random.Random) -> bytes:
    """A body that is wrong somewhere, or right by chance."""
    body = bytearray(json.dumps(EXAMPLE if rng.random() < 0.7 else [EXAMPLE] * rng.randint(1, 4)).encode())
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randint(0, 200))
    if kind == 1:
        return json.dumps(strange(rng, 4)).encode()
    if kind == 2:
        return json.dumps(EXAMPLE | {rng.choice([*EXAMPLE, "z", ""]): strange(rng, 3)}).encode()
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(body))
        if kind == 3:
            body[at] = rng.randrange(256)
        elif kind == 4:
            del body[at : at + rng.randint(1, 10)]
        else:
            body[at:at] = rng.choice(SPLINTERS)
    return bytes(body)


def strange(rng: random.Random, depth: int) -> object:
    """Any JSON value."""
    simple = [
        None,
        True,
        0,
        -1,
        2**70,
        1e308,
        5e-324,
        float("nan"),
        "",
        "x" * 300,
        "\x00",
        "2013-02-30T00:00Z",
        "9999-12-31T23:59:59-23:59",
        "".join(rng.choices(string.printable, k=9)),
    ]
    kind = rng.randrange(3 if depth else 1)
    if kind == 1:
        return [strange(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    if kind == 2:
        return {str(strange(rng, 0)): strange(rng, depth - 1) for _ in range(rng.randint(0, 4))}
    return rng.choice(simple)


def test_ten_thousand_mutilated_bodies_give_no_failure_and_no_traceback(client, caplog):
    rng = random.Random(20131103)  # noqa: S311

    async def ask_all() -> list[int]:
        found, as_json = [], {"Content-Type": "application/json"}
        for _ in range(10_000):
            answer = await client.send("POST", "/predict", mutilated(rng), as_json)
            assert json.loads(answer.body)
            assert b"Traceback" not in answer.body
            found.append(answer.status)
        return found

    with caplog.at_level(logging.INFO):
        statuses = asyncio.run(ask_all())
    assert set(statuses) == {200, 400}
    assert statuses.count(400) > 5000
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        ("/predict", "POST", GenerationMode.POSITIVE),
        ("/predict", "POST", GenerationMode.NEGATIVE),
        ("/model", "GET", GenerationMode.POSITIVE),
    ],
    ids=str,
)
def test_what_the_document_promises_is_kept(client, path, method, mode):
    """Schemathesis makes requests that the document allows, and some that it does not.

    What it allows may still break a rule between fields, which no document of this kind can say.
    """
    document = schemathesis.openapi.from_asgi("/docs.json", client.app)
    statuses = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(document[path][method].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        response = case.call()
        statuses.add(response.status_code)
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    ask()
    assert max(statuses) < 500


def test_a_failure_of_ours_is_an_answer_without_details(client, monkeypatch, caplog):
    personal = "".join(["Ada", "Lovelace"])

    def fail(*_: object) -> None:
        raise RuntimeError(personal)

    monkeypatch.setattr(client.server._predictor, "predict", fail)
    answer = client.predict(EXAMPLE, X_Request_Id="unlucky")
    assert answer.status == 500
    assert personal not in answer.body.decode() + caplog.text
    assert "RuntimeError" in caplog.text
    assert "unlucky" in caplog.text


# What is counted, and the document


def counted(client: Client, name: str) -> float:
    """The sum of the samples whose text holds a name."""
    found = [line for line in client.get("/metrics").body.decode().splitlines() if name in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found if not line.startswith("#"))


def test_bodies_rows_and_refusals_are_counted(client):
    status = 'requests_total{role="champion",status="%d"'
    names = (status % 200, "predictions_total", status % 400)
    before = [counted(client, name) for name in names]
    client.predict([EXAMPLE] * 3)
    client.predict(b"")
    after = [counted(client, name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 3, 1]
    assert f'version="{client.server._predictor.model.version}"' in client.get("/metrics").body.decode()


def test_decisions_and_what_was_answered_for_a_challenger_are_counted(client):
    names = ("loop_decisions_total", "loop_fallbacks_total")
    before = [counted(client, name) for name in names]
    client.predict([EXAMPLE] * 3)
    client.predict(EXAMPLE, x_loop_fallback="2")
    assert [counted(client, name) - was for name, was in zip(names, before, strict=True)] == [4, 1]


def test_the_age_of_the_features_is_that_of_the_store(client):
    as_of = datetime.fromisoformat(client.server._predictor.features.as_of())
    assert counted(client, "loop_features_as_of_timestamp_seconds") == as_of.timestamp()


def test_the_document_shows_the_contract_with_examples(client):
    document = client.get("/docs.json").json
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    one = content["schema"]["oneOf"][0]
    assert set(one["properties"]) == set(schema.REQUEST.columns)
    assert one["additionalProperties"] is False
    assert content["examples"]["one"]["value"] == EXAMPLE
    assert all(field.get("description") for field in one["properties"].values())


# The record


def test_every_answer_is_on_record_with_the_raw_request_and_the_features(client, place):
    raw = json.dumps(EXAMPLE | {"decided_at": EXAMPLE["decided_at"]}, indent=1).encode()
    score = client.predict(raw, X_Request_Id="on-record").json["score"]
    client.predict([EXAMPLE, EXAMPLE], X_Request_Id="on-record-many")
    client.server._log._flush()
    found = {line["id"]: line for line in lines(place.predictions)}
    one, many = found["on-record"], found["on-record-many"]
    assert one["requests"] == [EXAMPLE]
    assert one["scores"] == [score]
    assert many["requests"] == [EXAMPLE] * 2
    assert many["many"]
    assert one["latency_ms"] > 0


def test_a_refused_request_leaves_nothing_on_record(client, place):
    client.predict(EXAMPLE | {NUMBER: "secret"}, X_Request_Id="refused")
    client.server._log._flush()
    assert "refused" not in {line["id"] for line in lines(place.predictions)}


def test_only_a_deployment_gives_a_role(server, place):
    assert ", this checkout's model, features as of" in server.described(place)
    assert ", as champion, features as of" in server.described(replace(place, commit="c" * 40))


def test_answers_that_take_long_wait_for_short_ones_and_for_one_another():
    order: list[int | str] = []

    class Serving:
        token, body_max, pages = None, 2**20, {}

        def answer(self, body, *_):
            order.append(len(body))
            return b"{}"

        def count(self, *_, **__): ...

    async def ask(front: Front, path: str, body: bytes = b"") -> None:
        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            if path == "/readyz" and "status" in message:
                order.append(path)

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "path": path, "method": "POST", "headers": headers, "query_string": b""}
        await front(scope, receive, send)

    async def all_at_once() -> None:
        front = Front(None, Serving)
        long = [ask(front, "/predict", b" " * LONG) for _ in range(3)]
        await asyncio.gather(*long, ask(front, "/predict", b" "), ask(front, "/readyz"))

    asyncio.run(all_at_once())
    assert order == [1, "/readyz", LONG, LONG, LONG]


@pytest.mark.parametrize("path", ["/docs.json", "/metrics", "/nowhere", "/predict"])
def test_of_many_who_ask_at_once_a_turn_answers_no_more_than_its_share_and_health_waits_for_none(path):
    """In a time that moves on by a third of the share with each answer."""
    many = 200
    answered: list[tuple[int, str]] = []  # in which turn, what
    turn = 0

    class Serving:
        token, body_max, pages = None, 2**20, {"/docs.json": (b"application/json", b"{}")}

        def metrics(self):
            return b""

        def answer(self, *_):
            return b"{}"

        def count(self, *_, **__): ...

    async def ask(front: Front, path: str) -> None:
        async def receive():
            return {"type": "http.request", "body": b" ", "more_body": False}

        async def send(message):
            if message["type"] == "http.response.body":
                Clock.now += SHARE / 3
                answered.append((turn, path))

        headers = [(b"content-type", b"application/json")]
        method = "POST" if path == "/predict" else "GET"
        scope = {"type": "http", "path": path, "method": method, "headers": headers, "query_string": b""}
        await front(scope, receive, send)

    async def all_at_once() -> None:
        nonlocal turn
        front = Front(None, Serving)
        asked = asyncio.gather(*(ask(front, path) for _ in range(many)), ask(front, "/readyz"))
        while not asked.done():
            turn += 1
            await asyncio.sleep(0)

    within(all_at_once)
    turns = Counter(at for at, what in answered if what == path)
    assert sum(turns.values()) == many
    assert max(turns.values()) <= 4
    assert next(at for at, what in answered if what == "/readyz") <= min(turns)
