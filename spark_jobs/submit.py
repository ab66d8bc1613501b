"""How a job file runs as a script: `spark-submit spark_jobs/silver/refine.py --lake DIR`."""

import argparse
from collections.abc import Callable

from spark_jobs.lake.io import Changes, Lake
from spark_jobs.session import spark_session


def run_as_script(name: str, job: Callable[[Lake], tuple[Changes, ...]]) -> None:
    """Read `--lake`, run the job once, and print how many rows of which table changed."""
    parser = argparse.ArgumentParser(description=f"Run the job `{name}` once.")
    parser.add_argument("--lake", required=True, help="the lake's root: a folder or an s3a:// URL")
    root = parser.parse_args().lake
    spark = spark_session(f"mangrove-{name}")
    try:
        for changes in job(Lake(spark, root)):
            print(changes)
    finally:
        spark.stop()
