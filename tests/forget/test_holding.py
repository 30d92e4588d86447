"""What a file holds of a person is found in whatever form, and only what is theirs is taken away."""

import bz2
import gzip
import json
import lzma
import sqlite3
import subprocess
import unicodedata
import zipfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest

from loop.base.errors import LoopError, UsageError
from loop.data import personal
from loop.forget import cells, holding, places
from loop.forget import person as persons
from loop.kit.sources import Files
from problem import schema, source

KEY = b"0123456789abcdef0123456789abcdef"
NAME = "Zoë O'Hara"


@pytest.fixture(autouse=True)
def _a_problem_with_persons(monkeypatch):
    marked = {
        "who": pa.Column("str", metadata={"personal": "hash"}),
        "visit": pa.Column("int64"),
        "clinic": pa.Column("str"),
        "patient": pa.Column("int64"),
    }
    monkeypatch.setattr(schema, "REQUEST", pa.DataFrameSchema(marked))
    monkeypatch.setattr(source, "KEY", ["visit"])


def person(*pairs: str):
    return persons.read(pairs or (f"who={NAME}",), ["who", "visit", "clinic", "patient"], KEY)[0]


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


NORTH_12 = ("clinic=north", "patient=12")


def test_of_several_columns_only_rows_that_have_all_values_are_taken_away(tmp_path):
    """One value alone, such as the clinic, is of many others."""
    before = pd.DataFrame({"visit": [1, 2, 3], "clinic": ["north", "north", "west"], "patient": [12, 13, 12]})
    for name, write, read in [("a.parquet", "to_parquet", pd.read_parquet), ("a.csv", "to_csv", pd.read_csv)]:
        getattr(before, write)(tmp_path / name, index=False)
        holding.erase(tmp_path / name, person(*NORTH_12))
        assert read(tmp_path / name)["visit"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("loss of clinic north 0.12, of west 0.31", 0),
        ('{"clinic": "north", "patient": 13}, {"clinic": "west", "patient": 12}', 0),
        ('{"clinic": "west", "patient": 12}', 0),
        ('[{"patient": 12, "clinic": "north"}]', 1),
        ("clinic: north\npatient: 12\n", 1),
        ("clinic: north\npatient: 12.5\n", 0),
    ],
)
def test_of_several_columns_a_text_is_theirs_where_all_values_stand_close_by(text, found, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text(text.replace("}, {", "}" + " " * 300 + "{"))
    assert holding.rows(path, person(*NORTH_12)) == found


def test_a_key_that_begins_or_ends_another_is_another_person(tmp_path):
    path = tmp_path / "visits.parquet"
    pd.DataFrame({"visit": [1, 2, 3], "who": ["p042", "p0421", "xp042"]}).to_parquet(path)
    holding.erase(path, person("who=p042"))
    assert pd.read_parquet(path)["who"].tolist() == ["p0421", "xp042"]
    path = tmp_path / "note.txt"
    path.write_text("p0421 and xp042")
    assert holding.rows(path, person("who=p042")) == 0


def test_who_is_called_as_a_part_of_another_name_leaves_that_ones_rows(tmp_path):
    for name, write, read in [("a.parquet", "to_parquet", pd.read_parquet), ("a.csv", "to_csv", pd.read_csv)]:
        pd.DataFrame({"visit": [1, 2], "who": ["Anna", "Anna Lee"]}).pipe(
            lambda frame, at=tmp_path / name, how=write: getattr(frame, how)(at, index=False)
        )
        holding.erase(tmp_path / name, person("who=Anna"))
        assert read(tmp_path / name)["who"].tolist() == ["Anna Lee"]


@pytest.mark.parametrize("packed", [gzip.compress, bz2.compress, lzma.compress, "zstd", "zip"])
def test_a_packed_table_loses_their_records_too(packed, tmp_path):
    path, text = tmp_path / "visits", b"visit,who\n1,p042\n2,Ann\n"
    if packed == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("visits.csv", text)
    elif packed == "zstd":
        with pyarrow.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(text)
    else:
        path.write_bytes(packed(text))
    who = person("who=p042")
    assert (holding.rows(path, who), holding.keys(path, who) == ['["1"]']) == (1, packed != "zip")
    holding.erase(path, who)
    assert holding.rows(path, who) == 0
    assert holding.rows(path, person("visit=2")) == 1


def test_a_whole_number_with_a_point_is_the_same_number(tmp_path):
    """A column with gaps is written so."""
    path = tmp_path / "visits.csv"
    path.write_text("visit,patient\n1,12.0\n2,120.0\n3,\n4,12.5\n5,0012\n")
    assert holding.rows(path, person("patient=12")) == 1


def test_what_lies_inside_of_a_value_is_found(tmp_path):
    path = tmp_path / "notes.parquet"
    told = [{"of": NAME}, {"of": "Ann"}]
    pd.DataFrame({"notes": [["a", "b"], [f"asked {NAME}"]], "told": told}).to_parquet(path)
    assert holding.rows(path, person()) == 2


WRITTEN = {
    "decomposed": unicodedata.normalize("NFD", NAME),
    "a page": NAME.replace("'", "&#39;"),
    "an address": quote(NAME),
    "a query": quote_plus(NAME),
    "SQL": NAME.replace("'", "''"),
    "JSON behind a line": json.dumps(f"told:\n{NAME}\nthen"),
    "another's sister": f"({NAME})",
}


@pytest.mark.parametrize("form", WRITTEN)
def test_however_a_name_is_written_it_is_found(form, tmp_path):
    path = tmp_path / "file"
    path.write_text(f"<p>{WRITTEN[form]}</p>")
    assert holding.rows(path, person())
    path.write_text(f"visit,who\n1,{unicodedata.normalize('NFD', NAME)}\n2,Ann\n")
    assert holding.rows(path, person()) == 1


@pytest.mark.parametrize("text", ['{"patient": 12}', "patient=12", "patient: 12.0", '"{\\"patient\\": 12}"'])
def test_a_number_is_found_beside_the_name_of_its_column(text, tmp_path):
    path = tmp_path / "requests.json"
    path.write_text(text)
    assert holding.rows(path, person("patient=12")) == 1
    assert holding.rows(path, person("patient=1")) == 0
    assert holding.rows(path, person("visit=12")) == 0


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
    assert [one.name for one in places.others(person(), [], [])] == [".deploy/predictions/days/note.txt"]


def test_a_database_keeps_no_page_of_them(tmp_path):
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE tags (key TEXT, value TEXT)")
        database.execute("INSERT INTO tags VALUES ('note', ?)", (f"asked by {NAME}",))
    database.close()
    assert holding.rows(path, person()) == 1
    cells.clean(path, person())
    assert holding.rows(path, person()) == 0
    assert NAME.encode() not in path.read_bytes()


def test_what_sqlite_keeps_beside_a_database_is_emptied_and_never_deleted(tree):
    path = Path("runs.db")
    with closing(sqlite3.connect(path)) as open_elsewhere:
        open_elsewhere.execute("PRAGMA journal_mode=WAL")
        open_elsewhere.execute("CREATE TABLE tags (key TEXT, value TEXT)")
        open_elsewhere.execute("INSERT INTO tags VALUES ('note', ?), ('note', 'kept')", (NAME,))
        open_elsewhere.commit()
        assert list(places.others(person(), [], [path.absolute()])) == []
        assert holding.rows(path, person()) == 1
        cells.clean(path, person())
        assert not [one for one in tree.glob("runs.db*") if NAME.encode() in one.read_bytes()]
        assert open_elsewhere.execute("SELECT value FROM tags").fetchall() == [("(erased)",), ("kept",)]


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


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository with a commit."""
    monkeypatch.chdir(tmp_path)
    for command in ("init --quiet", "config user.name ann", "config user.email ann@clinic.example"):
        subprocess.run(["git", *command.split()], check=True)
    return tmp_path


def committed() -> None:
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "more"]):
        subprocess.run(["git", *command], check=True)


def test_copies_beside_the_log_and_the_store_are_found_wherever_these_lie(tree):
    outside = tree.parent / f"{tree.name}-log"
    names = ["data/predictions/days/a.parquet.orig", "data/online/old.sqlite-wal", f"about {NAME}.txt"]
    for path in [*map(Path, names[:2]), outside / "rejected/a.txt~"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NAME)
    Path(names[2]).write_text("nothing")
    folders = [Path("data/predictions"), Path("data/online"), outside]
    found = {one.name for one in places.others(person(), folders, list(places.of_log(folders)))}
    assert found == {*names, str(outside / "rejected/a.txt~")}


@pytest.mark.parametrize("pair", [f"who={NAME}", "patient=12"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_in_git_they_are_found_in_tables_too(pair, kind, tree):
    frame = pd.DataFrame({"visit": range(400), "who": [f"{NAME}"] * 400, "patient": [12] * 400})
    frame.to_csv("visits") if kind == "csv" else frame.to_parquet("visits", compression="zstd")
    committed()
    assert places.in_git(person(pair)) == ["visits"]


def test_what_git_keeps_and_was_changed_since_is_searched_as_it_is(tree):
    Path("report.md").write_text("nothing")
    committed()
    Path("report.md").write_text(NAME)
    (tree / ".git/COMMIT_EDITMSG").write_text(NAME)
    assert places.in_git(person()) == [".git/COMMIT_EDITMSG", "report.md"]


def test_a_table_of_the_source_keeps_the_rows_of_others_also_where_nothing_tracks_it(tree, monkeypatch):
    table = Path("data/source/visits.csv")
    table.parent.mkdir(parents=True)
    table.write_text("visit,who\n1,p042\n2,Ann\n")
    declared = Files("data/source/*.csv", {"visit": "int64", "who": "str"})
    monkeypatch.setattr(source, "VISITS", declared, raising=False)
    who = person("who=p042")
    (one,) = places.tables(who)
    assert list(places.others(who, [], places.of_source())) == []
    one.erase()
    assert table.read_text() == "visit,who\n2,Ann\n"


@pytest.mark.parametrize(
    ("entity", "parts", "theirs"),
    [
        (["clinic"], ["north"], False),
        (["clinic", "patient"], ["north", "12"], True),
        (["clinic", "patient"], ["north", "120"], False),
        (None, ["north", "12"], False),
    ],
)
def test_a_row_of_the_store_that_others_share_is_not_theirs(entity, parts, theirs):
    assert person(*NORTH_12).stored(entity, parts) == theirs
