"""The one Spark session of a test run."""

import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """A local session with Delta; it starts in 5 to 20 seconds, once."""
    from spark_jobs.session import spark_session

    with tempfile.TemporaryDirectory() as checkpoints:
        session = spark_session("mangrove-tests")
        session.sparkContext.setCheckpointDir(checkpoints)
        yield session
        session.stop()
