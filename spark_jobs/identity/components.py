"""Connected components by alternating large-star and small-star.

Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii: Connected Components in MapReduce and Beyond,
SoCC 2014, sections 3 and 4. Unlike a builder it acts: each round is checkpointed and checked.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812


def build_components(links: DataFrame) -> DataFrame:
    """Label each token of `links` (token_a, token_b) with the smallest token it is connected to.

    Returns one row a token (token, component). It takes O(log² n) rounds at worst, two or three on groups
    of a few tokens. The label depends on the set of links only, not on their order or direction.
    """
    edges = links.selectExpr("token_a AS u", "token_b AS v").where("u <> v").transform(_downwards).localCheckpoint()
    while not _is_star_forest(edges):
        edges = edges.transform(_large_star).transform(_small_star).localCheckpoint()
    centres = edges.selectExpr("v AS token", "v AS component").distinct()
    return edges.selectExpr("u AS token", "v AS component").unionAll(centres)


def _downwards(edges: DataFrame) -> DataFrame:
    """Each edge once, from its larger to its smaller end."""
    return edges.select(F.greatest("u", "v").alias("u"), F.least("u", "v").alias("v")).distinct()


def _large_star(edges: DataFrame) -> DataFrame:
    """Join each vertex's larger neighbours to the smallest of its neighbours and itself."""
    both = edges.unionAll(edges.selectExpr("v AS u", "u AS v"))
    smallest = F.min("v").over(Window.partitionBy("u"))
    return both.withColumn("m", F.least("u", smallest)).where("v > u").selectExpr("v AS u", "m AS v").distinct()


def _small_star(edges: DataFrame) -> DataFrame:
    """Join each vertex and its smaller neighbours to the smallest of them. Edges must point downwards."""
    starred = edges.withColumn("m", F.min("v").over(Window.partitionBy("u")))
    return starred.selectExpr("v AS u", "m AS v").where("u <> v").unionAll(starred.selectExpr("u", "m AS v")).distinct()


def _is_star_forest(edges: DataFrame) -> bool:
    """Whether each vertex is either a centre or has one edge to a centre: neither star would move an edge."""
    roles = edges.selectExpr("u AS vertex", "1 AS leaf", "0 AS centre").unionAll(edges.selectExpr("v", "0", "1"))
    unfinished = roles.groupBy("vertex").agg(F.sum("leaf").alias("edges"), F.max("centre").alias("centre"))
    return bool(unfinished.where("edges > 1 OR (edges = 1 AND centre = 1)").isEmpty())
