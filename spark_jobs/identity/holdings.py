"""Things that change hands: a device that is sold, a phone number that is given out again.

Such a token is not shared: one customer after the other holds it. Each holding counts as a token of its own, for its
time only; the first keeps the token's name, so that nobody's id changes when the thing changes hands.
"""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

HANDED_ON = ("device", "phone")
"""Types of what changes hands."""
QUIET = timedelta(days=14)
"""How long nobody may have been seen with it between two holders: what two use in turn is shared."""
MOST_HOLDERS = 4
"""What had more holders is not sold but lent: a shop's tablet."""


def build_holdings(sightings: DataFrame, unique: str) -> DataFrame:
    """One row a holding (token, holding, held_from, held_until) of tokens that changed hands.

    A token changed hands if it was seen with two to four tokens of the type `unique`, one after the other, and 14
    days or more lie between the last sighting with one and the first with the next. A holding begins with the first
    sighting with its holder; `held_from` of the first and `held_until` of the last are null.
    """
    in_order = Window.partitionBy("token").orderBy("first_at", "holder")
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    whole = Window.partitionBy("token")
    quiet = F.unix_micros("first_at") - F.unix_micros(F.max("last_at").over(before))
    return (
        _build_spans(sightings, unique)
        .withColumns(
            {
                "number": F.row_number().over(in_order),
                "apart": F.coalesce(quiet >= int(QUIET.total_seconds() * 1_000_000), F.lit(True)),
                "next_at": F.lead("first_at").over(in_order),
            }
        )
        .withColumns({"holders": F.count("*").over(whole), "all_apart": F.bool_and("apart").over(whole)})
        .where(F.col("all_apart") & F.col("holders").between(2, MOST_HOLDERS))
        .select(
            "token",
            _name("token", "number").alias("holding"),
            F.when(F.col("number") > 1, F.col("first_at")).alias("held_from"),
            F.col("next_at").alias("held_until"),
        )
    )


def with_holdings(sightings: DataFrame, holdings: DataFrame) -> DataFrame:
    """The sightings with tokens that changed hands named by the holding of their time."""
    named = (
        sightings.select("event_id", "event_at", F.inline("tokens"))
        .join(F.broadcast(holdings), on="token")
        .where(held_at("event_at"))
        .where("token <> holding")
        .groupBy("event_id")
        .agg(F.map_from_entries(F.collect_list(F.struct("token", "holding"))).alias("names"))
    )
    renamed = F.transform(
        "tokens",
        lambda one: F.struct(F.coalesce(F.col("names")[one["token"]], one["token"]).alias("token"), one["type"]),
    )
    return (
        sightings.join(named, on="event_id", how="left")
        .withColumn("tokens", F.when(F.col("names").isNull(), F.col("tokens")).otherwise(F.sort_array(renamed)))
        .drop("names")
    )


def held_at(moment: str) -> Column:
    """Whether a holding's time covers a column of timestamps."""
    return F.expr(f"(held_from IS NULL OR {moment} >= held_from) AND (held_until IS NULL OR {moment} < held_until)")


def _build_spans(sightings: DataFrame, unique: str) -> DataFrame:
    """From when to when each token of a type that changes hands was seen with each holder."""
    of = F.filter("tokens", lambda one: one["type"] == unique)
    return (
        sightings.select("event_at", "tokens", F.inline("tokens"))
        .where(F.col("type").isin(*HANDED_ON))
        .select("event_at", "token", F.explode(F.transform(of, lambda one: one["token"])).alias("holder"))
        .groupBy("token", "holder")
        .agg(F.min("event_at").alias("first_at"), F.max("event_at").alias("last_at"))
    )


def _name(token: str, number: str) -> Column:
    return F.when(F.col(number) == 1, F.col(token)).otherwise(F.concat_ws("#", token, F.col(number).cast("string")))
