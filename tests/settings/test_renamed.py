"""Old names: refused in the working tree with the new ones, and read as if new in another commit."""

import subprocess

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from conftest import ROOT
from loop.base.errors import LoopError
from loop.settings import monitor_settings, params, renamed
from loop.settings.monitor_settings import Settings
from loop.settings.params import Section
from loop.settings.review_policy import Policy

LAST_OF_OLD = "b94675c"  # the newest commit of this repository with the old names


@pytest.fixture
def new() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture
def old(new) -> dict:
    new["review"]["minima"] = new["review"].pop("minimum_requirements")
    new["monitor"]["hysteresis"]["looks"] = new["monitor"]["hysteresis"].pop("runs")
    return new


def test_the_params_of_this_repository_have_no_old_name(new):
    assert not renamed.keys(new)
    assert renamed.current(new) == new


def test_an_error_names_each_old_key_its_new_name_and_the_command(old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(old))
    with pytest.raises(LoopError, match=r"`review\.minima` is `review\.minimum_requirements` now") as caught:
        monitor_settings.read()
    assert "`monitor.hysteresis.looks` is `monitor.hysteresis.runs` now" in caught.value.found
    assert "`loop doctor --fix`" in caught.value.todo


def test_params_of_another_commit_are_read_as_if_renamed(old, new):
    kept = yaml.safe_dump(old)
    policy = params.of_commit("review", old, Policy, "there")
    assert policy.minimum_requirements.keys() == old["review"]["minima"].keys()
    assert params.of_commit("monitor", old, Settings, "there").hysteresis.runs == 2
    assert yaml.safe_dump(old) == kept, "what was read is not changed"


def test_the_order_of_keys_stays(old):
    keys = list(old["review"])
    place = keys.index("minima")
    assert list(renamed.current(old)["review"])[place] == "minimum_requirements"


def test_a_key_by_both_names_is_no_section_of_another_commit_either(old):
    old["review"]["minimum_requirements"] = {}
    with pytest.raises(LoopError, match=r"`review\.minima` is not a key"):
        params.of_commit("review", old, Policy, "there")


@pytest.mark.parametrize("values", [None, [], {}, {"review": None}, {"monitor": {"hysteresis": [1]}}, "text"])
def test_what_is_no_section_has_no_old_name(values):
    assert renamed.keys(values) == {}
    assert renamed.current(values) == values


def test_a_section_that_another_commit_lacks_is_missing(new):
    del new["review"]
    with pytest.raises(LoopError, match="section `review` is missing"):
        params.of_commit("review", new, Policy, "params.yaml on main")
    with pytest.raises(LoopError, match="section `review` is missing"):
        params.of_commit("review", None, Policy, "params.yaml on main")


def test_the_last_commit_with_old_names_can_still_be_read():
    done = subprocess.run(
        ["git", "show", f"{LAST_OF_OLD}:params.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("this history does not have the commit")
    values = yaml.safe_load(done.stdout)
    assert renamed.keys(values).keys() == renamed.KEYS.keys()
    for name, model in (("review", Policy), ("monitor", Settings), ("windows", params.Windows)):
        assert params.of_commit(name, values, model, "there")


OLD_MODULES = {
    "metrics.py": "def cohorts(examples):\n    return {}\n",
    "schema.py": "class Repair:\n    name: str\n    mend: object\n",
}


@pytest.fixture
def problem(tmp_path, monkeypatch):
    """A folder with a problem whose modules have old names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src/problem").mkdir(parents=True)
    for name, text in OLD_MODULES.items():
        (tmp_path / "src/problem" / name).write_text(text)
    return tmp_path / "src/problem"


def test_old_names_in_the_problem_are_refused_wherever_params_are_read(problem, new, tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(new))
    with pytest.raises(
        LoopError, match=r"src/problem has old names: `metrics\.py: cohorts` is `subgroups` now"
    ):
        params.section("review", Policy)
    assert renamed.of_problem()["schema.py"] == {"Repair.mend": "fix"}


@pytest.mark.parametrize("text", ["cohorts = 1 if (", "# cohorts\n", "def f():\n    cohorts = 1\n", ""])
def test_a_word_that_no_module_defines_is_no_old_name(problem, text):
    (problem / "metrics.py").write_text(text)
    assert "metrics.py" not in renamed.of_problem()


def test_the_problems_here_have_no_old_name():
    for folder in ("src/problem", "tests/second_problem/problem"):
        assert renamed.of_problem(ROOT / folder) == {}


class Written(BaseModel):
    """As a file with a version."""

    schema_version: int
    name: str


def test_another_version_is_distinguished_from_another_fault():
    with pytest.raises(ValidationError) as caught:
        Written.model_validate({"schema_version": "x", "name": 1})
    assert renamed.other_version(caught.value)
    with pytest.raises(ValidationError) as caught:
        Written.model_validate({"schema_version": 1, "name": 1})
    assert not renamed.other_version(caught.value)


def test_every_new_key_is_one_that_a_section_takes():
    models: dict[str, type[Section]] = {"review": Policy, "monitor": Settings}
    for path, new in renamed.KEYS.items():
        here = models[path[0]]
        for key in path[1:-1]:
            here = here.model_fields[key].annotation
        assert new in here.model_fields
        assert path[-1] not in here.model_fields
