"""rollout.yaml as somebody may have edited it: what no transition writes is refused."""

import copy

import pytest

from loop.base.errors import LoopError
from loop.production.state import STATE, State
from loop.settings.params import parse

IMAGE = f"ghcr.io:443/team/model-a:v1.0_b@sha256:{'c' * 64}"
MODEL = {"commit": "a" * 40, "model": "b" * 64, "image": IMAGE}
STAGES = [
    {"name": "shadow", "weight": 0, "mirror": True, "since": "2026-01-01T00:00:00Z"},
    {"name": "canary", "weight": 10, "mirror": True, "since": "2026-01-05T00:00:00Z"},
]
WHOLE = {
    "models": [
        {"role": "champion", "version": 1, "weight": 90, "since": "2026-01-01T00:00:00Z", **MODEL},
        {"role": "challenger", "version": 2, "weight": 10, "stages": STAGES, "held": None, **MODEL},
    ]
}


def edited(place, value):
    found = copy.deepcopy(WHOLE)
    at = found["models"][1]
    *way, last = place
    for part in way:
        at = at[part]
    at[last] = value
    return parse("rollout", found, State, STATE)


def test_what_a_transition_writes_is_taken():
    assert edited(["held"], None).challenger.stage.name == "canary"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["stages", 1, "name"], "\u202ecanary"),
        (["stages", 1, "name"], ""),
        (["stages", 1, "name"], "../canary"),
        (["stages", 0, "weight"], 100),
        (["image"], IMAGE.replace("team/", "team/../../")),
        (["image"], IMAGE.replace("team/", "team//")),
        (["image"], IMAGE.replace("model-a", "-a")),
        (["image"], f"{IMAGE}\n"),
    ],
)
def test_what_no_transition_writes_is_refused(place, value):
    with pytest.raises(LoopError, match="rollout"):
        edited(place, value)
