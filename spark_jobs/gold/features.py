"""silver → gold.features: what was known of a conversation at each message of the customer."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from spark_jobs.gold.moments import COLUMNS, EVENT_COLUMNS, build_moments
from spark_jobs.identity.people_of_events import build_withdrawn, with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS)
OUTPUT = tables.GOLD_FEATURES
OUTPUTS = (OUTPUT,)

EVENTS_OF_TASK = 500_000
"""About so many events are built at once: a task holds them in memory, some hundred bytes each."""

_MOMENTS = pa.schema([OUTPUT.schema.field(name) for name in COLUMNS])


def build_features(
    events: DataFrame, conversations: DataFrame, seen_until: datetime | None, tasks: int = 2
) -> DataFrame:
    """One row for each message of the customer, in conversations of people who did not withdraw analytics.

    `moments.build_moments` says what is known at each; consent and labels look further. A conversation is its owner's
    with all its events. The graph of people is that of today. `events` must have passed `with_person`.

    Args:
        events: All events.
        conversations: Rows of silver.conversations.
        seen_until: The newest event of all; None if there is none.
        tasks: Into how many parts people are dealt.
    """
    owners = conversations.select("conversation_id", F.col("person_id").alias("owner"))
    moments = (
        events.join(owners, on="conversation_id", how="left")
        .withColumn("person_id", F.coalesce("owner", "person_id"))
        .select(*EVENT_COLUMNS)
        .repartition(tasks, "person_id")
        .mapInArrow(_of_part(seen_until), from_arrow_schema(_MOMENTS))
    )
    return (
        moments.join(build_withdrawn(events, "analytics"), on="person_id", how="left_anti")
        .transform(lambda m: _with_consent(m, events))
        .select(*OUTPUT.schema.names)
    )


def _of_part(seen_until: datetime | None) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    # Spark hands out times without their zone; the session's is UTC.
    until = None if seen_until is None else seen_until.replace(tzinfo=UTC)

    def build(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        there = list(batches)
        if there:
            events = pl.DataFrame(pa.Table.from_batches(there)).cast(EVENT_COLUMNS)  # type: ignore[arg-type]
            yield from build_moments(events, until).to_arrow().cast(_MOMENTS).to_batches()

    return build


def _with_consent(moments: DataFrame, events: DataFrame) -> DataFrame:
    """Add may_learn: all messages of the conversation allow it and its person did not withdraw it."""
    stopped = build_withdrawn(events, "learning").withColumn("stopped", F.lit(True))
    allowed = (
        events.where("conversation_id IS NOT NULL AND party = 'customer'")
        .groupBy("conversation_id")
        .agg(F.min(F.array_contains("purposes", "learning")).alias("learns"))
    )
    return (
        moments.join(allowed, on="conversation_id", how="inner")
        .join(stopped, on="person_id", how="left")
        .withColumn("may_learn", F.coalesce("learns", F.lit(False)) & F.col("stopped").isNull())
    )


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build the features of all conversations."""
    people = lake.read(tables.IDENTITY_PEOPLE)
    events = lake.read(tables.SILVER_EVENTS).transform(with_person(people)).persist()
    try:
        count, seen_until = events.agg(F.count("*"), F.max("event_at")).collect()[0]
        conversations = lake.read(tables.SILVER_CONVERSATIONS)
        tasks = max(2, count // EVENTS_OF_TASK)
        return (lake.sync(OUTPUT, build_features(events, conversations, seen_until, tasks)),)
    finally:
        events.unpersist()


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("features", main)
