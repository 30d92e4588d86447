"""A problem may begin with a view of a database; its address is kept without a secret."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from loop.base.errors import LoopError, UsageError
from loop.init import problem_files, query_data
from loop.init.guess import guess
from loop.init.guessed import Options


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working directory with a database of which one view has a key, and one table has no row."""
    monkeypatch.chdir(tmp_path)
    rows = pd.DataFrame({"Order No": range(200), "price (EUR)": [n % 7 + n / 200 for n in range(200)]})
    rows = rows.assign(at=pd.date_range("2024-01-01", periods=200, freq="h").astype("str"))
    rows = rows.assign(sold=[n % 7 * 2 + n % 3 for n in range(200)])
    with sqlite3.connect("shop.db") as engine:
        rows.to_sql("orders", engine, index=False)
        rows.head(0).to_sql("empty", engine, index=False)
    engine.close()
    return tmp_path


def source(address: str, table: str) -> str:
    found = guess(query_data.read(address, table), Options(label="sold"))
    return problem_files.write(found, problem_files.names(found, None), None)["src/problem/source.py"]


@pytest.mark.parametrize("address", ["sqlite://shop.db", "sqlite:///shop.db"])
def test_the_source_names_address_and_view_and_the_columns_as_the_database_has_them(home, address):
    text = source(address, "orders")
    assert 'ROWS = Query(\n    "sqlite://shop.db",\n    "orders",' in text
    assert '"price_eur": "price (EUR)"' in text
    assert "import Query, Requests" in text
    assert "Files" not in text
    compile(text, "source.py", "exec")


def test_an_address_may_be_a_variable_of_the_environment(home, monkeypatch):
    monkeypatch.setenv("SHOP", "sqlite://shop.db")
    text = source("${SHOP}", "orders")
    assert '"${SHOP}"' in text
    assert "shop.db" not in text


def test_a_select_is_called_a_query(home):
    found = guess(query_data.read("sqlite://shop.db", "SELECT * FROM orders"), Options(label="sold"))
    assert problem_files.names(found, None).table == "query"
    assert problem_files.names(found, "My shop").title == "My shop"


@pytest.mark.parametrize(
    ("address", "table", "said"),
    [
        ("sqlite://shop.db", None, "name it with --table"),
        ("sqlite://shop.db", "none", "there is no such table or view"),
        ("sqlite://shop.db", "empty", "holds no row"),
        ("sqlite://none.db", "orders", "there is no file"),
        ("postgres://ann:geheim@host/shop", "orders", "export DATABASE_URL"),
        ("postgres://ann@host/shop?password=geheim", "orders", "export DATABASE_URL"),
        ("${NOWHERE}", "orders", "the environment does not have"),
    ],
)
def test_what_cannot_be_read_is_said_without_a_secret(home, address, table, said):
    with pytest.raises(LoopError) as refused:
        query_data.read(address, table)
    assert said in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_a_path_is_no_address(home):
    assert not query_data.is_address("shop.db")
    assert not query_data.is_address(str(Path("shop.db").resolve()))
    assert query_data.is_address("duckdb://shop.db")
    with pytest.raises(UsageError):
        query_data.read("duckdb://shop.db", None)
