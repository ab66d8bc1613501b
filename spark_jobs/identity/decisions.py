"""What people decided about identities: tokens that join nobody, tokens trusted anyway, people joined or parted.

A decision is an input like an event: taken back, it leaves no trace in the graph. Of each only the tokens and the
kind are looked at, so that the order in which decisions were made never matters.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.kinds import MERGE, SPLIT

EXCLUDED = "excluded by a decision"


def build_standing(decisions: DataFrame) -> DataFrame:
    """The decisions that nobody took back: decision_id, kind, token."""
    return decisions.where("undone_at IS NULL").select("decision_id", "kind", "token").distinct()


def build_decided(standing: DataFrame, kind: str) -> DataFrame:
    """The tokens (token) that decisions of a kind name."""
    return standing.where(F.col("kind") == kind).select("token").distinct()


def build_merges(standing: DataFrame) -> DataFrame:
    """The links (token_a, token_b) that decisions to merge make: each token with the smallest of its decision."""
    smallest = F.min("token").over(Window.partitionBy("decision_id"))
    return (
        standing.where(F.col("kind") == MERGE)
        .select(smallest.alias("token_a"), F.col("token").alias("token_b"))
        .where("token_a < token_b")
        .distinct()
    )


def without_split(links: DataFrame, standing: DataFrame) -> DataFrame:
    """The links of which no decision to split names exactly one end: what is split off stays joined in itself."""
    split = standing.where(F.col("kind") == SPLIT)
    ends = [
        split.groupBy(F.col("token").alias(end)).agg(F.sort_array(F.collect_set("decision_id")).alias(of))
        for end, of in (("token_a", "splits_a"), ("token_b", "splits_b"))
    ]
    return (
        links.join(F.broadcast(ends[0]), on="token_a", how="left")
        .join(F.broadcast(ends[1]), on="token_b", how="left")
        .where("splits_a <=> splits_b")
        .select(*links.columns)
    )
