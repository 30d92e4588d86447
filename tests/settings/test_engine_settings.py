"""`engine` of params.yaml: DuckDB, or a Spark by its master."""

import pytest

from loop.base.errors import LoopError
from loop.settings import engine_settings, params
from loop.settings.engine_settings import Engine

MASTERS = ("local[2]", "local-cluster[2,1,1024]", "spark://host:7077", "k8s://https://host:6443")


@pytest.mark.parametrize("master", MASTERS)
def test_a_master_of_spark_is_taken_as_it_is(master):
    assert params.parse("engine", {"spark": master}, Engine).spark == master


def test_duckdb_is_no_spark_and_so_is_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("engine: duckdb\n", "train: {}\n"):
        (tmp_path / "params.yaml").write_text(text)
        assert engine_settings.spark() is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("spark", "`engine` is 'spark'"),
        ({}, "`engine` is {}"),
        (None, "`engine` is None"),
        ({"spark": "yarn"}, r"`engine\.spark` is 'yarn', no master"),
        ({"spark": "local-cluster[2,1]"}, "no master"),
        ({"spark": "local-cluster[2,1,256]"}, "too little memory"),
        ({"sparc": "local[2]"}, r"engine\.sparc.*did you mean `spark`"),
    ],
)
def test_another_value_is_named_beside_what_is_expected(value, found):
    with pytest.raises(LoopError, match=found) as refused:
        params.parse("engine", value, Engine)
    assert (
        "spark" in refused.value.expected or "450" in refused.value.expected or "master" in str(refused.value)
    )
