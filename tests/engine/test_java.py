"""The Java that Spark takes: the one of JAVA_HOME, else of PATH, from 17 to 21."""

import pytest

from loop.base.errors import LoopError
from loop.engine import java


def home(folder, says: str):
    (folder / "bin").mkdir()
    program = folder / "bin/java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("says", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('openjdk version "21" 2023-09-19 LTS', 21)],
)
def test_a_java_that_spark_runs_on_is_taken(tmp_path, monkeypatch, says, version):
    monkeypatch.setenv("JAVA_HOME", home(tmp_path, says))
    assert java.require() == version


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ('java version "1.8.0_402"', "is Java 8"),
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11"),
        ('openjdk version "25" 2025-09-16', "is Java 25"),
        ("no idea", "does not say its version"),
    ],
)
def test_another_is_named_with_what_installs_one(tmp_path, monkeypatch, says, found):
    monkeypatch.setenv("JAVA_HOME", home(tmp_path, says))
    with pytest.raises(LoopError, match=found) as refused:
        java.require()
    assert refused.value.expected == "Java 17 to 21, for Spark"
    assert "apt install openjdk-17-jre-headless" in refused.value.todo


def test_without_any_that_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LoopError, match="there is no Java here"):
        java.require()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(LoopError, match="has no bin/java"):
        java.require()
