"""Encoded records → who is one person."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.blocking import build_pairs
from spark_jobs.identity.fuzzy.clusters import build_clusters
from spark_jobs.identity.fuzzy.comparison import build_compared, levels_of
from spark_jobs.identity.fuzzy.layout import Layout, build_layout, build_rows
from spark_jobs.identity.fuzzy.weights import Weights, estimate

_LIKELY_FROM = 0.2
"""Pairs from this probability on hold components together; what joins is decided inside them."""


def resolve_records(records: DataFrame) -> DataFrame:
    """One row a record: record_id and cluster, the smallest record_id of those that are one person.

    Nothing is tuned and no label is read: the weights are learned from `records` themselves. The result depends on the
    set of records only, not on their order or partitions. It acts.

    Args:
        records: Of `records.SCHEMA`.
    """
    layout = build_layout(records)
    if not layout.traits:
        return records.select("record_id", F.col("record_id").alias("cluster"))
    rows = build_rows(records, layout).localCheckpoint()
    compared = build_compared(build_pairs(rows, layout), rows, layout).localCheckpoint()
    weights = learn(compared, layout, rows.count())
    links = build_links(compared, layout, weights).localCheckpoint()
    return build_clusters(links, rows, layout, weights)


def learn(compared: DataFrame, layout: Layout, records: int) -> Weights:
    """Estimate the weights from the patterns of compared pairs. It acts.

    Blocked pairs count once; sampled pairs that no rule blocked stand for all pairs that no rule blocked.
    """
    counted = compared.groupBy("pattern").agg(
        F.count_if("blocked").alias("blocked"), F.count_if(~F.col("blocked")).alias("drawn")
    )
    found = counted.orderBy("pattern").toArrow()
    blocked, drawn = (found[name].to_numpy().astype(np.float64) for name in ("blocked", "drawn"))
    unblocked = max(records * (records - 1) / 2 - blocked.sum(), 0.0)
    counts = blocked + drawn * (unblocked / max(drawn.sum(), 1.0))
    return estimate(layout, levels_of(found["pattern"].to_numpy(), len(layout.traits)), counts)


def build_links(compared: DataFrame, layout: Layout, weights: Weights) -> DataFrame:
    """The likely pairs among the blocked ones: low, high and score (log odds of being one person)."""
    likely = float(np.log(_LIKELY_FROM / (1 - _LIKELY_FROM)))

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            levels = levels_of(batch["pattern"].to_numpy(), len(layout.traits))
            scores = weights.scores(layout, levels, batch["log_share"].to_numpy())
            scored = pa.RecordBatch.from_arrays([batch["low"], batch["high"], pa.array(scores)], names=_LINK)
            yield scored.filter(pa.array(scores > likely))

    return (
        compared.where("blocked")
        .select("low", "high", "pattern", "log_share")
        .mapInArrow(score, "low BIGINT, high BIGINT, score DOUBLE")
    )


_LINK = ["low", "high", "score"]
