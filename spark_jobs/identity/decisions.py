"""What people decided about identities: tokens that join nobody, tokens trusted anyway, people joined or parted.

A decision is an input like an event: taken back, it leaves no trace in the graph. Of each only the tokens and the
kind are looked at, so that the order in which decisions were made never matters.
"""

import polars as pl

EXCLUDED = "excluded by a decision"
STANDING = pl.Schema({"decision_id": pl.String(), "kind": pl.String(), "token": pl.String()})


def build_standing(decisions: pl.DataFrame) -> pl.DataFrame:
    """The decisions that nobody took back: decision_id, kind, token."""
    return decisions.filter(pl.col("undone_at").is_null()).select(STANDING.names()).unique()


def decided(standing: pl.DataFrame, kind: str) -> pl.Series:
    """The tokens that decisions of a kind name."""
    return standing.filter(pl.col("kind") == kind)["token"].unique()
