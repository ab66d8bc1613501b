"""Which of the compared pairs are likely one person: weights are learned from all of them, and pairs scored by them."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.comparison import levels_of
from spark_jobs.identity.fuzzy.layout import Layout
from spark_jobs.identity.fuzzy.weights import Weights, estimate

_LIKELY_FROM = 0.2
"""Pairs from this probability on hold components together; what joins is decided inside them."""


def learn(compared: DataFrame, layout: Layout, records: int) -> Weights:
    """Estimate the weights from the patterns of compared pairs. It acts.

    Blocked pairs count once; sampled pairs that no rule blocked stand for all pairs that no rule blocked.
    """
    counted = compared.groupBy("pattern").agg(
        F.count_if("blocked").alias("blocked"), F.count_if(~F.col("blocked")).alias("drawn")
    )
    return learn_from(counted.orderBy("pattern").toArrow(), layout, records)


def learn_from(found: pa.Table, layout: Layout, records: int) -> Weights:
    """Estimate the weights from patterns, in their order, and how many pairs (blocked, drawn) have each."""
    blocked, drawn = (found[name].to_numpy().astype(np.float64) for name in ("blocked", "drawn"))
    unblocked = max(records * (records - 1) / 2 - blocked.sum(), 0.0)
    counts = blocked + drawn * (unblocked / max(drawn.sum(), 1.0))
    return estimate(layout, levels_of(found["pattern"].to_numpy(), len(layout.traits)), counts)


def build_links(compared: DataFrame, layout: Layout, weights: Weights) -> DataFrame:
    """The likely pairs among the blocked ones: low, high and score (log odds of being one person)."""

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield likely_of(batch, layout, weights)

    return (
        compared.where("blocked")
        .select("low", "high", "pattern", "log_share")
        .mapInArrow(score, "low BIGINT, high BIGINT, score DOUBLE")
    )


def likely_of(batch: pa.RecordBatch, layout: Layout, weights: Weights) -> pa.RecordBatch:
    """The likely pairs among some compared ones, with their scores."""
    levels = levels_of(batch["pattern"].to_numpy(), len(layout.traits))
    scores = weights.scores(layout, levels, batch["log_share"].to_numpy())
    scored = pa.RecordBatch.from_arrays([batch["low"], batch["high"], pa.array(scores)], names=["low", "high", "score"])
    return scored.filter(pa.array(scores > np.log(_LIKELY_FROM / (1 - _LIKELY_FROM))))
