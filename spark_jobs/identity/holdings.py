"""Things that change hands: a device that is sold, a phone number that is given out again.

Such a token is not shared: one customer after the other holds it. Each holding counts as a token of its own, for its
time only; the first keeps the token's name, so that nobody's id changes when the thing changes hands.
"""

from datetime import timedelta

import polars as pl
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

HANDED_ON = ("device", "phone")
"""Types of what changes hands."""
QUIET = timedelta(days=14)
"""How long nobody may have been seen with it between two holders: what two use in turn is shared."""
MOST_HOLDERS = 4
"""What had more holders is not sold but lent: a shop's tablet."""


def build_holdings(spans: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """One row a holding (token, number, holding, held_from, held_until) of tokens that changed hands.

    A token changed hands if it was seen with two to four customers, one after the other, and 14 days or more lie
    between the last sighting with one and the first with the next. A holding begins with the first sighting with its
    holder; `held_from` of the first and `held_until` of the last are null.

    Args:
        spans: From when to when (first_at, last_at) a token of `HANDED_ON` was seen with a holder.
        versions: What is one thing under several keys (token, same_as): its versions change hands together.
    """
    one = {end: versions.rename({"token": end, "same_as": f"one_{end}"}) for end in ("token", "holder")}
    thing = pl.coalesce("one_token", "token").alias("thing")
    held = (
        spans.join(one["token"], on="token", how="left")
        .join(one["holder"], on="holder", how="left")
        .group_by(thing, pl.coalesce("one_holder", "holder").alias("holder"))
        .agg(pl.col("first_at").min(), pl.col("last_at").max())
        .filter(pl.len().over("thing").is_between(2, MOST_HOLDERS))
        .sort("thing", "first_at", "holder")
        .with_columns(
            number=pl.int_range(1, pl.len() + 1).over("thing"),
            before=pl.col("last_at").cum_max().shift(1).over("thing"),
            held_until=pl.col("first_at").shift(-1).over("thing"),
        )
        .filter((pl.col("first_at") - pl.col("before") >= QUIET).fill_null(True).all().over("thing"))
    )
    named = pl.concat(
        [held.select("thing", pl.col("thing").alias("token")), versions.select("token", thing="same_as")],
        how="diagonal",
    )
    return (
        held.join(named.unique(), on="thing")
        .with_columns(holding=name_of("token", "number"))
        .select(
            "token",
            "number",
            "holding",
            pl.when(pl.col("number") > 1).then("first_at").alias("held_from"),
            "held_until",
        )
    )


def name_of(token: str, number: str) -> pl.Expr:
    """What a holding is called."""
    return pl.when(pl.col(number) == 1).then(pl.col(token)).otherwise(pl.format("{}#{}", token, number))


def held_at(moment: str) -> Column:
    """Whether a holding's time covers a column of timestamps."""
    return F.expr(f"(held_from IS NULL OR {moment} >= held_from) AND (held_until IS NULL OR {moment} < held_until)")
