"""A lock that a review brings is one that DVC writes: one that it cannot read would stop main."""

import hashlib

import pytest
import yaml

from loop.base.errors import LoopError
from loop.publish import results

PIPELINE = {"stages": {"make": {"cmd": "x", "deps": ["dep"], "outs": ["out"]}}}
ENTRY = {"hash": "md5", "md5": hashlib.md5(b"dep", usedforsecurity=False).hexdigest(), "size": 3}


class Head:
    """A head with a pipeline and its dependency, and no lock yet."""

    sha = "0" * 40

    def read(self, path: str) -> bytes | None:
        return {"dvc.yaml": yaml.safe_dump(PIPELINE).encode(), "dep": b"dep"}.get(path)


def brought(*outs: dict[str, object]) -> dict[str, bytes]:
    stage = {"cmd": "x", "deps": [ENTRY | {"path": "dep"}], "outs": list(outs)}
    lock = yaml.safe_dump({"schema": "2.0", "stages": {"make": stage}}).encode()
    return results.to_commit({"dvc.lock": lock}, Head())


@pytest.mark.parametrize("more", [{}, {"nfiles": 2}, {"isexec": True}])
def test_an_entry_as_dvc_writes_it_is_brought(more):
    assert list(brought(ENTRY | {"path": "out"} | more)) == ["dvc.lock"]


@pytest.mark.parametrize(
    "more",
    [{"size": [1]}, {"size": True}, {"nfiles": {"a": 1}}, {"isexec": "yes"}, {"md5": 7}, {"cloud": {}}],
)
def test_an_entry_that_dvc_does_not_write_is_refused(more):
    with pytest.raises(LoopError, match="an entry that DVC does not write"):
        brought(ENTRY | {"path": "out"} | more)


def test_an_output_that_is_named_twice_is_refused():
    with pytest.raises(LoopError, match="an entry that DVC does not write"):
        brought(ENTRY | {"path": "out"}, ENTRY | {"path": "out", "md5": "0" * 32})
