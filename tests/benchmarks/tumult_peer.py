"""Tumult Analytics as a peer of the query service: a process of its own, in an environment of its own.

It needs `tmlt.analytics`, whose Spark, pandas and NumPy are others than ours, and so imports nothing of the project.
`bench_private_query.py --tumult PYTHON` starts it; each line that it reads is a question, each line that it writes
says how many milliseconds the answer took. The table is cached in Spark's memory before the first question.
"""

import json
import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from tmlt.analytics import (
    AddRowsWithID,
    KeySet,
    MaxGroupsPerID,
    MaxRowsPerGroupPerID,
    QueryBuilder,
    RhoZCDPBudget,
    Session,
)


def main() -> None:
    """Answer questions until there are no more."""
    said = json.loads(sys.stdin.readline())
    # Spark's workers would take the first Python there is.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    rows = spark.read.parquet(*said["files"]).select(
        "person_id", "channel", "turns", F.date_trunc("week", "day").cast("date").cast("string").alias("week")
    )
    rows.cache().count()
    session = Session.from_dataframe(
        RhoZCDPBudget(float("inf")), "rows", rows, protected_change=AddRowsWithID("person_id")
    )
    weeks = KeySet.from_dict({"week": said["weeks"]})
    for line in sys.stdin:
        question = json.loads(line)
        started = time.perf_counter()
        query = (
            QueryBuilder("rows")
            .filter(question["where"])
            .enforce(MaxGroupsPerID("week", said["groups"]))
            .enforce(MaxRowsPerGroupPerID("week", said["rows"]))
            .groupby(weeks)
            .count()
        )
        answer = session.evaluate(query, RhoZCDPBudget(question["rho"])).collect()
        spent = (time.perf_counter() - started) * 1000
        print(json.dumps({"ms": spent, "groups": len(answer)}), flush=True)


if __name__ == "__main__":
    main()
