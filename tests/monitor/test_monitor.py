"""What `loop monitor` adds to a monitoring run: whether another model is on its way already."""

import json
from types import SimpleNamespace

import pytest

from loop.monitor import monitor
from loop.settings.paths import LINEAGE

SERVES = SimpleNamespace(sha256="a" * 64)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / LINEAGE).parent.mkdir()
    return tmp_path / LINEAGE


def test_while_main_holds_a_model_that_does_not_serve_yet_no_retrain_is_proposed_beside_it(tree):
    tree.write_text(json.dumps({"model": {"sha256": "b" * 64}}))
    (note,) = monitor._newer(SERVES)
    assert "b" * 12 in note


@pytest.mark.parametrize("held", [json.dumps({"model": {"sha256": "a" * 64}}), "no JSON", "{}"])
def test_the_model_that_serves_or_none_is_no_news(tree, held):
    tree.write_text(held)
    assert monitor._newer(SERVES) == []
