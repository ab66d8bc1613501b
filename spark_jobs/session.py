"""The Spark session of every job, and the one-time fetch of Delta's jars."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from delta import configure_spark_with_delta_pip
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from privacy.errors import MangroveError

_HERE = Path(__file__).parent
_ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    "spark.ui.showConsoleProgress": "false",
}
_LOCAL = {
    "spark.master": "local[*]",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": str(max(2, os.cpu_count() or 2)),
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Spark's own variable, which it would not look at beside a setting.
    "spark.driver.memory": os.environ.get("SPARK_DRIVER_MEMORY", "2g"),
    # Local runs are many short queries: planning them anew at each shuffle costs more than it saves.
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={(_HERE / 'log4j2.properties').as_uri()}",
}


class DeltaMissing(MangroveError):
    """Spark was started by spark-submit without Delta's jars, so no table can be read."""

    reason = "DELTA_MISSING"

    def __init__(self) -> None:
        super().__init__(
            f"Spark runs without Delta's jars. Add --packages {_package()} to spark-submit, "
            "or start the job with `python -m`."
        )


class JarsUnavailable(MangroveError):
    """Ivy could not download Delta's jars."""

    reason = "JARS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            f"Delta's jars ({_package()}) could not be fetched. See that Java 17 runs and Maven Central "
            "is reachable, or set MANGROVE_IVY to a folder that holds them, then try again."
        )


def ivy_folder() -> Path:
    """The folder that holds Ivy's jars: $MANGROVE_IVY, else `.ivy` beside the source."""
    return Path(os.environ.get("MANGROVE_IVY") or _HERE.parent / ".ivy").resolve()


def spark_session(app_name: str, master: str = "") -> SparkSession:
    """The session that jobs run in: Delta, UTC, quiet.

    Without spark-submit it has the jars of `ivy_folder()`; they are downloaded if they are not there. Under
    spark-submit, what was given on its command line is kept.

    Args:
        app_name: How the cluster's pages name the run.
        master: A cluster such as spark://host:7077; empty for this machine with all its cores.

    Raises:
        DeltaMissing: under spark-submit without Delta's jars.
    """
    builder = SparkSession.builder.appName(app_name)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return _submitted(builder)
    # Workers must take this interpreter: the system's may be of another version.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {**_ALWAYS, "spark.master": master}
    if not master:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        settings = {**_ALWAYS, **_LOCAL}
    for key, value in settings.items():
        builder = builder.config(key, value)
    jars = _fetched_jars()
    if jars:
        return builder.config("spark.jars", ",".join(map(str, jars))).getOrCreate()
    return configure_spark_with_delta_pip(builder.config("spark.jars.ivy", str(ivy_folder()))).getOrCreate()


def fetch() -> None:
    """Download Delta's jars into `ivy_folder()`; silent and quick when they are there already.

    Raises:
        JarsUnavailable: if Ivy cannot get them.
    """
    if _fetched_jars():
        return
    print("fetching Delta's jars for Spark (once, 10 to 60 seconds) …", flush=True)
    with _quiet_stderr():
        try:
            spark_session("mangrove-fetch").stop()
        except PySparkRuntimeError:
            raise JarsUnavailable from None
    print(f"fetched: {len(_fetched_jars())} jars.", flush=True)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep Ivy's hundreds of lines away: the JVM inherits the descriptor, so Python's streams do not help."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _submitted(builder: SparkSession.Builder) -> SparkSession:
    SparkContext._ensure_initialized()
    given = SparkConf()
    for key, value in _ALWAYS.items():
        if not given.contains(key):
            builder = builder.config(key, value)
    packages = given.get("spark.jars.packages", "") + given.get("spark.jars", "")
    if "delta-spark" not in packages:
        raise DeltaMissing
    return builder.getOrCreate()


def _package() -> str:
    spark_minor = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark_minor}_2.13:{version('delta-spark')}"


def _fetched_jars() -> list[Path]:
    """The jars that Spark itself does not ship, of this Delta version; empty if Delta's own is missing.

    Ivy also fetches what Spark ships (Hadoop, Parquet, Jackson), in older versions: those are left out.
    """
    jars = ivy_folder() / "jars"
    delta = sorted(jars.glob(f"io.delta_*-{version('delta-spark')}.jar"))
    if not any(jar.name.startswith("io.delta_delta-spark_") for jar in delta):
        return []
    return [*delta, *sorted(jars.glob("io.unitycatalog_*.jar"))]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="See to Spark's session.")
    arguments.add_argument("--fetch", action="store_true", required=True, help="download Delta's jars once")
    arguments.parse_args()
    fetch()
