"""The prediction log: no answer waits for it, nothing personal gets in, and what is queued gets out."""

import errno
import json
import os
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from loop.base.errors import LoopError
from loop.serve import app, collect, find, log_writer
from loop.serve.log_writer import PredictionLog, line
from problem import source

HEAD = {"version": "v1", "commit": "c1", "role": "champion", "threshold": 0.5, "features": ["a", "b"]}
AT = datetime(2013, 6, 3, 12, tzinfo=UTC)
NOW = pd.Timestamp("2013-06-10T00:00Z")
ENTITY = dict.fromkeys(source.KEY, "x")


class Count:
    """A counter, or a gauge."""

    def __init__(self) -> None:
        self.value = 0

    def inc(self, by: int = 1) -> None:
        self.value += by

    def set(self, to: int) -> None:
        self.value = to


class Counted:
    def __init__(self) -> None:
        self.dropped, self.failures, self.waiting = Count(), Count(), Count()


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def log(tmp_path, counted):
    """A log that writes only when told to."""
    made = quiet(tmp_path, counted)
    yield made
    made.close()


def quiet(folder: Path, counted: Counted, rows_max: int = 100, head: dict[str, Any] = HEAD) -> PredictionLog:
    return PredictionLog(folder / "log", head, rows_max, counted, every=3600)


def record(name: str, score: float = 0.25, at: datetime = AT, rows: int = 1, **fields: Any) -> bytes:
    requests = json.dumps([ENTITY | fields] * rows).encode()
    features = np.tile([1.5, np.nan], (rows, 1))
    return line(name, at, requests, features, [score] * rows, 1.25, many=rows > 1)


def segments(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / "log").iterdir())


def days(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pq.read_table(path).to_pandas() for path in sorted((folder / "days").iterdir())}


# Writing


def test_what_is_queued_is_on_the_disk_after_the_next_write(log, tmp_path):
    log.append(record("a"), 1)
    assert not (tmp_path / "log").exists()
    log._flush()
    head, one = next((tmp_path / "log").iterdir()).read_bytes().splitlines()
    assert json.loads(head) == HEAD
    assert json.loads(one)["id"] == "a"


def test_by_itself_it_writes_soon(tmp_path, counted):
    log = PredictionLog(tmp_path / "log", HEAD, 100, counted)
    log.append(record("a"), 1)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("log/*")) and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.glob("log/*"))
    log.close()


def test_much_that_waits_is_written_at_once(log, tmp_path, monkeypatch):
    monkeypatch.setattr(log_writer, "MUCH", 2 * len(record("a")))
    log.append(record("a"), 1)
    assert not list(tmp_path.glob("log/*"))
    log.append(record("b"), 1)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("log/*")) and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.glob("log/*"))


def test_what_waits_is_written_in_pieces_and_never_copied_whole(log, monkeypatch):
    monkeypatch.setattr(log_writer, "PIECE", 3 * len(record("a")))
    written, real = [], os.write
    monkeypatch.setattr(os, "write", lambda file, text: written.append(len(text)) or real(file, text))
    for _ in range(8):
        log.append(record("a"), 1)
    log._flush()
    assert written[1:] == [3 * len(record("a"))] * 2 + [2 * len(record("a"))]


def test_closing_writes_the_rest_and_ends_the_segment(tmp_path, counted):
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log.close()
    assert segments(tmp_path) == [".jsonl"]


def test_a_full_disk_costs_no_request_and_what_fits_the_queue_is_written_later(
    log, counted, tmp_path, monkeypatch, caplog
):
    log.append(record("before"), 1)
    log._flush()
    real, room = os.write, 30

    def full(file: int, text: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(file, text[:room])
        room -= done
        return done

    monkeypatch.setattr(os, "write", full)
    for number in range(150):
        log.append(record(f"during-{number}"), 1)
    log._flush()
    log._flush()
    assert counted.failures.value == 2
    assert counted.dropped.value == 50
    assert counted.waiting.value == 100
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1
    monkeypatch.setattr(os, "write", real)
    log._flush()
    assert counted.waiting.value == 0
    written = next((tmp_path / "log").iterdir()).read_bytes().splitlines()
    assert [json.loads(one)["id"] for one in written[1:]] == ["before", *(f"during-{n}" for n in range(100))]


def test_a_folder_that_was_taken_away_is_made_again(log, counted, tmp_path):
    log.append(record("a"), 1)
    log._flush()
    shutil.rmtree(tmp_path / "log")
    log.append(record("b"), 1)
    log._flush()
    assert counted.failures.value == 1
    assert b'"b"' in next((tmp_path / "log").iterdir()).read_bytes()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


WAYS = {
    "emptied in place": emptied,
    "renamed": lambda path: path.rename(path.with_suffix(".1")),
    "replaced": lambda path: (path.unlink(), path.write_bytes(b"another")),
    "removed": lambda path: path.unlink(),
    "written into": lambda path: path.write_bytes(path.read_bytes() + b"x"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_comes_after_somebody_rotated_a_segment_is_whole_in_another(log, counted, tmp_path, way):
    """Without the first line, which says the version, no line of a segment is ever collected."""
    log.append(record("a"), 1)
    log._flush()
    (first,) = (tmp_path / "log").iterdir()
    WAYS[way](first)
    log.append(record("b"), 1)
    log._flush()
    (second,) = [one for one in (tmp_path / "log").glob("*.open") if b'"id":"b"' in one.read_bytes()]
    assert second != first
    assert "version" in json.loads(second.read_bytes().splitlines()[0])
    assert counted.failures.value == 1


def test_a_folder_that_cannot_be_written_is_counted(counted, tmp_path):
    (tmp_path / "log").write_text("a file in the way")
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log._flush()
    assert counted.failures.value == 1
    log.close()


def test_a_disk_without_locks_costs_records_and_no_file_stays_open(log, counted, tmp_path, monkeypatch):
    def unlocked(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unlocked)
    log.append(record("a"), 1)
    log._flush()  # makes the folder
    before = len(os.listdir("/dev/fd"))
    log._flush()
    assert len(os.listdir("/dev/fd")) == before
    assert counted.failures.value == 2
    assert segments(tmp_path) == []


def test_what_could_not_be_written_before_the_end_is_counted_and_said(tmp_path, counted, caplog):
    (tmp_path / "log").write_text("a file in the way, as a full disk is")
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log.append(record("b", rows=2), 2)
    log.close()
    assert counted.dropped.value == 3
    assert "lost 3 predictions that waited" in caplog.text


def test_what_waits_is_bounded_in_bytes_too(log, counted, monkeypatch):
    monkeypatch.setattr(log_writer, "BYTES_MAX", 2 * len(record("a")))
    for _ in range(5):
        log.append(record("a"), 1)
    assert (counted.waiting.value, counted.dropped.value) == (2, 3)


def test_a_segment_that_cannot_be_renamed_closes_its_file_once(log, monkeypatch):
    log.append(record("a"), 1)
    log._flush()
    segment = log._segment
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
    monkeypatch.setattr(log_writer, "ROTATE_SECONDS", 0)
    log._flush()
    assert segment._file == -1
    assert log._segment is None


def test_threads_that_append_while_it_writes_lose_nothing(tmp_path, counted):
    log = quiet(tmp_path, counted, rows_max=10_000)
    threads = [
        threading.Thread(target=lambda n=n: [log.append(record(f"{n}-{i}"), 1) for i in range(200)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        log._flush()
    for thread in threads:
        thread.join()
    log.close()
    assert collect.collect(tmp_path, NOW, 30).rows == 800


# Collecting


def test_no_id_of_a_caller_is_that_of_a_request_of_a_list(tmp_path, counted):
    log = quiet(tmp_path, counted)
    log.append(record("a", rows=2), 2)
    log.append(record("a.0"), 1)  # the same request, by an id that a list might have made
    log.close()
    assert collect.collect(tmp_path, NOW, 30).rows == 3
    (day,) = days(tmp_path).values()
    assert sorted(day["id"]) == ["a.0", "a/0", "a/1"]
    assert not app.ID.fullmatch(log_writer.row_id("a", 0).encode())


def test_records_become_rows_by_day_with_their_features(tmp_path, counted):
    log = quiet(tmp_path, counted)
    log.append(record("a", 0.75), 1)
    log.append(
        record("b", at=datetime(2013, 6, 4, tzinfo=UTC), rows=2, decided_at="2013-06-04T07:00:00+02:00"), 2
    )
    log.close()
    done = collect.collect(tmp_path, NOW, 30)
    assert (done.rows, done.days, done.rejected) == (3, 2, 0)
    first, second = days(tmp_path).values()
    assert first.loc[0, ["id", "score", "decision", "version", "role"]].tolist() == [
        "a",
        0.75,
        True,
        "v1",
        "champion",
    ]
    assert first.loc[0, "features"] == [("a", 1.5)]
    assert first.loc[0, "decided_at"] == pd.Timestamp(AT)
    assert json.loads(first.loc[0, "request"]) == ENTITY
    assert json.loads(first.loc[0, "entity"]) == ENTITY
    assert second["id"].tolist() == ["b/0", "b/1"]
    assert set(second["decided_at"]) == {pd.Timestamp("2013-06-04T05:00Z")}
    assert segments(tmp_path) == []


def test_a_prediction_repeated_counts_once_and_another_role_or_version_apart(tmp_path, counted):
    for head in (HEAD, HEAD | {"role": "shadow"}, HEAD | {"version": "v2"}, HEAD):
        log = quiet(tmp_path, counted, head=head)
        log.append(record("a"), 1)
        log.append(record("a", at=datetime(2013, 6, 3, 11, tzinfo=UTC)), 1)
        log.close()
        collect.collect(tmp_path, NOW, 30)
    (found,) = days(tmp_path).values()
    assert sorted(zip(found["role"], found["version"], strict=True)) == [
        ("champion", "v1"),
        ("champion", "v2"),
        ("shadow", "v1"),
    ]
    assert set(found["at"]) == {pd.Timestamp("2013-06-03T11:00Z")}


def test_two_requests_under_one_id_are_two_predictions_and_each_repeated_counts_once(tmp_path, counted):
    for _ in range(2):  # also across what is collected already
        log = quiet(tmp_path, counted)
        for note in ("one", "another", "one"):
            log.append(record("a", note=note), 1)
        log.close()
        collect.collect(tmp_path, NOW, 30)
    (found,) = days(tmp_path).values()
    assert sorted(json.loads(text)["note"] for text in found["request"]) == ["another", "one"]
    assert [row["id"] for row in find.find("a", tmp_path)] == ["a", "a"]


def test_a_line_cut_short_by_a_kill_is_set_aside_and_the_rest_is_kept(tmp_path, counted):
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log.close()
    segment = next((tmp_path / "log").iterdir())
    segment.write_bytes(segment.read_bytes() + record("b")[:50])
    done = collect.collect(tmp_path, NOW, 30)
    assert (done.rows, done.rejected) == (1, 1)
    (rejected,) = (tmp_path / "rejected").iterdir()
    assert rejected.read_bytes() == record("b")[:50]
    late = pd.Timestamp(rejected.stem[:8], tz="UTC") + pd.Timedelta(days=31)
    assert collect.collect(tmp_path, late, 30).deleted >= 1
    assert not rejected.exists()


FOREIGN = {
    "a request that is a list": record("b")
    .replace(b'"requests":[', b'"requests":[[')
    .replace(b"],", b"]],", 1),
    "a latency that is a text": record("b").replace(b'"latency_ms":1.250', b'"latency_ms":"long"'),
    "a score that is a text": record("b", score="high"),
    "an id that is a list": record("b").replace(b'"id":"b"', b'"id":["b"]'),
    "an instant that is none": record("b").replace(b'"at":"2013', b'"at":"99999'),
    "lists within lists": b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("line", FOREIGN.values(), ids=FOREIGN)
def test_a_line_that_is_no_record_of_ours_is_set_aside_and_the_rest_is_kept(tmp_path, counted, line):
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log.append(line, 1)
    log.append(record("c"), 1)
    log.close()
    done = collect.collect(tmp_path, NOW, 30)
    assert (done.rows, done.rejected) == (2, 1)
    assert not segments(tmp_path)


def test_a_segment_being_written_is_left_alone_until_its_writer_is_gone(log, tmp_path):
    log.append(record("a"), 1)
    log._flush()
    assert collect.collect(tmp_path, NOW, 30) == collect.Collected(open=1)
    os.close(log._segment._file)  # as the kernel does for a process that was killed
    log._segment = None
    assert collect.collect(tmp_path, NOW, 30).rows == 1


def test_a_run_that_was_cut_off_is_simply_run_again(tmp_path, counted, monkeypatch):
    log = quiet(tmp_path, counted)
    log.append(record("a"), 1)
    log.close()

    unlink = Path.unlink

    def cut_off(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".jsonl":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", cut_off)
        with pytest.raises(KeyboardInterrupt):
            collect.collect(tmp_path, NOW, 30)
    assert collect.collect(tmp_path, NOW, 30).rows == 1
    (found,) = days(tmp_path).values()
    assert found["id"].tolist() == ["a"]


def test_days_older_than_the_retention_are_deleted_and_no_others(tmp_path, counted):
    log = quiet(tmp_path, counted)
    for day in (1, 2, 3):
        log.append(record(f"{day}", at=datetime(2013, 6, day, tzinfo=UTC)), 1)
    log.close()
    (tmp_path / "days").mkdir()
    (tmp_path / "days/notes.parquet").write_text("somebody's own")
    done = collect.collect(tmp_path, pd.Timestamp("2013-06-12T23:00Z"), retention_days=10)
    assert done.deleted == 1
    assert sorted(path.stem for path in (tmp_path / "days").iterdir()) == [
        "2013-06-02",
        "2013-06-03",
        "notes",
    ]


def test_two_at_once_are_refused(tmp_path):
    with collect._alone(tmp_path), pytest.raises(LoopError, match="already"):
        collect.collect(tmp_path, NOW, 30)


def test_an_empty_log_is_no_error(tmp_path):
    assert collect.collect(tmp_path, NOW, 30) == collect.Collected()


def test_a_line_end_in_a_request_does_not_end_its_record():
    found = line("a", AT, b'[{"a":\n1}\r\n]', np.zeros((1, 0)), [0.5], 1.0, many=False)
    assert found.count(b"\n") == 1
    assert json.loads(found)["requests"] == [{"a": 1}]


def test_segments_end_in_time(log, tmp_path, monkeypatch):
    log.append(record("a"), 1)
    log._flush()
    monkeypatch.setattr(log_writer, "ROTATE_SECONDS", 0)
    log._flush()
    assert segments(tmp_path) == [".jsonl"]
