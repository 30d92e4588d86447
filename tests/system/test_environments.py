"""A version goes through staging on one host: real models, real nginx, requests that a champion answered."""

import json
import urllib.request

from loop.production import branch, rehearsal
from support.backends import free_port
from system.test_deploy import EXAMPLE, host, person, propose_and_merge  # noqa: F401 - fixtures

ASKED = 40
CHAIN = "chain: [staging, production]\nrehearsal: {rows_min: 30, rows_max: 60, days_max: 7}\n"


def test_a_days_requests_are_answered_in_staging_before_production_has_the_version(host, person):  # noqa: F811
    body, port = host.run("python", "-c", EXAMPLE).stdout, free_port()
    (host.path / "deploy/environments.yaml").write_text(CHAIN)
    host.edit("deploy/policy.yaml", "latency_times_max: 2.0", "latency_times_max: 50.0")  # a busy machine
    host.edit("deploy/policy.yaml", "timeout_ms: 1000", "timeout_ms: 20000")
    host.edit(
        "deploy/policy.yaml", "score_shift_max: 0.05", "score_shift_max: 5.0"
    )  # its scores are of 25 to 346
    host.commit()

    def loop(*command: str) -> str:
        return host.run("loop", *command, PATH=person).stdout

    try:
        loop("release", "record")
        loop("deploy", "--listen", f"127.0.0.1:{port}")
        for _ in range(ASKED):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict", body.encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                assert json.loads(answer.read())["score"]
        propose_and_merge(host)
        assert "staging: version 2" in loop("release", "record")
        loop("deploy", "--down")
        loop("collect")
        loop("deploy", "--environment", "staging")
        day = sorted((host.path / "data/predictions/days").iterdir())[-1].stem
        said = loop("rollout", "rehearse", "--day", day)
        assert "loop rollout advance --environment staging" in said, said
        kept = [path for path in (host.path / ".deploy/predictions").rglob("*") if path.is_file()]
        assert kept  # what staging answered lies apart
        assert len(list((host.path / "data/predictions/days").iterdir())) == 1
        loop("rollout", "advance", "--environment", "staging")
    finally:
        loop("deploy", "--down")
    live = branch.fetch()
    shown = rehearsal.find(live, 2)
    assert (live.state.challenger.version, live.state.challenger.stage.name) == (2, "shadow")
    assert (shown.both, shown.refused) == (ASKED, {})
    assert shown.shifts[0].announced is not None  # by the review of the change
    assert live.version(2) == branch.fetch("staging").version(2)
    print(said)
