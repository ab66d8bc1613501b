"""gold.journey_steps, gold.journeys → gold.attribution: which channels a purchase is owed to, by six models."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.journeys.paths import build_visits
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.GOLD_JOURNEY_STEPS, tables.GOLD_JOURNEYS)
OUTPUT = tables.GOLD_ATTRIBUTION
OUTPUTS = (OUTPUT,)

HALF_LIFE = timedelta(days=7)
START, BOUGHT, LEFT = "(start)", "(bought)", "(left)"

# Sums of doubles depend on the order of the rows, sums of decimals do not.
_EXACT = "decimal(28, 12)"


def build_touches(steps: DataFrame, journeys: DataFrame) -> DataFrame:
    """The steps that can have led to a purchase: journey_id, step, channel, started_at, bought, bought_at.

    Of a journey that bought these are the steps before the first payment, or the paying step itself if it was the
    first; of any other journey all steps.
    """
    first_paying = F.min_by(F.struct("step", "started_at"), "step").alias("p")
    paying = steps.where("stage = 'pay'").groupBy("journey_id").agg(first_paying)
    return (
        steps.join(journeys.select("journey_id", (F.col("outcome") == "bought").alias("bought")), on="journey_id")
        .join(paying, on="journey_id", how="left")
        .where("NOT bought OR p IS NULL OR step < p.step OR (step = 1 AND p.step = 1)")
        .select("journey_id", "step", "channel", "started_at", "bought", F.col("p.started_at").alias("bought_at"))
    )


def build_credits(touches: DataFrame) -> DataFrame:
    """One row a model and channel (model, channel, credit) for the models that weigh each journey by itself.

    Each purchase is one credit. First and last touch take all of it, linear shares it among the steps, time decay
    too, each half as much as one seven days later; Shapley shares it among the distinct channels, which is its value
    for the game where a set of channels is worth the purchases that it suffices for (Zhao, Mahboobi, Bagheri:
    Shapley Value Methods for Attribution Modeling in Online Advertising, 2018, section 3.2).
    """
    journey = Window.partitionBy("journey_id")
    in_order = journey.orderBy("step").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    until = F.coalesce("bought_at", F.max("started_at").over(journey))
    age_s = (F.unix_micros("until") - F.unix_micros("started_at")) / 1e6
    weights: dict[str, Column] = {
        "first": (F.col("step") == F.min("step").over(journey)).cast("double"),
        "last": (F.col("step") == F.max("step").over(journey)).cast("double"),
        "linear": 1 / F.count("*").over(journey),
        "time_decay": F.col("decay") / F.sum("decay").over(in_order),
        "shapley": 1 / (F.count("*").over(Window.partitionBy("journey_id", "channel")) * F.col("distinct")),
    }
    return (
        touches.where("bought")
        .withColumns({"until": until, "distinct": F.size(F.collect_set("channel").over(journey))})
        .withColumn("decay", F.pow(F.lit(0.5), age_s / HALF_LIFE.total_seconds()))
        .select("channel", *(weight.alias(name) for name, weight in weights.items()))
        .unpivot(["channel"], list(weights), "model", "weight")
        .groupBy("model", "channel")
        .agg(F.sum(F.col("weight").cast(_EXACT)).cast("double").alias("credit"))
    )


def build_moves(touches: DataFrame) -> DataFrame:
    """How often a journey went from one channel or end to another (origin, target, count), repeats being one."""
    in_order = Window.partitionBy("journey_id").orderBy("step")
    walked = build_visits(touches).withColumn("after", F.lead("channel").over(in_order))
    end = F.when(F.col("bought"), BOUGHT).otherwise(LEFT)
    inner = walked.select("channel", F.coalesce("after", end).alias("target"))
    first = walked.where("before IS NULL").select(F.lit(START).alias("origin"), F.col("channel").alias("target"))
    return first.unionAll(inner.toDF("origin", "target")).groupBy("origin", "target").count()


def removal_effects(moves: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Return each channel's share of the purchases by the removal effect in a first-order Markov chain.

    The effect of a channel is by how much the chance to buy falls when everybody who would come to it leaves instead
    (Anderl, Becker, von Wangenheim, Schumann: Mapping the customer journey, 2016). Shares add up to 1; they are
    all zero where nobody bought.

    Args:
        moves: How often a journey went from one channel to another; START is where it begins, BOUGHT and LEFT where
            it ends.
    """
    channels = sorted({place for move in moves for place in move} - {START, BOUGHT, LEFT})
    whole = _chance_to_buy(moves, channels)
    if not whole:
        return dict.fromkeys(channels, 0.0)
    effects = {gone: 1 - _chance_to_buy(moves, channels, gone) / whole for gone in channels}
    total = sum(effects.values())
    return {channel: effect / total for channel, effect in effects.items()}


def _chance_to_buy(moves: Mapping[tuple[str, str], int], channels: list[str], gone: str = "") -> float:
    places = [START, *(channel for channel in channels if channel != gone)]
    index = {place: number for number, place in enumerate(places)}
    chain, buys = np.zeros((len(places), len(places))), np.zeros(len(places))
    for place, row in index.items():
        left = {target: count for (origin, target), count in moves.items() if origin == place}
        for target, count in left.items():
            if target == BOUGHT:
                buys[row] += count / sum(left.values())
            elif target in index:
                chain[row, index[target]] += count / sum(left.values())
    return float(np.linalg.solve(np.eye(len(places)) - chain, buys)[0])


def build_attribution(credited: DataFrame) -> DataFrame:
    """The credits (model, channel, credit) of all models, with each channel's share of its model's."""
    total = F.sum(F.col("credit").cast(_EXACT)).over(Window.partitionBy("model")).cast("double")
    return credited.withColumn("share", F.round(F.col("credit") / total, 9)).select(*OUTPUT.schema.names)


def main(lake: Lake) -> tuple[Changes, ...]:
    """Attribute all purchases. The Markov chain of a few channels is solved here, from counts."""
    touches = build_touches(lake.read(tables.GOLD_JOURNEY_STEPS), lake.read(tables.GOLD_JOURNEYS)).persist()
    try:
        moves = {(row["origin"], row["target"]): row["count"] for row in build_moves(touches).collect()}
        bought = sum(count for (_, target), count in moves.items() if target == BOUGHT)
        owed = removal_effects(moves).items() if bought else ()
        effects = [("markov", channel, round(share * bought, 9)) for channel, share in owed]
        markov = lake.spark.createDataFrame(effects, "model STRING, channel STRING, credit DOUBLE")
        return (lake.sync(OUTPUT, build_attribution(build_credits(touches).unionByName(markov))),)
    finally:
        touches.unpersist()


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("attribution", main)
