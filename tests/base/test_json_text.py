"""JSON that others wrote is read, or refused by one kind of error."""

import ast
from pathlib import Path

import pytest

from conftest import ROOT
from loop.base import json_text

OWN = {"base/json_text.py", "model/mlflow_loader.py"}  # the second runs where nothing of ours is installed


@pytest.mark.parametrize("text", ["", "{", "[" * 5000, b"\xff", '{"a":' * 5000])
def test_what_is_no_json_is_a_value_error_also_where_it_is_nested_without_end(text):
    with pytest.raises(ValueError, match=r"Expecting|nested more deeply|decode"):
        json_text.parse(text)


def test_json_is_its_values():
    assert json_text.parse(b'{"a": [1, null]}') == {"a": [1, None]}


def caught(tree: ast.AST):
    """Of each `try` around `json.loads`: the names of what it catches."""
    for block in (node for node in ast.walk(tree) if isinstance(node, ast.Try)):
        inner = (node for part in block.body for node in ast.walk(part))
        if any(isinstance(node, ast.Attribute) and ast.unparse(node) == "json.loads" for node in inner):
            yield {ast.unparse(one.type) for one in block.handlers if one.type}, block.lineno


@pytest.mark.parametrize("path", sorted((ROOT / "src/loop").rglob("*.py")), ids=str)
def test_who_expects_a_value_error_of_json_gets_no_other(path: Path):
    if path.relative_to(ROOT / "src/loop").as_posix() in OWN:
        return
    for names, line in caught(ast.parse(path.read_text())):
        assert not any("ValueError" in name and "RecursionError" not in name for name in names), line
