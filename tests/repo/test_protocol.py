"""What one commit asks of another: the file that says it is true, and code of before it is still answered."""

import json

import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.repo import protocol


def test_every_entry_point_is_a_module_of_this_tree():
    for command in protocol.own().entries.values():
        name = command[-1].partition(":")[0]
        assert (ROOT / "src" / f"{name.replace('.', '/')}.py").is_file(), command


def test_this_tree_speaks_the_version_that_its_code_knows():
    assert protocol.own().version == protocol.VERSION
    assert protocol.of(ROOT) == protocol.own()
    assert set(protocol.FIRST.entries) <= set(protocol.own().entries)


def test_a_tree_of_before_the_file_speaks_the_first_version(tmp_path):
    assert protocol.of(tmp_path) == protocol.FIRST


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (json.dumps({"version": protocol.VERSION + 1, "entries": {}}), "speaks version"),
        ("{", "is no protocol"),
        ("[]", "is no protocol"),
        ('{"version": 1}', "is no protocol"),
    ],
)
def test_a_newer_protocol_and_one_that_is_none_are_refused(tmp_path, text, why):
    (tmp_path / protocol.FILE).parent.mkdir(parents=True)
    (tmp_path / protocol.FILE).write_text(text)
    with pytest.raises(LoopError, match=why):
        protocol.of(tmp_path)
