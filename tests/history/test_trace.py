"""From a prediction, a version or a file to whoever and whatever made it; what is not known is said."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from loop.base.errors import LoopError
from loop.history import trace
from loop.production import branch, transitions
from support.states import NOW, STAGED, released, version


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def served(clone):
    """Version 1, and 2 as its challenger with 5 % of the requests; both of the same real commit of main."""
    window = {"from": "2026-01-01T00:00Z", "until": "2026-02-01T00:00Z"}
    Path("params.yaml").write_text(yaml.safe_dump({"windows": {"train": window}}))
    made = {"params": {"train": {"trees": 7}}, "environment": {"uv.lock": "e" * 64}}
    Path("models").mkdir()
    Path("models/lineage.json").write_text(json.dumps(made))
    git("add", "--all")
    git("commit", "--quiet", "-m", "More trees (#7)")
    commit = git("rev-parse", "HEAD")
    released(version(1, commit=commit), version(2, commit=commit, model=f"{2:012x}" + "a" * 52))
    branch.change(lambda now: (transitions.advance(now.state, STAGED, NOW), "Advance 2", None), lambda _: {})
    return commit


def record(commit: str, **changed):
    made = {
        "id": "r-1",
        "at": pd.Timestamp("2026-01-06T10:00:00Z"),
        "version": f"{2:012x}",
        "commit": commit,
        "role": "challenger",
        "score": 0.25,
        "decision": False,
        "latency_ms": 3.0,
        "entity": '{"key": 1}',
    }
    return made | changed


def nowhere(request_id):
    raise LoopError(f"no prediction {request_id!r} is on record: the log is empty", "an id", "look")


def asked(what=None, version=None, request=None, find=nowhere):
    return trace.main(what, version, request, find)


def test_a_version_leads_to_moves_people_commit_data_params_locks_and_verdict(served):
    output = asked("2")
    for part in (
        "version   2, challenger with 5 % of the requests",
        "0 % challenger, shadow",
        "5 % challenger, canary-5",
        "release by t",
        "advance by t",
        f"commit    {served}",
        "More trees (#7)",
        "#7 by ann, approved by bob",
        "verdict   better",
        "2026-01-01T00:00Z until 2026-02-01T00:00Z",
        "data/raw                         " + "0" * 32,
        "trees: 7",
        "dvc.lock                         " + "0" * 64,
        "uv.lock                          " + "e" * 64,
    ):
        assert part in output
    assert len(output.splitlines()) < 40, "one screen"


def test_a_version_that_went_says_when_and_why(served):
    branch.change(
        lambda now: (transitions.abort(now.state, "it crashes", NOW), "Abort 2", None), lambda _: {}
    )
    output = asked("2")
    assert "version   2, refused: it crashes" in output
    gone = [line for line in output.splitlines() if "0 % gone" in line]
    assert len(gone) == 1
    assert gone[0].endswith("abort by t")


def test_a_prediction_leads_to_the_version_that_made_it(served):
    output = asked("r-1", find=lambda _: [record(served)])
    assert output.startswith(
        "request   r-1\n  at      2026-01-06 10:00:00Z, answered as challenger in 3.0 ms"
    )
    assert "score   0.250000, decision no" in output
    assert "version   2, challenger with 5 %" in output


def test_every_prediction_of_a_request_is_shown_with_its_own_version(served):
    both = [record(served, version=f"{1:064x}"[:12], role="champion"), record(served, role="shadow")]
    output = asked("r-1", find=lambda _: both)
    assert (
        output.index("answered as champion")
        < output.index("version   1")
        < output.index("answered as shadow")
    )
    assert output.index("answered as shadow") < output.index("version   2")


def test_two_versions_of_one_model_are_distinguished_by_their_commit(served):
    same = {one: version(one, commit=f"{one:040x}", model="f" * 64) for one in (1, 2)}
    assert trace.released(record(f"{1:040x}", version="f" * 12), same).version == 1
    assert trace.released(record(f"{1:040x}-changed", version="f" * 12), same).version == 1
    assert trace.released(record("9" * 40, version="f" * 12), same).version == 2
    assert trace.released(record(f"{1:040x}", version="e" * 12), same) is None


def test_a_prediction_of_a_server_that_no_release_started_says_so(served):
    output = asked("r-1", find=lambda _: [record("9" * 40, version="e" * 12)])
    assert f"version   none: model {'e' * 12} of commit {'9' * 40} was never released" in output
    assert "answered in 3.0 ms" in output, "in no role"
    output = asked("r-1", find=lambda _: [record(f"{served}-changed")])
    assert "a checkout with changed files" in output
    output = asked("r-1", find=lambda _: [record(None, version="e" * 12)])
    assert "that is not on record" in output


def test_a_number_is_a_version_if_there_is_one_and_else_a_request(served):
    find = lambda name: [record(served, id=name)]  # noqa: E731
    assert asked("2", find=find).startswith("version   2")
    assert asked("3", find=find).startswith("request   3")
    assert asked(request="2", find=find).startswith("request   2")
    with pytest.raises(LoopError, match=r"there is no version 3, and no prediction '3' is on record"):
        asked("3")
    with pytest.raises(LoopError, match="there is no version 3") as error:
        asked(version=3, find=find)
    assert "one that was released: 1, 2" in str(error.value)


def test_a_file_is_traced_and_named_by_its_version(served, tmp_path):
    with pytest.raises(LoopError, match=r"models/x\.skops is missing"):
        asked("models/x.skops")


def test_a_commit_that_is_not_in_this_clone_is_reported(clone):
    released(version(1))
    assert "not in this clone: `git fetch origin`" in asked("1")


def test_the_short_form_names_request_version_and_people(served):
    output = trace.brief(record(served)).splitlines()
    assert output[0] == "request   r-1"
    assert any(line.startswith("version   2") for line in output)
    assert any("approved by bob" in line for line in output)


def test_what_others_wrote_moves_no_terminal(served):
    reason = "\x1b[31mred\u202e"
    branch.change(lambda now: (transitions.abort(now.state, reason, NOW), "Abort 2", None), lambda _: {})
    output = asked("2")
    assert "refused: " in output
    assert not {"\x1b", "\u202e"} & set(output)
