"""compose.yaml of a state: held to the schema of the Compose specification, and taken by a real nginx."""

import re
import shutil
import subprocess

import pytest
import yaml
from hypothesis import given

from conftest import BIN
from deploy.test_kubernetes import BOTH, FEW, STATES
from loop.base.errors import LoopError
from loop.deploy import compose, instances, nginx
from loop.deploy.instances import PORT
from loop.production import transitions
from loop.production.state import EMPTY
from support.states import NOW, STAGED, policy, serving, version

pytestmark = pytest.mark.slow  # a real nginx

SITE = nginx.Site(f"0.0.0.0:{compose.LISTEN}", 64)
BUSY = transitions.advance(
    transitions.advance(transitions.enter(serving(1), version(2), BOTH, NOW), BOTH, NOW), BOTH, NOW
)


def services(state) -> dict:
    return yaml.safe_load(compose.files(state, "conf")[compose.FILE])["services"]


@FEW
@given(STATES)
def test_each_model_runs_in_its_role_and_nginx_names_none_that_does_not(state):
    made = services(state)
    conf = nginx.render(state, BOTH, compose.addresses(state), SITE)
    named = set(re.findall(r"server ([\w-]+):3000", conf))
    assert named == set(made) - {"proxy"} == {one.name for one in instances.of(state)}
    for one in instances.of(state):
        assert made[one.name]["image"] == one.model.image
        assert made[one.name]["environment"] == {"LOOP_ROLE": one.role, "LOOP_RESTARTED": "yes"}


@FEW
@given(STATES)
def test_nothing_runs_with_rights_or_a_place_to_write_that_it_does_not_need(state):
    for service in services(state).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"


def test_only_the_champion_can_keep_nginx_from_starting():
    needed = services(BUSY)["proxy"]["depends_on"]
    assert needed == {
        "model-v1": {"condition": "service_healthy"},
        "model-v2": {"condition": "service_started"},
        "model-v2-shadow": {"condition": "service_started"},
    }


def test_a_state_that_no_container_can_serve_is_refused():
    with pytest.raises(LoopError, match="nothing serves yet"):
        compose.files(EMPTY, "")
    with pytest.raises(LoopError, match="version 1 has no image"):
        compose.files(transitions.enter(EMPTY, version(1, image=None), STAGED, NOW), "")


def schema(text: str, folder) -> str:
    """What the Compose specification has against a file; empty for nothing."""
    (folder / "compose.yaml").write_text(text)
    done = subprocess.run(
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", folder / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("state", [serving(1), serving(1, 2), BUSY], ids=["alone", "shadow", "both"])
def test_it_holds_to_the_compose_specification(state, tmp_path):
    assert schema(compose.files(state, "")[compose.FILE], tmp_path) == ""


@pytest.mark.parametrize(
    ("good", "broken"),
    [
        ("read_only: true", "readonly: true"),
        ("cap_drop:", "cap_drops:"),
        ("condition: service_healthy", "condition: 1"),
    ],
)
def test_what_is_broken_is_refused_by_the_same_schema(good, broken, tmp_path):
    text = compose.files(serving(1, 2), "")[compose.FILE]
    assert good in text
    assert schema(text.replace(good, broken), tmp_path)


@pytest.mark.skipif(not shutil.which("nginx"), reason="no nginx: on Debian, apt install nginx-light")
@pytest.mark.parametrize("rules", [STAGED, BOTH, policy()], ids=["staged", "both", "none"])
def test_nginx_takes_its_configuration_in_the_folder_that_is_mounted(rules, tmp_path):
    state = transitions.enter(serving(1), version(2), rules, NOW)
    where = dict.fromkeys(compose.addresses(state), f"127.0.0.1:{PORT}")  # names are those of a network
    (tmp_path / "temporary").mkdir()
    (tmp_path / "nginx.conf").write_text(nginx.render(state, rules, where, SITE))
    entry = services(state)["proxy"]["entrypoint"]
    command = [part.replace("/proxy/", f"{tmp_path}/") for part in entry]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
