"""What a file holds of a person is found in whatever form, and only what is theirs is taken away."""

import gzip
import json
import sqlite3
import subprocess
import zipfile

import pandas as pd
import pandera.pandas as pa
import pytest

from loop.base.errors import LoopError, UsageError
from loop.data import personal
from loop.forget import holding, places
from loop.forget import person as persons
from problem import schema, source

KEY = b"0123456789abcdef0123456789abcdef"
NAME = "Zoë O'Hara"


@pytest.fixture(autouse=True)
def _a_problem_with_persons(monkeypatch):
    marked = {"who": pa.Column("str", metadata={"personal": "hash"}), "visit": pa.Column("int64")}
    monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema(marked))
    monkeypatch.setattr(source, "KEY", ["visit"])


def person(*pairs: str):
    return persons.read(pairs or (f"who={NAME}",), ["who", "visit", "at"], KEY)[0]


def test_a_csv_loses_their_records_and_no_other_byte(tmp_path):
    kept = '1,"a ""quoted"", and\nbroken text",x\r\n3,Zoë O\'Harald,x\r\n'
    path = tmp_path / "visits.csv"
    path.write_bytes(f"visit,who,z\r\n2,{NAME},y\r\n{kept}".encode())
    assert holding.keys(path, person()) == ['["2"]']
    holding.erase(path, person())
    assert path.read_bytes() == f"visit,who,z\r\n{kept}".encode()


def test_a_parquet_table_loses_their_rows_and_is_read_as_before(tmp_path):
    path = tmp_path / "visits.parquet"
    before = pd.DataFrame(
        {"visit": [1, 2, 3], "who": ["A", NAME, "B"], "note": ["", "", f"sister of {NAME}"]}
    )
    before.to_parquet(path)
    holding.erase(path, person())
    after = pd.read_parquet(path)
    assert after.equals(before.iloc[:1])


def test_a_number_is_theirs_as_a_whole_and_not_as_a_part_of_another(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("visit,who\n12,a\n120,b\n")
    assert holding.rows(path, person("visit=12")) == 1


def test_of_a_table_without_their_column_the_key_of_their_requests_tells(tmp_path):
    path = tmp_path / "scores.parquet"
    pd.DataFrame({"visit": [1, 2], "score": [0.1, 0.2]}).to_parquet(path)
    who, hider = persons.read([f"who={NAME}"], ["who"], KEY)
    assert holding.rows(path, who) == 0
    assert holding.rows(path, who.knowing(['["2"]'], hider)) == 1


@pytest.mark.parametrize("form", ["json", "zip", "gzip", "utf-16", "latin-1", "hash"])
def test_they_are_found_in_whatever_is_no_table(form, tmp_path):
    path = tmp_path / "file"
    text = json.dumps({"who": NAME})
    if form == "json":
        path.write_text(text)
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside.json", text)
    if form == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    if form in ("utf-16", "latin-1"):
        path.write_bytes(f"told of {NAME} here".encode(form))
    if form == "hash":
        path.write_text(personal.Personal({"who": "hash"}, KEY).hashed(NAME))
    assert holding.rows(path, person())


def test_any_bytes_can_be_searched_also_such_as_look_like_a_table_at_first(tmp_path):
    path = tmp_path / "file"
    for content in (b"a\tb\rc\n", b"\x00,\x00\n", b"", b"\r", b'"a,b\n', "who\tö\x0c\n".encode("latin-1")):
        path.write_bytes(content)
        assert holding.rows(path, person()) == 0
        assert isinstance(holding.header(path), list)


def test_a_hosts_packages_are_no_place_of_a_person(tmp_path, monkeypatch):
    """Whoever is called as an author of a package would lose the servers of the host."""
    monkeypatch.chdir(tmp_path)
    for name in (".deploy/environments/1/AUTHORS", ".deploy/predictions/days/note.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(NAME)
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert [one.name for one in places.others(person(), [])] == [".deploy/predictions/days/note.txt"]


def test_a_database_keeps_no_page_of_them(tmp_path):
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE tags (key TEXT, value TEXT)")
        database.execute("INSERT INTO tags VALUES ('note', ?)", (f"asked by {NAME}",))
    database.close()
    assert holding.rows(path, person()) == 1
    holding.clean(path, person())
    assert holding.rows(path, person()) == 0
    assert NAME.encode() not in path.read_bytes()


def test_the_record_has_no_hash_that_the_prediction_log_has_and_none_without_the_key():
    who = person()
    assert who.id not in who.hashes.values()
    assert persons.read([f"who={NAME}"], ["who"], KEY[::-1])[0].id != who.id


def test_without_a_key_nobody_is_forgotten_and_a_column_that_nothing_has_is_named():
    with pytest.raises(LoopError, match="LOOP_PERSONAL_KEY_FILE"):
        persons.read(["who=a"], ["who"], None)
    with pytest.raises(UsageError, match="did you mean `who`"):
        persons.read(["whom=a"], ["who"], KEY)
    with pytest.raises(UsageError, match="COLUMN=VALUE"):
        persons.read([NAME], ["who"], KEY)
