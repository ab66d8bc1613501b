"""The same jobs on a Spark standalone cluster: a master and two workers on loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from services.demo.servers import free_port
from spark_jobs import pipeline
from spark_jobs.lake import tables
from spark_jobs.lake.io import Lake
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import read_rows
from spark_jobs.pipeline import run
from tests.spark.build import a_busy_month, rows_of, write_bronze

pytestmark = [pytest.mark.spark, pytest.mark.slow]

# The jobs that call kernels on the workers, and what they need; the others are Spark's own SQL.
JOBS = ("refine", "match", "resolve", "conversations", "journeys", "paths")
_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
_DEADLINE_S = 120
# Spark's scripts would pick the machine's outer address, and pages on fixed ports.
_ENV = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "SPARK_NO_DAEMONIZE": "1"}


def start(log: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [str(_CLASS), f"org.apache.spark.deploy.{name}", *arguments],
            env=_ENV, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def wait_for(log: Path, words: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while words not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, f"`{words}` did not show within {_DEADLINE_S} s"
        time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    address = f"spark://127.0.0.1:{(port := free_port())}"
    logs = [tmp_path / f"{name}.log" for name in ("master", "worker-1", "worker-2")]
    running = [
        start(logs[0], "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port()))
    ]
    try:
        wait_for(logs[0], "I have been elected leader")
        for log in logs[1:]:
            options = ("--cores", "1", "--memory", "1g", "--webui-port", str(free_port()))
            work = ("--work-dir", str(tmp_path / log.stem))
            running.append(start(log, "worker.Worker", "--host", "127.0.0.1", *options, *work, address))
        for log in logs[1:]:
            wait_for(log, "Successfully registered with master")
        yield address
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            process.wait(30)


def run_on(cluster: str, lake: Path, settings: Path) -> None:
    # As many partitions as a cluster of two cores needs: the default is meant for hundreds.
    settings.mkdir()
    (settings / "spark-defaults.conf").write_text("spark.sql.shuffle.partitions 2\n")
    subprocess.run(
        [sys.executable, "-m", "spark_jobs.commands", "run", *JOBS, "--lake", str(lake), "--master", cluster],
        check=True, env={**_ENV, "SPARK_CONF_DIR": str(settings)}, timeout=500, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def content(lake: Path, table: Table) -> list[str]:
    return sorted(map(str, read_rows(str(lake), table).to_pylist()))


def test_a_cluster_of_two_workers_makes_the_same_tables_as_one_machine(
    spark: SparkSession, cluster: str, tmp_path: Path
) -> None:
    events = rows_of(a_busy_month(20))
    here, there = tmp_path / "here", tmp_path / "there"
    for lake in (here, there):
        write_bronze(lake, events)
    run_on(cluster, there, tmp_path / "settings")
    run(JOBS, Lake(spark, str(here)))
    for log in ("worker-1.log", "worker-2.log"):
        assert "Asked to launch executor" in (tmp_path / log).read_text(errors="replace"), f"{log}: it did nothing"
    for job in JOBS:
        for table in pipeline.JOBS[job].outputs:
            assert content(there, table) == content(here, table), table.name
    assert content(there, tables.GOLD_JOURNEYS) != []
