"""The one Spark session of a test run, and how property tests choose."""

import os
import signal
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Tests share few cores with servers and Spark: threads of learners that wait for each other would take minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A change is not turned away for an example that it did not bring: those are looked for in every other run.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")

# A run that was started in the background ignores Ctrl-C, and so would the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """A local session with Delta; it starts in 5 to 20 seconds, once."""
    from spark_jobs.session import spark_session

    with tempfile.TemporaryDirectory() as checkpoints:
        session = spark_session("mangrove-tests")
        session.sparkContext.setCheckpointDir(checkpoints)
        yield session
        session.stop()
