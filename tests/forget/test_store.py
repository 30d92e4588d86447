"""Of the feature store the person's keys go, of any version of the features; nobody else's do."""

import shutil
import socket
import subprocess

import pandera.pandas as pa
import pytest

from loop.forget import person as persons
from loop.forget import places
from loop.serve.store import RedisStore, SqliteStore
from problem import schema
from support.backends import eventually

KEY = b"0123456789abcdef0123456789abcdef"
NAME = "Zoë O'Hara"
ROWS = [(f"trail\x1f{NAME}", b"1"), ("trail\x1fAnn", b"2"), (f"trail\x1fshop\x1f{NAME}", b"3")]


@pytest.fixture
def who(monkeypatch):
    marked = {"who": pa.Column("str", metadata={"personal": "hash"})}
    monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema(marked))
    return persons.read([f"who={NAME}"], ["who"], KEY)[0]


def erased(who, where: str) -> int:
    found = list(places.stored(who, where))
    for one in found:
        one.erase()
    assert list(places.stored(who, where)) == []
    return sum(one.rows for one in found)


def test_a_file_loses_their_keys_and_the_pages_that_held_them(who, tmp_path):
    stores = [SqliteStore(tmp_path, space) for space in ("a", "b")]
    for store in stores:
        store.replace(ROWS, "2026-01-01T00:00:00+00:00")
    assert erased(who, str(tmp_path)) == 4
    for store in stores:
        assert store.get(["trail\x1fAnn"]) == [b"2"]
        assert store.as_of() == "2026-01-01T00:00:00+00:00"
        assert NAME.encode() not in store.path.read_bytes()


def test_redis_loses_their_keys(who, tmp_path):
    if (server := shutil.which("redis-server")) is None:
        pytest.skip("no redis-server: on Debian, apt install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([server, *options], stdout=subprocess.DEVNULL) as running:
        try:
            assert eventually(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            url = f"redis://127.0.0.1:{port}/0"
            store = RedisStore(url, "a")
            store.replace(ROWS, "2026-01-01T00:00:00+00:00")
            assert erased(who, url) == 2
            assert store.get(["trail\x1fAnn", ROWS[0][0]]) == [b"2", None]
        finally:
            running.terminate()
