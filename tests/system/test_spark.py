"""Spark by one setting, on a cluster with executors of their own, whose clock is of another zone."""

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.data import joining
from loop.engine import session, tasks, translation
from loop.kit import views
from loop.kit.types import View
from loop.serve import score_parts
from problem import schema

pytestmark = pytest.mark.slow
MASTER = "local-cluster[2,1,512]"
DEFAULTS = """spark.executor.extraJavaOptions -Duser.timezone=Asia/Tokyo
spark.executorEnv.TZ Asia/Tokyo
"""
DAY, HOUR, ALWAYS = pd.Timedelta(days=1), pd.Timedelta(hours=1), pd.Timedelta(days=400)


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    """A session for all tests of this file, in a folder of its own."""
    if find_spec("pyspark") is None:
        pytest.skip("no Spark: `.tools/bin/uv sync --locked --group spark`")
    home = tmp_path_factory.mktemp("spark")
    (home / "conf").mkdir()
    (home / "conf/spark-defaults.conf").write_text(DEFAULTS)
    before, begun = Path.cwd(), False
    os.chdir(home)
    os.environ["SPARK_CONF_DIR"] = str(home / "conf")
    try:
        with session.started(MASTER) as running:
            begun = True
            yield running
    except LoopError:
        if not begun:
            raise  # else the last test ended its driver
    finally:
        del os.environ["SPARK_CONF_DIR"]
        os.chdir(before)
    assert not list(home.glob("data/.features*"))


@pytest.fixture
def at_home(spark, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return spark


def sales(rows: int = 4000) -> pd.DataFrame:
    """Half of the rows are of one shop; instants repeat, and some values are missing."""
    rng = np.random.default_rng(11)
    at = pd.Timestamp("2020-01-01T00:00:00.123456", tz="UTC") + pd.to_timedelta(
        rng.integers(0, 3 * 86400, rows), unit="s"
    )
    found = pd.DataFrame({"shop": rng.choice([*"aaabcd"], rows), "at": pd.DatetimeIndex(at).as_unit("us")})
    found = found.assign(price=rng.normal(scale=1e3, size=rows).round(3), units=rng.integers(-9, 9, rows))
    found["half"] = rng.integers(-9, 9, rows) / 2
    found["open"] = rng.random(rows) < 0.5
    found["nothing"] = "x"
    for column in ("price", "half", "at", "shop"):
        found.loc[rng.random(rows) < 0.05, column] = None
    return found.sort_values("at", ignore_index=True)


def every(tables) -> ibis.Table:
    """A view that uses each operation that is let through."""
    of = tables["sales"].filter(tables["sales"]["at"].notnull()).order_by("at")
    of = of.inner_join(of.select("shop").distinct(), "shop").drop("nothing")
    week = ibis.window(group_by="shop", order_by="at", preceding=5, following=0)
    at = of.group_by("shop", "at").agg(
        rows=of.count(),
        some=of.price.count(),
        least=of.price.min(),
        most=of.price.max(),
        total=of.units.sum(),
        whole=of.half.cast("int64").sum(),
        rounded=(of.price * 1.1).round().sum(),
        truths=of.open.sum(),
    )
    at = ibis.union(at, at.mutate(at=at["at"] + ibis.interval(hours=7)))
    at = at.group_by("shop", "at").agg(**{name: at[name].max() for name in at.columns[2:]})
    before = at["at"] - ibis.interval(minutes=90)
    hour, day = at["at"].hour(), at["at"].day()
    busy = (hour > 7) & (hour >= 8) & (hour < 18) | ~(day == 2)
    kind = ibis.cases((at.shop.isin(["a", "b"]), 1.5), (at.shop != "c", 2.5), else_=0.1)
    return at.select(
        "shop",
        known_at="at",
        ratio=at.total / at.rows.cast("float64"),
        part=at.total / at.rows,
        tenth=at.least * 0.1 + at.most / 3.0 - at.whole,
        clipped=at.total.clip(lower=-3, upper=4).abs(),
        negative=-at.rounded,
        ends=ibis.greatest(at.least, 0.25) - ibis.least(at.most, 7),
        filled=ibis.coalesce(at.least, at.most, 0.3),
        missing=at.least.isnull().ifelse(1, 0),
        between=at.least.between(-1, 1).cast("int64"),
        lagged=at.total.lag().over(week),
        led=at.total.lead().over(week),
        moving=at.total.sum().over(week),
        age=before.delta(ibis.timestamp("2020-01-01T00:00:00"), unit="microsecond") / 3.6e9,
        clock=at["at"].year() + at["at"].month() + at["at"].minute() + busy.cast("int64"),
        kind=kind,
        truths="truths",
        some="some",
        late=(at.total <= 3).cast("int64"),
    )


NAMES = (
    *(
        "ratio",
        "part",
        "tenth",
        "clipped",
        "negative",
        "ends",
        "filled",
        "missing",
        "between",
        "lagged",
        "led",
    ),
    *("moving", "age", "clock", "kind", "truths", "some", "late"),
)
EVERY = View("every", ("shop",), NAMES, ALWAYS, every, age="every_age")
HALF = {"half": lambda rows: rows.half}
OF_KIT = (
    views.trailing(
        "day", "sales", ("shop",), "at", DAY, count="rows", means=HALF, digits=1, until="decision"
    ),
    views.trailing("hour", "sales", ("shop",), "at", HOUR, means=HALF, until="newest row"),
)


def requests(rows: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 4 * 86400, rows), unit="s")
    return pd.DataFrame(
        {"shop": rng.choice([*"abcz"], rows), "decided_at": pd.DatetimeIndex(at).as_unit("us")}
    )


def joined(folder: Path, of, spark: str | None = None) -> pd.DataFrame:
    """Requests at once, and on Spark in two parts, as they are read of a large table."""
    files.write_table(folder / "sales.parquet", sales())
    asked = requests().sort_values("decided_at", ignore_index=True)
    parts = [asked] if spark is None else [asked[:700], asked[700:]]
    with joining.joining({"sales": folder / "sales.parquet"}, of, spark) as slices:
        return pd.concat([joined for part in parts for joined in slices(part, 400)])


def test_each_operation_that_is_let_through_is_the_same_to_the_bit(at_home, tmp_path):
    tables = {
        "sales": ibis.table(ibis.Schema.from_pyarrow(pa.Table.from_pandas(sales()).schema), name="sales")
    }
    used = {type(one).__name__ for one in every(tables).op().find(ibis.expr.operations.Node)}
    ours = {"JoinReference", "JoinLink", "JoinChain", "TimestampSub", "Sort"}
    assert translation.SAME - used - ours == set()
    of = (EVERY, *OF_KIT)
    pd.testing.assert_frame_equal(joined(tmp_path, of, MASTER), joined(tmp_path, of), check_exact=True)
    assert not list(tmp_path.glob("data/.features*"))


def test_distinct_rows_of_sorted_ones_are_distinct(at_home):
    """Ibis 12 writes SQL for Spark that keeps the columns of the order, and so each row."""
    rows = ibis.table({"shop": "string", "at": "timestamp"}, name="t")
    sql = ibis.to_sql(translation.of(rows.order_by("at").select("shop").distinct(), "v"), dialect="pyspark")
    assert str(sql).split() == ["SELECT", "DISTINCT", "`t0`.`shop`", "FROM", "`t`", "AS", "`t0`"]


def test_executors_are_processes_with_another_clock_than_ours(at_home):
    zones = at_home.sparkContext.parallelize([0], 1).map(lambda _: (os.environ["TZ"], os.getpid())).collect()
    assert zones[0][0] == "Asia/Tokyo"
    assert len(executors()) == 2


def executors() -> list[int]:
    """The processes of executors that our driver started."""
    listed = subprocess.check_output(["ps", "-ww", "-eo", "pid=,ppid=,args="], text=True)
    rows = [line.split(maxsplit=2) for line in listed.splitlines()]
    above = {int(pid): int(parent) for pid, parent, _ in rows}
    return [int(pid) for pid, _, run in rows if "CoarseGrainedExecutor" in run and _ours(int(pid), above)]


def _ours(process: int, above: dict[int, int]) -> bool:
    while process not in (0, os.getpid()):
        process = above.get(process, 0)
    return process == os.getpid()


@contextmanager
def one_killed(running):
    """An executor is killed as soon as it works; its process."""
    killed: list[int] = []
    done = threading.Event()
    tracker = running.sparkContext.statusTracker()

    def kill() -> None:
        while not done.is_set() and not killed:
            busy = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
            if any(one is not None and one.numActiveTasks for one in busy):
                killed.append(executors()[0])
                os.kill(killed[0], signal.SIGKILL)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        done.set()
        killer.join()
    assert killed
    assert killed[0] not in executors()


def test_an_executor_that_is_killed_in_the_middle_changes_nothing(at_home, tmp_path):
    expected = joined(tmp_path, OF_KIT)
    with one_killed(at_home):
        found = joined(tmp_path, OF_KIT, MASTER)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture
def scoring(at_home, finished, tmp_path, monkeypatch):
    """Scores of a folder of requests, three parts of two pieces each, on Spark or here: each part's hash."""
    monkeypatch.chdir(finished.path)
    monkeypatch.setattr(score_parts, "ROWS", 1000)
    (tmp_path / "in").mkdir()
    requests = pq.read_table("data/examples/holdout.parquet").drop_columns(["label", "label_known_at"])
    for part in range(3):
        pq.write_table(requests.slice(part * 2000, 2000), tmp_path / f"in/{part}.parquet", row_group_size=500)

    def score(spark: str | None) -> dict[str, str]:
        monkeypatch.setattr(score_parts.engine_settings, "spark", lambda: spark)
        score_parts.main(tmp_path / "in", tmp_path / "out")
        return {path.name: files.md5(path) for path in (tmp_path / "out").iterdir()}

    return score


def test_scores_are_the_same_files_though_an_executor_is_killed(scoring, at_home):
    expected = scoring(None)
    assert len(expected) == 6
    with one_killed(at_home):
        assert scoring(MASTER) == expected


def test_a_task_that_refuses_a_row_ends_as_it_does_here_and_leaves_what_was_there(scoring, tmp_path):
    expected = scoring(None)
    wrong = pq.read_table(tmp_path / "in/2.parquet")
    name = next(one for one, column in schema.REQUEST.columns.items() if str(column.dtype) == "int64")
    at = wrong.column_names.index(name)
    pq.write_table(
        wrong.set_column(at, name, pa.array([None] * len(wrong), pa.int64())), tmp_path / "in/2.parquet"
    )
    refused = []
    for spark in (None, MASTER):
        with pytest.raises(LoopError, match=f"not null +{name}") as caught:
            scoring(spark)
        refused.append(str(caught.value))
    assert len(set(refused)) == 1
    assert {path.name: files.md5(path) for path in (tmp_path / "out").iterdir()} == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_fault_of_ours_in_a_task_shows_its_traceback(at_home):
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ZeroDivisionError"):
        tasks.run(MASTER, lambda number: 1 / (number - 1), 2)
    assert tasks.run(MASTER, lambda number: number * 2, 3) == [0, 2, 4]


def test_examples_by_one_setting_are_the_same_file(small_copy):
    if find_spec("pyspark") is None:
        pytest.skip("no Spark: `.tools/bin/uv sync --locked --group spark`")
    made = [small_copy.path / f"data/examples/{name}.parquet" for name in ("train", "holdout")]
    before = [files.md5(path) for path in made]
    for path in made:
        path.unlink()
    small_copy.set_param("engine", {"spark": MASTER})
    small_copy.run("loop", "examples")
    assert [files.md5(path) for path in made] == before
    assert "Running stage" not in small_copy.run("loop", "run").stdout


def floats(tables):
    rows = tables["sales"].group_by("shop")
    return rows.agg(known_at=tables["sales"]["at"].max(), price=tables["sales"].price.sum())


def counting(tables):
    return tables["sales"].head(int(tables["sales"].count().execute()))


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (floats, r"cannot be computed on Spark.*sums floats \(price\)"),
        (counting, "is no expression of its tables"),
    ],
)
def test_a_view_that_does_not_run_there_is_refused_before_spark_starts(
    tmp_path, monkeypatch, expression, why
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "require", lambda: None)
    monkeypatch.setattr(session, "started", lambda master: pytest.fail("it started"))
    till = View("till", ("shop",), ("price",), DAY, expression)
    with pytest.raises(LoopError, match=f"view `till` {why}"):
        joined(tmp_path, [*OF_KIT, till], "local[2]")
    assert not list(tmp_path.glob("data/.features*"))


def test_two_rows_of_an_entity_at_one_instant_are_named(at_home, tmp_path):
    """DuckDB takes one of them, whichever comes first."""
    twice = View("till", ("shop",), ("units",), DAY, lambda of: ibis.union(*[known(of)] * 2))
    with pytest.raises(LoopError, match=r"view `till` has [\d,]+ rows for 400 requests"):
        joined(tmp_path, [twice], MASTER)


def known(tables):
    rows = tables["sales"]
    return rows.group_by("shop").agg(known_at=rows["at"].min(), units=rows.units.max())


def test_a_driver_that_is_lost_ends_as_one_message_and_leaves_nothing(at_home, tmp_path):
    """The last of this file: the session ends with it."""
    driver = at_home.sparkContext._gateway.proc.pid

    def lost(tables):
        os.kill(driver, signal.SIGKILL)  # what comes next is a job
        return tables["sales"].select("shop", "price", known_at="at")

    view = View("till", ("shop",), ("price",), DAY, lost)
    with pytest.raises(LoopError, match=r"Spark at local-cluster\[2,1,512\] failed") as caught:
        joined(tmp_path, [*OF_KIT, view], MASTER)
    assert "nothing half-written is kept" in caught.value.todo
    assert not list(tmp_path.glob("data/.features*"))
