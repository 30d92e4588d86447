"""A person is forgotten: a byte search over everything finds nothing of them, also after a kill half-way."""

import io
import json
import re
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conftest import BIN, Repo, copy, copy_sources

# In parts: this file lies in the history of the repository that is searched.
NAME, OTHER, OTHERS, NOBODY = (
    " ".join(parts)
    for parts in (("Zebedee", "Quixwood"), ("Ottoline", "Marchbanks"), ("Some", "Body"), ("Nobody", "Such"))
)
COPIES = ["data/online/old.sqlite.bak", "monitor/snapshot.parquet.tmp", "calibration/notes.json"]
MINE, GOLDEN = [5, 301, 395], [26]  # rows of the file: two trained, one judged; one is a golden request
KEY = "5f" * 32
LOG = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np, pandas as pd
from loop.data.personal import Personal, marks
from loop.serve.log_writer import line
hider = Personal(marks(), sys.argv[1].encode())
head = {"features": ["age"], "threshold": None, "version": "v", "commit": "c" * 40, "role": "champion"}
lines = [json.dumps(head).encode() + b"\\n"]
rows = pd.read_csv("data/source/visits.csv").iloc[[4, 5, 6]]
for visit, name in zip(rows.visit.tolist(), rows.patient_name):
    body = json.dumps([hider.kept({"visit": visit, "patient_name": name})]).encode()
    at = datetime(2024, 9, 9, tzinfo=UTC)
    lines.append(line(f"id{visit}", at, body, np.ones((1, 1)), [100.0], 1.0, False))
Path("data/predictions/log").mkdir(parents=True)
Path("data/predictions/log/20240909T000000Z-1.jsonl").write_bytes(b"".join(lines))
"""
KILLED = """
import os, signal, sys
from loop import cli
from loop.forget import holding
holding.erase = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # all else is erased by then
sys.argv = ["loop", *sys.argv[1:]]
cli.main()
"""


def visits() -> pd.DataFrame:
    """Visits of patients with a name; progression follows the age."""
    rng = np.random.default_rng(3)
    number = np.arange(500)
    at = pd.Timestamp("2024-01-01T09:00Z") + pd.to_timedelta(number // 5, unit="D")
    age = rng.integers(20, 80, len(number)).astype("float64")
    age[26] = 99.0  # the most: a golden request
    who = pd.Series([f"{OTHERS}{one:03d}" for one in rng.integers(0, 150, len(number))])
    who[MINE], who[GOLDEN] = NAME, OTHER
    return pd.DataFrame(
        {
            "visit": number + 100_000,
            "patient_name": who,
            "visited_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "clinic": np.array(["east", "north", "west"])[number % 3],
            "age": age,
            "progression": (2 * age + rng.normal(0, 9, len(number))).round(1),
        }
    )


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Repo:
    """A problem with persons: run, pushed to a remote, served, with a store and a note in MLflow."""
    folder = tmp_path_factory.mktemp("clinic")
    visits().to_csv(folder / "visits.csv", index=False)
    repo = copy_sources(folder / "repo")
    repo.git("config", "user.name", "ann")
    repo.git("config", "user.email", "ann@clinic.example")
    repo.run(
        *("loop", "init", str(folder / "visits.csv"), "--label", "progression", "--time", "visited_at"),
        *("--label-after", "10 days", "--key", "visit,patient_name"),
    )
    repo.run("loop", "run")
    repo.run("dvc", "remote", "add", "--default", "store", "remote")
    (repo.path / ".git/info/exclude").write_text("/remote/\n")
    repo.commit()
    repo.run("dvc", "push")
    repo.run("python", "-c", LOG, KEY)
    (repo.path / "data/online").mkdir()
    with sqlite3.connect(repo.path / "data/online/0123456789ab.sqlite") as store:
        store.execute("CREATE TABLE online (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
        store.executemany("INSERT INTO online VALUES (?, x'00')", [(f"trail\x1f{NAME}",), ("trail\x1fAnn",)])
    store.close()
    with sqlite3.connect(repo.path / "mlflow.db") as runs:
        runs.execute("UPDATE tags SET value = ? WHERE key = 'rows'", (f"asked by {NAME}",))
    runs.close()
    (repo.path / "review").mkdir(exist_ok=True)
    (repo.path / "review/note.json").write_text(json.dumps({"asked by": NAME}))
    return repo


@pytest.fixture
def repo(clinic, tmp_path) -> Repo:
    return copy(clinic, tmp_path / "repo")


def forget(repo: Repo, *arguments: str, **how: bool) -> subprocess.CompletedProcess[str]:
    return repo.run("loop", "forget", *arguments, "--now", "2024-09-10", LOOP_PERSONAL_KEY=KEY, check=False)


def unpacked(content: bytes) -> Iterator[bytes]:
    """What a reader of a file may see of it, beside its bytes."""
    yield content
    if content.startswith(b"PAR1"):
        yield pq.read_table(io.BytesIO(content)).to_pandas().to_csv().encode()
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from unpacked(archive.read(name))


def everywhere(repo: Repo, *texts: str) -> set[str]:
    """Files of the folder, the remote included, and git, where a text stands."""
    wanted = [text.encode() for text in texts]
    found = set()
    for path in (one for one in repo.path.rglob("*") if one.is_file() and not one.is_symlink()):
        parts = list(unpacked(path.read_bytes()))
        if parts[0].startswith(b"SQLite"):
            with sqlite3.connect(path) as database:
                parts += [line.encode() for line in database.iterdump()]
            database.close()
        if any(text in part for text in wanted for part in parts):
            found.add(path.relative_to(repo.path).as_posix())
    listed = repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    objects = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=repo.path, input=listed.encode(), capture_output=True, check=True
    ).stdout
    return found | {"git" for text in wanted if text in objects}


def state(repo: Repo) -> dict[str, tuple[int, int]]:
    files = (one for one in repo.path.rglob("*") if one.is_file() and one.suffix != ".pyc")
    kept = (
        one for one in files if not {".git", "tmp", "__pycache__"} & set(one.relative_to(repo.path).parts)
    )
    return {str(one): (one.stat().st_mtime_ns, one.stat().st_size) for one in kept}


def logged(repo: Repo) -> list[str]:
    (day,) = (repo.path / "data/predictions/days").glob("*.parquet")
    return pq.read_table(day)["id"].to_pylist()


def test_no_report_and_nothing_in_git_names_a_person(clinic):
    found = everywhere(clinic, OTHER, OTHERS)
    data = re.compile(r"(data/(raw|valid|examples|source|predictions\.parquet)|\.dvc/cache/|remote/)")
    assert found
    assert not [path for path in found if not data.match(path)]
    assert "data/source/visits.csv" not in clinic.git("ls-files").splitlines()


def test_a_dry_run_and_a_person_who_is_not_there_change_nothing(repo):
    before = state(repo)
    done = forget(repo, f"patient_name={NAME}", "--dry-run")
    assert done.returncode == 0
    assert "data/source/visits.csv" in done.stdout
    done = forget(repo, f"patient_name={NOBODY}")
    assert done.returncode == 4
    assert "nothing is found of them" in done.stdout
    assert NOBODY not in done.stdout
    assert state(repo) == before
    assert repo.git("status", "--porcelain") == ""


def test_a_person_is_erased_everywhere_also_after_a_kill_and_a_model_without_them_is_made(repo):
    hashed = repo.run(
        "python",
        "-c",
        f"from loop.data.personal import *; print(Personal(marks(), b'{KEY}').hashed('{NAME}'))",
    ).stdout.strip()
    assert {"mlflow.db", "review/note.json"} <= everywhere(repo, NAME)
    killed = subprocess.run(
        [BIN / "python", "-c", KILLED, "forget", f"patient_name={NAME}", "--now", "2024-09-10"],
        cwd=repo.path,
        env=repo.environment() | {"LOOP_PERSONAL_KEY": KEY},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -9
    assert not (repo.path / "data/forgotten.json").exists()

    done = forget(repo, f"patient_name={NAME}")
    assert done.returncode == 0, done.stdout + done.stderr
    model = json.loads(repo.text("models/lineage.json"))["model"]["sha256"]
    assert f"models that learned from them: {model[:12]}" in done.stdout
    assert everywhere(repo, NAME, hashed) == set()
    (entry,) = json.loads(repo.text("data/forgotten.json"))
    assert entry["left"] == []
    assert entry["erased"]["tables of the source"] == len(MINE)
    assert entry["erased"]["prediction log"] == entry["erased"]["feature store"] == 1
    assert logged(repo) == ["id100004", "id100006"]
    kept = visits().drop(index=MINE).to_csv(index=False)
    assert repo.text("data/source/visits.csv") == kept

    repo.run("loop", "run")
    assert json.loads(repo.text("models/lineage.json"))["model"]["sha256"] != model
    assert everywhere(repo, NAME, hashed) == set()
    assert "were forgotten on 2024-09-10" in forget(repo, f"patient_name={NAME}").stdout


STOPPED = """
import os, signal, sys
from loop import cli
from loop.forget import erasure_record, forget, holding, person, places
at, count = sys.argv.pop(1), 0
def stopped(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
if at == "nothing is erased":
    places._remove = places._collected = places._write = places._drop = stopped
elif at == "half is erased":
    remove = places._remove
    def places_remove(store, path):
        global count
        count += 1
        remove(store, path) if count < 4 else stopped()
    places._remove = places_remove
elif at == "no .dvc file names the tables":
    places.track_again = stopped
else:
    erasure_record.add = stopped
cli.main()
"""


@pytest.mark.parametrize(
    "at", ["nothing is erased", "half is erased", "no .dvc file names the tables", "nothing is on record"]
)
def test_wherever_it_was_killed_the_next_run_ends_it_and_counts_all(repo, at):
    planted = [*COPIES, "review/note.json", "data/predictions/days/2024-09-08.parquet.orig"]
    for name in planted:
        (repo.path / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.path / name).write_text(NAME)
    killed = subprocess.run(
        [BIN / "python", "-c", STOPPED, at, "forget", f"patient_name={NAME}", "--now", "2024-09-10"],
        cwd=repo.path,
        env=repo.environment() | {"LOOP_PERSONAL_KEY": KEY},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr
    assert set(COPIES) & everywhere(repo, NAME) or at != "nothing is erased"
    done = forget(repo, f"patient_name={NAME}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert everywhere(repo, NAME) == set()
    (entry,) = json.loads(repo.text("data/forgotten.json"))
    assert entry["left"] == []
    assert entry["erased"]["tables of the source"] == len(MINE)
    assert repo.text("data/source/visits.csv") == visits().drop(index=MINE).to_csv(index=False)
    assert "were forgotten on 2024-09-10" in forget(repo, f"patient_name={NAME}").stdout


def test_of_several_columns_rows_that_share_one_stay(repo):
    """Of all visits of a clinic those of one age: texts and numbers that many others have too."""
    one = visits().iloc[301]
    pairs = [f"clinic={one.clinic}", f"age={one.age:.0f}"]
    theirs = visits()[lambda rows: (rows.clinic == one.clinic) & (rows.age == one.age)]
    done = forget(repo, *pairs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert repo.text("data/source/visits.csv") == visits().drop(index=theirs.index).to_csv(index=False)
    assert (repo.path / "reports/evaluation.html").exists()
    repo.run("loop", "run", "ingest")


def test_a_stash_that_holds_them_is_named(repo):
    note = repo.path / "README.md"
    note.write_text(f"{note.read_text()}\n{NAME}\n")
    done = forget(repo, f"patient_name={NAME}", "--dry-run")
    assert done.returncode == 0
    repo.git("stash", "--quiet")
    done = forget(repo, f"patient_name={NAME}")
    assert (done.returncode, "left: git: README.md" in done.stdout) == (3, True), done.stdout + done.stderr


def test_a_person_in_a_golden_request_is_forgotten_and_it_is_named(repo):
    done = forget(repo, f"patient_name={OTHER}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "golden request `the most age` was theirs" in done.stdout
    assert everywhere(repo, OTHER) == set()


def test_what_git_holds_is_named_as_left(repo):
    (repo.path / "note.md").write_text(f"{NAME} called\n")
    repo.commit()
    done = forget(repo, f"patient_name={NAME}")
    assert done.returncode == 3
    assert "left: git: note.md" in done.stdout
    assert everywhere(repo, NAME) == {"note.md", "git"}


def test_who_is_in_no_table_here_but_in_the_source_is_not_called_unknown(repo, tmp_path):
    """The source reads a file elsewhere, which no .dvc file tracks; raw tables were never made."""
    elsewhere = tmp_path / "visits.csv"
    (repo.path / "data/source/visits.csv").rename(elsewhere)
    repo.git("rm", "--quiet", "--cached", "data/source/visits.csv.dvc")
    (repo.path / "data/source/visits.csv.dvc").unlink()
    repo.edit("src/problem/source.py", "data/source/visits.csv", str(elsewhere))
    repo.commit()
    for name in ("data/raw", "data/valid", "data/examples", ".dvc/cache/files", "remote", "data/predictions"):
        shutil.rmtree(repo.path / name, ignore_errors=True)
    for name in (
        "data/predictions.parquet",
        "data/online/0123456789ab.sqlite",
        "mlflow.db",
        "review/note.json",
    ):
        (repo.path / name).unlink()
    done = forget(repo, f"patient_name={NAME}")
    assert (done.returncode, "left: source: it still gives them" in done.stdout) == (3, True), done.stdout
    assert "erase them there first" in done.stdout
    assert elsewhere.read_text() == visits().to_csv(index=False)


@pytest.mark.parametrize("why", ["not here", "never merged"])
def test_where_rows_of_others_would_be_lost_nothing_is_erased(repo, why):
    """Of a version that only another branch names, or that is not here, nobody could write the rest anew."""
    table = repo.path / "data/source/visits.csv"
    if why == "not here":
        table.unlink()
    else:
        repo.git("switch", "--quiet", "--create", "more")
        table.write_text(table.read_text() + "900000,Ann,2024-05-01T09:00:00Z,east,50.0,99.0\n")
        repo.run("dvc", "add", "data/source/visits.csv")
        repo.commit()
        repo.git("switch", "--quiet", "-")
        repo.run("dvc", "checkout", "data/source/visits.csv.dvc")
    before = everywhere(repo, NAME)
    done = forget(repo, f"patient_name={NAME}")
    assert (done.returncode, why in done.stderr) == (1, True), done.stdout + done.stderr
    assert everywhere(repo, NAME) == before
