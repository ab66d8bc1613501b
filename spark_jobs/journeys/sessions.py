"""silver.events → gold.sessions: a person's events without a pause."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.people_of_events import with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE)
OUTPUT = tables.GOLD_SESSIONS
OUTPUTS = (OUTPUT,)

GAP = timedelta(minutes=30)


def build_sessions(events: DataFrame, gap: timedelta = GAP) -> DataFrame:
    """One row a session: events of a person, on whatever channel, each less than `gap` after the one before.

    A late event can join two sessions or open a new one; the result is that of all events at once.
    `events` must have passed `with_person`.
    """
    in_order = F.struct("event_at", "event_id")
    of_person = Window.partitionBy("person_id").orderBy("event_at", "event_id")
    return (
        events.withColumn("opens", paused(F.lag("event_at").over(of_person), F.col("event_at"), gap))
        .withColumn("stretch", running_count(F.col("opens"), of_person))
        .groupBy("person_id", "stretch")
        .agg(
            F.min(in_order).alias("first"),
            F.max("event_at").alias("ended_at"),
            F.sort_array(F.collect_set("channel")).alias("channels"),
            F.count("*").alias("events"),
            F.min_by("channel", in_order).alias("first_channel"),
            F.max_by("channel", in_order).alias("last_channel"),
        )
        .withColumns(
            {
                "session_id": hashed_id("session", F.col("person_id"), F.col("first.event_id")),
                "started_at": F.col("first.event_at"),
            }
        )
        .select(*OUTPUT.schema.names)
    )


def paused(before: Column, after: Column, gap: timedelta) -> Column:
    """Whether `gap` or more lies between two timestamps; false if either is null."""
    pause = F.unix_micros(after) - F.unix_micros(before)
    return F.coalesce(pause >= int(gap.total_seconds() * 1_000_000), F.lit(False))


def running_count(condition: Column, in_order: WindowSpec) -> Column:
    """How many rows up to this one, in the window's order, meet the condition."""
    return F.sum(F.when(condition, 1).otherwise(0)).over(in_order)


def hashed_id(kind: str, person_id: Column, first_event_id: Column) -> Column:
    """A stable id: `kind.` and 128 bits of the SHA-256 of two keyed pseudonyms."""
    return F.concat(F.lit(f"{kind}."), F.substring(F.sha2(F.concat_ws("|", person_id, first_event_id), 256), 1, 32))


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build all sessions."""
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(lake.read(tables.IDENTITY_PEOPLE)))
    return (lake.sync(OUTPUT, build_sessions(events)),)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("sessions", main)
