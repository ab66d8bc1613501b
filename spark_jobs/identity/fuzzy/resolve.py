"""Encoded records → who is one person."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.at_once import build_groups_at_once
from spark_jobs.identity.fuzzy.blocking import build_pairs
from spark_jobs.identity.fuzzy.clusters import build_groups, named_groups
from spark_jobs.identity.fuzzy.comparison import build_compared
from spark_jobs.identity.fuzzy.layout import build_layout, build_rows
from spark_jobs.identity.fuzzy.links import build_links, learn

AT_ONCE = 100_000
"""So many records are resolved in one go on the driver (about 1 GB): what it costs to hand them around is far more."""


def resolve_records(records: DataFrame) -> DataFrame:
    """One row a record: record_id; cluster, the smallest record_id of those that are one person; weight.

    The weight says how surely: the mean log odds, -6 to 6, of the record with the others of its cluster, null if it is
    alone.
    Nothing is tuned and no label is read: the weights are learned from `records` themselves. The result depends on the
    set of records only, not on their order or partitions. It acts.

    Args:
        records: Of `records.SCHEMA`. Of more than `AT_ONCE` Spark's tasks share the work; the result is the same.
    """
    layout = build_layout(records)
    if not layout.traits:
        return records.select(
            "record_id", F.col("record_id").alias("cluster"), F.lit(None).cast("double").alias("weight")
        )
    rows = build_rows(records, layout).localCheckpoint()
    count = rows.count()
    if count <= AT_ONCE:
        return named_groups(rows, build_groups_at_once(rows, layout, count))
    compared = build_compared(build_pairs(rows, layout), rows, layout).localCheckpoint()
    weights = learn(compared, layout, count)
    links = build_links(compared, layout, weights).localCheckpoint()
    return named_groups(rows, build_groups(links, rows, layout, weights))
