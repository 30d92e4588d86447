"""What Spark needs is asked for before anything runs, and named where it is not there."""

import pytest

from loop.base.errors import LoopError
from loop.engine import session
from loop.pipeline import run
from loop.setup import machine
from loop.setup.need import State, examine


@pytest.fixture
def asks(tmp_path, monkeypatch):
    """A folder whose params ask for Spark, on a machine whose Java is too old."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text('engine: {spark: "local[2]"}\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (tmp_path / "bin/java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(session, "find_spec", lambda name: name)
    return tmp_path


def test_a_run_that_asks_for_spark_is_refused_before_anything_runs_where_java_is_too_old(asks):
    with pytest.raises(LoopError, match="is Java 11"):
        run._engine()
    (asks / "params.yaml").write_text("engine: duckdb\n")
    run._engine()


def test_packages_that_are_not_installed_are_named_with_the_command(asks, monkeypatch):
    monkeypatch.setattr(session, "find_spec", lambda name: None)
    with pytest.raises(LoopError, match="pyspark is not installed") as refused:
        run._engine()
    assert refused.value.todo == "make setup"


def test_a_user_without_a_name_is_told_so_before_java_starts(asks, monkeypatch):
    """As in a container: Spark's login ends in a NullPointerException."""

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(session.java, "require", lambda: 17)
    monkeypatch.setattr(session.pwd, "getpwuid", nobody)
    with pytest.raises(LoopError, match="has no name on this machine"):
        run._engine()


def test_the_doctor_names_a_java_that_will_not_do_and_what_installs_one(asks):
    need = next(one for one in machine.needs() if one.name == "Java, for Spark")
    found = examine(need)
    assert found.state is State.MISSING
    assert found.reason == f"{asks}/bin/java is Java 11"
    assert "apt install openjdk-17-jre-headless" in need.fix


def test_the_doctor_asks_for_no_java_where_params_do_not_ask_for_spark(asks):
    (asks / "params.yaml").write_text("engine: duckdb\n")
    assert not [one for one in machine.needs() if "Java" in one.name]
