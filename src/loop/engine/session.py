"""A session of Spark: started by its master, set so that nothing of a machine changes a bit, ended whole.

What Spark logs goes to a file of its own. Where the master is no cluster of this process, every executor must
see this clone at the same path: tables and results are files in it.
"""

import os
import pwd
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loop.base import program
from loop.base.errors import LoopError, first_line
from loop.engine import java, spill

WAIT = 300  # seconds for a first executor
ROWS = 64  # of the table by which executors show that they write where we read
EXACT = {  # what the bits of a result hang on
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # a number that is too large is an error, as in DuckDB
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
QUIET = {"spark.app.name": "loop", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
LOGGING = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %p %c{1}: %m%n
"""
OWN = re.compile(r"local-cluster\[(\d+),(\d+),(\d+)\]")
NOT_SHARED = "the clone on a file system that every executor sees at the same path"


def require() -> None:
    """Raise LoopError where this machine cannot start Spark."""
    if find_spec("pyspark") is None:
        raise LoopError(
            "params.yaml: engine.spark asks for Spark, and pyspark is not installed",
            "the packages of the group `spark`",
            "make setup",
        )
    java.require()
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        raise LoopError(
            f"user {os.getuid()} has no name on this machine",
            "one, in /etc/passwd: Spark does not start without it",
            f"as root: useradd --uid {os.getuid()} NAME; in a container, before it starts",
        ) from None


@contextmanager
def started(master: str) -> Iterator[Any]:
    """A session at a master; one that this process has there already is used, and left running.

    Raises LoopError for a cluster that does not answer, is lost, or does not see our files.
    """
    from pyspark.sql import SparkSession

    with told(master):
        running = SparkSession.getActiveSession()
        if running is not None and running.sparkContext.master == master:
            yield running
            return
    gateway = session = None
    with spill.folder("spark") as folder:
        try:
            with told(master, folder / "log"):
                gateway = _gateway(master, folder)
                session = _session(gateway)
                _executors(session, master)
                yield session
        finally:
            if gateway is not None:
                _end(gateway, session)


@contextmanager
def told(master: str, log: Path | None = None) -> Iterator[None]:
    """Say of Spark's errors what a person can do."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException, ConnectionError, EOFError) as error:
        said = _said(error, log)
        unseen = "FileNotFoundException" in str(error) or "does not exist" in str(error)
        raise LoopError(
            f"Spark at {master} failed: {said}",
            NOT_SHARED if unseen else "a cluster that answers, with memory and disk for the tables",
            "look at the cluster, then run it again: nothing half-written is kept",
        ) from None


def _said(error: Exception, log: Path | None) -> str:
    """What went wrong, in one line: the cause that Spark names last, or the end of its log."""
    lines = str(error).splitlines()
    causes = [line.partition("Caused by: ")[2] for line in lines if line.startswith("Caused by: ")]
    if causes:
        return causes[-1][:300]
    written = log.read_text("utf-8", "replace").splitlines() if log and log.is_file() else []
    errors = [line.removeprefix("ERROR ") for line in written if line.startswith("ERROR ")]
    said = next((line for line in lines if line.strip() and "Answer from Java side" not in line), "")
    lost = isinstance(error, ConnectionError | EOFError) or not said or "An error occurred while" in said
    return (errors[-1] if errors and lost else said or first_line(error))[:300] + (
        " (its driver ended)" if isinstance(error, ConnectionError | EOFError) else ""
    )


def _gateway(master: str, folder: Path) -> Any:
    """The process of Java that drives the cluster; what it says goes to a file."""
    from pyspark.conf import SparkConf
    from pyspark.java_gateway import launch_gateway

    (folder / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
    settings = {
        **QUIET,
        **EXACT,
        "spark.master": master,
        "spark.pyspark.python": sys.executable,
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        **(_here(master) if master.startswith("local") else {}),
    }
    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        conf.set(name, value)
    ours = {"SPARK_LOCAL_DIRS": str(folder / "local")} if master.startswith("local") else {}
    if OWN.fullmatch(master) and "SPARK_HOME" not in os.environ:
        ours["SPARK_HOME"] = str(_home(folder))  # its executors write below it
    with (folder / "log").open("wb") as log, _environment(ours):
        return launch_gateway(conf, popen_kwargs={"stderr": log, "stdout": log})


def _here(master: str) -> dict[str, str]:
    """Settings of a cluster on this machine, which nobody else configures."""
    own = OWN.fullmatch(master)
    memory = {"spark.executor.memory": f"{own[3]}m"} if own else {}
    cores = int(own[1]) * int(own[2]) if own else os.cpu_count() or 1
    address = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return {**address, **memory, "spark.sql.shuffle.partitions": str(4 * cores)}


def _home(folder: Path) -> Path:
    """Spark's home, as links: an installed package is not written to."""
    import pyspark

    home = folder / "home"
    home.mkdir()
    for part in Path(pyspark.__file__).parent.iterdir():
        (home / part.name).symlink_to(part)
    return home


@contextmanager
def _environment(ours: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def _session(gateway: Any) -> Any:
    from pyspark.conf import SparkConf
    from pyspark.core.context import SparkContext
    from pyspark.sql import SparkSession

    return SparkSession(SparkContext(gateway=gateway, conf=SparkConf(_jvm=gateway.jvm)))


def _executors(session: Any, master: str) -> None:
    """Raise LoopError where no executor comes, or where one does not write to the files that we read."""
    if re.fullmatch(r"local(\[.*\])?", master):
        return
    status = session.sparkContext._jsc.sc()
    until = time.monotonic() + WAIT
    while status.getExecutorMemoryStatus().size() < 2:  # the first is the driver
        if time.monotonic() > until:
            raise LoopError(
                f"Spark at {master} gave no executor within {WAIT} s",
                "an executor with the memory and cores that are asked for",
                "look at the cluster; SPARK_CONF_DIR names the folder of spark-defaults.conf",
            )
        time.sleep(0.2)
    if OWN.fullmatch(master):
        return
    from loop.base import files

    shared = (spill.place() / "probe").absolute()
    session.range(ROWS, numPartitions=8).write.parquet(f"file:{shared}")
    found = sum(files.rows(path) for path in shared.glob("*.parquet"))
    if found != ROWS:
        raise LoopError(
            f"of {ROWS} rows that executors of {master} wrote, {found} are in {shared.parent}",
            NOT_SHARED,
            "put the clone there",
        )


def _end(gateway: Any, session: Any) -> None:
    """Stop the session and its process, whatever is left of them."""
    from pyspark.core.context import SparkContext
    from pyspark.sql import SparkSession

    with suppress(Exception):
        session.stop()
    with suppress(Exception):
        gateway.shutdown()
    with suppress(OSError):
        gateway.proc.stdin.close()  # by which Java ends itself
    program.finish(gateway.proc, 30)
    SparkContext._gateway = SparkContext._jvm = SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
