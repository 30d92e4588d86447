"""Manifests of any state that moves can reach: held to the schemas of Kubernetes and of the Gateway API.

Objects of Kubernetes 1.37 by its own schemas, the route by the definition that the Gateway API ships; a
field that a schema does not know is refused.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conftest import ROOT
from loop.base import exit_codes
from loop.base.errors import LoopError
from loop.deploy import cluster_settings, kubernetes, overlay
from loop.deploy.fallback import Limits
from loop.production import transitions
from loop.production.state import EMPTY, State
from support.states import NOW, STAGED, policy, serving, version
from support.tools import tool

pytestmark = pytest.mark.slow  # the schemas of Kubernetes, for every state

SET = cluster_settings.read(ROOT / cluster_settings.SETTINGS)
JOBS = SET.jobs.model_copy(update={"image": f"registry.example.com/team/jobs@sha256:{'5' * 64}"})
SECURED = SET.model_copy(
    update={"token": True, "personal_key": True, "hostnames": ["model.example.com"], "jobs": JOBS}
)
STICKY = SET.model_copy(update={"entity_header": "X-Entity"})
NGINX, LIMITS = f"registry.example.com/nginx@sha256:{'7' * 64}", Limits(timeout_ms=700, body_kb=64)
PROXIED = STICKY.model_copy(update={"fallback": NGINX})
OVERLAY = {"kustomization.yaml": yaml.dump(overlay.KIND | {"namespace": "models-staging"})}
BOTH = policy(("off", 0, False), ("shadow", 0, True), ("both", 10, True), ("half", 50, False))


def reached(steps: list[str], rules) -> State:
    """The state after these moves, those that are refused left out."""
    state, newest = serving(1), 1
    for step in steps:
        try:
            if step == "enter":
                newest += 1
                state = transitions.enter(state, version(newest), rules, NOW)
            elif step == "advance":
                state = transitions.advance(state, rules, NOW)
            elif step == "abort":
                state = transitions.abort(state, "why", NOW)
            else:
                state = transitions.back(state, version(max(1, newest - 1)), "why", NOW)
        except LoopError:
            continue
    return state


FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STATES = st.builds(
    reached,
    st.lists(st.sampled_from(["enter", "enter", "advance", "advance", "abort", "back"]), max_size=12),
    st.sampled_from([STAGED, BOTH, policy()]),
)


def objects(files: dict[str, str]) -> dict[tuple[str, str], dict]:
    """Manifests by kind and name; no name is given twice."""
    found = [one for text in files.values() for one in yaml.safe_load_all(text)]
    named = [one for one in found if one["kind"] != "Kustomization"]
    assert len({(one["kind"], one["metadata"]["name"]) for one in named}) == len(named)
    return {(one["kind"], one["metadata"]["name"]): one for one in named}


def rule(found: dict) -> dict:
    """The route's rule for predictions."""
    (one,) = [
        one
        for one in found["HTTPRoute", "model"]["spec"]["rules"]
        if one["matches"][0]["path"]["value"] == "/predict"
    ]
    return one


@FEW
@given(STATES)
def test_every_backend_runs_weights_are_those_of_the_state_and_a_mirror_is_there_iff_the_stage_mirrors(state):
    found = objects(kubernetes.files(state, SET))
    predict = rule(found)
    weights = {one["name"]: one["weight"] for one in predict["backendRefs"]}
    assert weights == {f"model-v{one.version}": one.weight for one in state.models if one.weight}
    assert sum(weights.values()) == 100
    mirrors = [
        one["requestMirror"]["backendRef"]["name"]
        for one in predict["filters"]
        if one["type"] == "RequestMirror"
    ]
    assert bool(mirrors) == bool(state.challenger and state.challenger.stage.mirror)
    for route in found["HTTPRoute", "model"]["spec"]["rules"]:
        for name in [one["name"] for one in route["backendRefs"]] + mirrors:
            assert ("Service", name) in found
            assert ("Deployment", name) in found


@FEW
@given(STATES)
def test_selectors_match_the_pods_of_their_own_deployment_alone(state):
    found = objects(kubernetes.files(state, PROXIED, version(99), limits=LIMITS))
    pods = {
        name: one["spec"]["template"]["metadata"]["labels"]
        for (kind, name), one in found.items()
        if kind == "Deployment"
    }
    for (kind, name), one in found.items():
        if kind in ("Service", "Deployment", "PodDisruptionBudget"):
            selector = one["spec"]["selector"]
            selector = selector if kind == "Service" else selector["matchLabels"]
            assert [pod for pod, labels in pods.items() if selector.items() <= labels.items()] == [name]
            assert one["spec"].get("ports", [{"port": 3000}])[0]["port"] == 3000
        if kind == "HorizontalPodAutoscaler":
            assert one["spec"]["scaleTargetRef"]["name"] in pods


@FEW
@given(STATES)
def test_each_pod_runs_the_image_of_its_version_in_its_role_and_may_do_nothing_else(state):
    found = objects(kubernetes.files(state, SET))
    images = {one.image: one for one in state.models}
    for (kind, _), one in found.items():
        if kind != "Deployment":
            continue
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        model = images[container["image"]]
        role = {part["name"]: part.get("value") for part in container["env"]}["LOOP_ROLE"]
        assert (role == "champion") == (model.role == "champion")
        assert one["metadata"]["annotations"]["loop/commit"] == model.commit
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {part["mountPath"] for part in container["volumeMounts"] if not part.get("readOnly")} == {
            "/tmp",  # noqa: S108 - the container's own
            "/var/lib/loop/predictions",
        }


def roles(state: State) -> dict[str, str]:
    """The role of each Deployment."""
    found = objects(kubernetes.files(state, SET))
    return {
        name: one["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"]
        for (kind, name), one in found.items()
        if kind == "Deployment"
    }


def test_from_stage_to_stage_a_version_keeps_its_name():
    state, seen = transitions.enter(serving(1), version(2), BOTH, NOW), []
    for _ in range(5):
        seen.append(roles(state))
        state = transitions.advance(state, BOTH, NOW) if state.challenger else state
    champion = {"model-v1": "champion"}
    assert seen == [
        champion,  # behind a flag it does not run
        {**champion, "model-v2": "shadow"},
        {**champion, "model-v2": "challenger", "model-v2-shadow": "shadow"},
        {**champion, "model-v2": "challenger"},
        {"model-v2": "champion"},
    ]


def test_the_champion_that_was_stays_as_it_was_and_gets_no_requests():
    before, after = serving(1), transitions.enter(serving(1), version(2), policy(), NOW)
    spared = kubernetes.files(after, SET, spare=version(1))
    path = "kubernetes/models/model-v1.yaml"
    assert spared[path] == kubernetes.files(before, SET)[path]
    assert "model-v1" not in spared["kubernetes/route/model.yaml"]
    assert "model-v1.yaml" in spared["kubernetes/models/kustomization.yaml"]


def test_who_serves_already_is_not_spared_twice_and_one_without_an_image_not_at_all():
    state = serving(1, 2)
    assert kubernetes.files(state, SET, spare=version(2)) == kubernetes.files(state, SET)
    assert kubernetes.files(state, SET, spare=version(9, image=None)) == kubernetes.files(state, SET)


def test_without_images_nothing_is_rendered_and_with_some_only_it_is_refused():
    bare = transitions.enter(EMPTY, version(1, image=None), STAGED, NOW)
    assert kubernetes.files(EMPTY, SET) == {}
    assert kubernetes.files(bare, SET) == {}
    with pytest.raises(LoopError, match="version 1 has no image"):
        kubernetes.files(transitions.enter(bare, version(2), STAGED, NOW), SET)


def test_with_envoy_gateway_the_route_keeps_an_entity_with_one_model_by_its_header():
    assert not any(
        kind == "BackendTrafficPolicy" for kind, _ in objects(kubernetes.files(serving(1, 2), SET))
    )
    found = objects(kubernetes.files(serving(1, 2), STICKY))["BackendTrafficPolicy", "model"]["spec"]
    (target,) = found["targetRefs"]
    assert (target["kind"], target["name"]) == ("HTTPRoute", "model")
    assert found["loadBalancer"]["consistentHash"] == {"type": "Headers", "headers": [{"name": "X-Entity"}]}


@FEW
@given(STATES)
def test_a_challenger_s_share_goes_by_a_proxy_that_asks_the_champion_in_its_place(state):
    files = kubernetes.files(state, PROXIED, limits=LIMITS)
    found, challenger = objects(files), state.challenger
    weights = {one["name"]: one["weight"] for one in rule(found)["backendRefs"]}
    champion = f"model-v{state.champion.version}"
    if ("Deployment", f"model-v{challenger and challenger.version}") not in found:
        assert not [name for _, name in found if "fallback" in name]
        return
    name = f"model-v{challenger.version}-fallback"
    share = {name: challenger.weight} if challenger.weight else {}  # a shadow's runs before it has one
    assert weights == {champion: 100 - challenger.weight, **share}
    assert f"kubernetes/models/{name}.yaml" in files  # a Deployment of the file's name: it is waited for
    pod = found["Deployment", name]["spec"]["template"]
    config = pod["metadata"]["annotations"]["loop/nginx.conf"]
    asked = dict(re.findall(r"upstream (\w+) {\s+server (\S+) max_fails=0;", config))
    assert asked == {"champion": f"{champion}:3000", "challenger": f"model-v{challenger.version}:3000"}
    assert "proxy_read_timeout 700ms;" in config
    assert ("Service", name) in found


def test_the_proxy_runs_the_image_of_the_settings_may_do_nothing_else_and_is_let_in_by_models():
    state = transitions.enter(serving(1), version(2), policy(("half", 50, False)), NOW)
    found = objects(kubernetes.files(state, PROXIED, limits=LIMITS))
    pod = found["Deployment", "model-v2-fallback"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["image"] == NGINX
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    (let_in,) = found["NetworkPolicy", "model"]["spec"]["ingress"]
    (selector,) = [one["podSelector"]["matchLabels"] for one in let_in["from"] if "podSelector" in one]
    assert selector.items() <= pod["metadata"]["labels"].items()
    model = found["Deployment", "model-v2"]["spec"]["template"]["metadata"]["labels"]
    assert not selector.items() <= model.items()


def test_no_caller_says_that_the_champion_answers_for_a_challenger():
    for some in (SET, PROXIED):
        filters = rule(objects(kubernetes.files(serving(1), some, limits=LIMITS)))["filters"]
        assert filters[0]["requestHeaderModifier"] == {"remove": ["X-Loop-Fallback"]}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ([], None),
        (["entity_header"], "in a cluster, each request is drawn anew, since entity_header is not set"),
        (
            ["fallback"],
            "in a cluster, a challenger's error or silence reaches the caller, since fallback is not set",
        ),
    ],
)
def test_what_a_cluster_does_otherwise_with_a_canary_is_what_its_settings_leave_out(missing, told):
    assert kubernetes.of_canaries(PROXIED.model_copy(update=dict.fromkeys(missing))) == told


def test_secrets_are_named_and_mounted_only_if_they_are_used():
    for some, names in ((SET, []), (SECURED, ["LOOP_PERSONAL_KEY_FILE", "LOOP_TOKEN_FILE"])):
        found = objects(kubernetes.files(serving(1), some))
        pod = found["Deployment", "model-v1"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        env = {part["name"]: part.get("value") for part in container["env"]}
        assert sorted(name for name in env if name.endswith("_FILE")) == names
        items = [one for volume in pod["volumes"] for one in volume.get("secret", {}).get("items", [])]
        assert sorted(f"/run/loop/{one['path']}" for one in items) == sorted(env[name] for name in names)


def test_an_overlay_is_taken_in_by_models_by_the_route_and_by_both_together():
    plain, made = (kubernetes.files(serving(1, 2), SET, overlay=over) for over in ({}, OVERLAY))
    bases = {path: yaml.safe_load(made[path]) for path in made if made[path] != plain.get(path)}
    component = bases.pop("kubernetes/overlay/kustomization.yaml")
    assert component["namespace"] == "models-staging"
    taken = {path: base["components"] for path, base in bases.items()}
    assert taken == {
        "kubernetes/kustomization.yaml": ["overlay"],
        "kubernetes/models/kustomization.yaml": ["../overlay"],
        "kubernetes/route/kustomization.yaml": ["../overlay"],
    }


def jobs(environment: str = "production", **changed) -> dict[str, dict]:
    """The schedules of a cluster, by name."""
    some = SECURED.model_copy(update={"jobs": JOBS.model_copy(update=changed)})
    found = objects(kubernetes.files(serving(1), some, environment=environment))
    return {name: one["spec"] for (kind, name), one in found.items() if kind == "CronJob"}


def test_no_two_runs_of_a_job_at_once_and_a_missed_one_is_caught_up():
    found = jobs(late_minutes_max=30, minutes_max=20)
    assert {name: one["schedule"] for name, one in found.items()} == {
        "materialize": JOBS.materialize,
        "collect": JOBS.collect,
        "monitor": JOBS.monitor,
    }
    for one in found.values():
        assert one["concurrencyPolicy"] == "Forbid"
        assert one["startingDeadlineSeconds"] == 1800
        assert one["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 1200
        assert one["failedJobsHistoryLimit"] > 0  # a failure stays to be seen


def test_a_job_runs_the_one_image_with_what_it_needs_and_may_do_nothing_else():
    pods = {name: one["jobTemplate"]["spec"]["template"]["spec"] for name, one in jobs().items()}
    assert {name: pod["containers"][0]["args"][0] for name, pod in pods.items()} == {
        name: name for name in pods
    }
    for pod in pods.values():
        (container,) = pod["containers"]
        assert container["image"] == JOBS.image
        assert {one["name"]: one.get("value") for one in container["env"]} == {
            "LOOP_FEATURES": None,
            "LOOP_PREDICTIONS": "/var/lib/loop/predictions",
            "LOOP_PERSONAL_KEY_FILE": "/run/loop/personal_key",
        }
        assert container["envFrom"] == [{"secretRef": {"name": "jobs"}}]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_decision_of_the_monitor_fails_at_once_and_an_accident_is_tried_again():
    found = {name: one["jobTemplate"]["spec"] for name, one in jobs().items()}
    assert {one["backoffLimit"] for one in found.values()} == {2}
    (rule_of_monitor,) = found["monitor"]["podFailurePolicy"]["rules"]
    decisions = {code for code in exit_codes.MONITOR.values() if code}
    assert rule_of_monitor["action"] == "FailJob"
    assert set(rule_of_monitor["onExitCodes"]["values"]) == decisions
    assert exit_codes.GENERAL["refused (bad data, bad params, a full disk)"] not in decisions


def test_jobs_are_those_that_have_an_image_and_a_schedule_and_staging_needs_features_alone():
    assert list(jobs("staging")) == ["materialize"]
    assert jobs("staging")["materialize"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0][
        "args"
    ] == ["materialize", "--served", "--environment", "staging"]
    assert sorted(jobs(monitor=None)) == ["collect", "materialize"]
    for bare in (SET, SET.model_copy(update={"jobs": None})):  # as it comes, and of before there were jobs
        assert not [path for path in kubernetes.files(serving(1), bare) if "jobs" in path]


def test_the_network_of_jobs_is_open_to_what_the_settings_name_and_to_nobody_who_asks():
    some = SECURED.model_copy(update={"jobs": JOBS.model_copy(update={"ports": [443, 5432, SET.redis_port]})})
    found = objects(kubernetes.files(serving(1), some))
    policy_of_jobs = found["NetworkPolicy", "job"]["spec"]
    assert policy_of_jobs["ingress"] == []
    ports = [one["port"] for rule in policy_of_jobs["egress"] for one in rule["ports"]]
    assert sorted(ports) == [53, 53, 443, 5432, 6379]
    labels = found["CronJob", "collect"]["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert policy_of_jobs["podSelector"]["matchLabels"].items() <= labels.items()
    of_models = found["NetworkPolicy", "model"]["spec"]["podSelector"]["matchLabels"]
    assert not of_models.items() <= labels.items()


@pytest.mark.parametrize("commit", ["0" * 39 + "9", "12345678" * 5, "1e" + "3" * 38])
def test_a_hash_that_looks_like_a_number_is_quoted(commit):
    state = transitions.enter(EMPTY, version(1, commit=commit), STAGED, NOW)
    assert f"loop/commit: '{commit}'" in kubernetes.files(state, SET)["kubernetes/models/model-v1.yaml"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("max: 6", "max: 1"), "max 1 is below min 2"),
        (("proxies: gateway", "proxys: gateway"), "did you mean `proxies`"),
        (("500m", "half"), "requests"),
        (("redis_port: 6379", "redis_port: 0"), "redis_port"),
        (("37 * * * *", "hourly"), "jobs.collect"),
        (("37 * * * *", "37 * * *"), "jobs.collect"),
        (("image: null", "image: registry.example.com/jobs:1"), "jobs.image.*by its digest"),
        (("fallback: null", "fallback: nginx:1.28"), "fallback.*by its digest"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_their_key(tmp_path, change, found):
    text = (ROOT / cluster_settings.SETTINGS).read_text()
    assert change[0] in text
    (tmp_path / "kubernetes.yaml").write_text(text.replace(*change))
    with pytest.raises(LoopError, match=found):
        cluster_settings.read(tmp_path / "kubernetes.yaml")


@pytest.fixture(scope="module")
def route() -> Any:
    """What a route may be; it is shipped in a module of Go."""
    versions = yaml.safe_load(tool("GATEWAY").read_text())["spec"]["versions"]
    (schema,) = (one["schema"]["openAPIV3Schema"] for one in versions if one["name"] == "v1")
    schema["properties"]["metadata"] = {"type": "object"}  # which Kubernetes itself defines
    return Draft202012Validator(closed(schema))


def closed(schema: Any) -> Any:
    """The same schema, of objects that have no other fields than it names."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(part) for key, part in schema.items()}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def refused(files: dict[str, str], route: Any) -> str:
    """What the schemas have against a base; empty for nothing."""
    output = list(listed(files))
    for path, text in files.items():
        if path.endswith("kustomization.yaml"):
            continue
        for one in yaml.safe_load_all(text):
            if one["kind"] == "HTTPRoute":
                output += [f"{error.json_path}: {error.message}" for error in route.iter_errors(one)]
            else:
                try:
                    kubernetes_validate.validate(one, "1.37", strict=True)
                except kubernetes_validate.SchemaNotFoundError:
                    output.append(f"{path}: no kind {one['kind']}")
                except kubernetes_validate.ValidationError as error:
                    output.append(f"{path}: {error.message} {list(error.path)}")
    return "\n".join(output)


def listed(files: dict[str, str]) -> Iterator[str]:
    """What of a kustomize base names a file that is not there, or leaves one out."""
    seen = set()
    for path, text in files.items():
        base = yaml.safe_load(text) if path.endswith("kustomization.yaml") else {}
        if base.get("kind") == "Kustomization":
            assert set(base) == {"apiVersion", "kind", "resources"} | ({"components"} & set(base))
            for name in base["resources"] + base.get("components", []):
                there = os.path.normpath(f"{Path(path).parent}/{name}")
                seen |= {there, f"{there}/kustomization.yaml", path}
                if not {there, f"{there}/kustomization.yaml"} & files.keys():
                    yield f"{path}: there is no {name}"
    yield from (f"{path} is in no base" for path in files.keys() - seen)


@FEW
@given(
    state=STATES,
    some=st.sampled_from([SET, SECURED, SET.model_copy(update={"fallback": NGINX})]),
    spare=st.sampled_from([None, version(99)]),
    over=st.sampled_from([{}, OVERLAY]),
)
def test_kubernetes_takes_the_manifests_of_any_state(route, state, some, spare, over):
    assert refused(kubernetes.files(state, some, spare, over, limits=LIMITS), route) == ""


def breaks() -> Iterator[tuple[str, str, str]]:
    """A text of a good base, what it is broken into, and what must be said of it."""
    yield "maxReplicas: 6", "maxReplicas: six", "'six' is not of type"
    yield "progressDeadlineSeconds", "progressDeadline", "Additional properties are not allowed"
    yield "weight: 100", "weight: 1000001", "greater than the maximum"
    yield "type: RequestMirror", "type: RequestMiror", "is not one of"
    yield "requestMirror:", "requestRedirect:", "requestRedirect: Additional properties are not allowed"
    yield "kind: Deployment", "kind: Deployments", "no kind Deployments"
    yield "- model-v2.yaml", "- model-v3.yaml", "model-v3.yaml"


@pytest.mark.parametrize(("good", "broken", "output"), list(breaks()))
def test_what_is_broken_is_refused_by_the_same_check(route, good, broken, output):
    files = kubernetes.files(serving(1, 2), SET)
    assert any(good in text for text in files.values())
    changed = {path: text.replace(good, broken) for path, text in files.items()}
    assert output in refused(changed, route)
