"""gold.journeys, their steps and transitions → gold.paths, gold.funnel, gold.friction: the ways that journeys take."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.GOLD_JOURNEY_STEPS, tables.GOLD_JOURNEYS, tables.GOLD_TRANSITIONS)
OUTPUTS = (tables.GOLD_PATHS, tables.GOLD_FUNNEL, tables.GOLD_FRICTION)

FUNNEL = ("browse", "cart", "order", "pay")
LONGEST = 12
"""Longer paths are cut, and end in an ellipsis: hardly two of them would be alike."""
ARROW, CUT = " › ", "…"


def build_visits(steps: DataFrame) -> DataFrame:
    """The steps that enter a channel: repeats are one. Adds `before`, the channel that was left, null at the start."""
    in_order = Window.partitionBy("journey_id").orderBy("step")
    return steps.withColumn("before", F.lag("channel").over(in_order)).where("NOT before <=> channel")


def build_paths(steps: DataFrame, journeys: DataFrame) -> DataFrame:
    """One row a path: the channels of a journey in order, repeats being one."""
    visits = F.sort_array(F.collect_list(F.struct("step", "channel")))
    cut = F.concat(F.slice("way", 1, LONGEST), F.array(F.lit(CUT)))
    ways = (
        build_visits(steps)
        .groupBy("journey_id")
        .agg(F.transform(visits, lambda visit: visit["channel"]).alias("way"))
        .withColumn("shown", F.when(F.size("way") > LONGEST, cut).otherwise(F.col("way")))
        .select("journey_id", F.array_join("shown", ARROW).alias("path"), F.size("way").alias("length"))
    )
    total = F.sum("journeys").over(Window.partitionBy())
    return (
        ways.join(journeys.select("journey_id", "person_id", "outcome"), on="journey_id")
        .groupBy("path")
        .agg(
            F.min("length").cast("bigint").alias("length"),
            F.count("*").alias("journeys"),
            F.count_distinct("person_id").alias("people"),
            F.count_if(F.col("outcome") == "bought").alias("bought"),
        )
        .withColumn("share", F.round(F.col("journeys") / total, 9))
        .select(*tables.GOLD_PATHS.schema.names)
    )


def build_funnel(steps: DataFrame, stages: Sequence[str] = FUNNEL) -> DataFrame:
    """One row a stage: how many journeys reached it after all the ones before it, and how long after the last.

    A journey reaches a stage at its first step of that stage behind the step with which it reached the one before.
    """
    reached = steps.where(F.col("stage") == stages[0]).groupBy("journey_id", "person_id")
    at = reached.agg(F.min_by(F.struct("step", "started_at"), "step").alias("at_0"))
    for number, stage in enumerate(stages[1:], start=1):
        later = steps.where(F.col("stage") == stage).select("journey_id", "step", "started_at")
        first = (
            at.select("journey_id", F.col(f"at_{number - 1}.step").alias("last"))
            .join(later, on="journey_id")
            .where("step > last")
            .groupBy("journey_id")
            .agg(F.min_by(F.struct("step", "started_at"), "step").alias(f"at_{number}"))
        )
        at = at.join(first, on="journey_id", how="left")
    return _counted(at, stages)


def _counted(at: DataFrame, stages: Sequence[str]) -> DataFrame:
    rows = []
    for number, stage in enumerate(stages):
        here = F.col(f"at_{number}.started_at")
        before = F.col(f"at_{max(number - 1, 0)}.started_at")
        since, first = F.unix_micros(here), F.col("at_0.started_at")
        waited, taken = ((since - F.unix_micros(one)) / 1e6 for one in (before, first))
        rows.append(
            F.struct(
                F.lit(number + 1).cast("bigint").alias("position"),
                F.lit(stage).alias("stage"),
                F.count(here).alias("journeys"),
                F.count_distinct(F.when(here.isNotNull(), F.col("person_id"))).alias("people"),
                (F.count(before) - F.count(here)).alias("dropped"),
                F.median(waited if number else F.lit(None).cast("double")).alias("median_s"),
                F.median(taken if number else F.lit(None).cast("double")).alias("since_first_s"),
            ).alias(f"row_{number}")
        )
    one = at.agg(*rows)
    return one.select(F.inline(F.array(*one.columns))).select(*tables.GOLD_FUNNEL.schema.names)


def build_friction(transitions: DataFrame, journeys: DataFrame) -> DataFrame:
    """One row a pair of channels: how often journeys change from one to the other, and what that costs them."""
    total = journeys.agg(F.count("*").alias("total"))
    back = F.when(F.col("back_and_forth"), F.col("journey_id"))
    return (
        transitions.groupBy("from_channel", "to_channel")
        .agg(
            F.count("*").alias("changes"),
            F.count_distinct("journey_id").alias("journeys"),
            F.count_distinct("person_id").alias("people"),
            F.count_if("returns").alias("returns"),
            F.count_if("back_and_forth").alias("back_and_forths"),
            F.count_distinct(back).alias("looping"),
            F.count_if("same_stage").alias("same_stage"),
            F.count_if("abandoned").alias("abandoned"),
            F.median("gap_s").alias("median_gap_s"),
        )
        .crossJoin(F.broadcast(total))
        .withColumns(
            {
                "share": F.round(F.col("journeys") / F.col("total"), 9),
                "loop_share": F.round(F.col("looping") / F.col("total"), 9),
            }
        )
        .select(*tables.GOLD_FRICTION.schema.names)
    )


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build all paths, the funnel to a purchase and the friction at changes of channel."""
    steps, journeys = lake.read(tables.GOLD_JOURNEY_STEPS), lake.read(tables.GOLD_JOURNEYS)
    return (
        lake.sync(tables.GOLD_PATHS, build_paths(steps, journeys)),
        lake.sync(tables.GOLD_FUNNEL, build_funnel(steps)),
        lake.sync(tables.GOLD_FRICTION, build_friction(lake.read(tables.GOLD_TRANSITIONS), journeys)),
    )


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("paths", main)
