"""silver and gold → private.*: the bounded person-level rows behind private answers."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.people_of_events import build_withdrawn, with_person
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake, Reflected
from spark_jobs.lake.schemas import Table
from spark_jobs.lake.snapshot import IDENTITY_VERSION

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS, tables.GOLD_JOURNEYS)
OUTPUTS = (tables.PRIVATE_CONVERSATIONS, tables.PRIVATE_JOURNEYS)

MAX_ROWS_A_PERSON = 32


def build_units(events: DataFrame, people: DataFrame) -> DataFrame:
    """The privacy units (person_id) partners may ask about: known people who did not withdraw analytics.

    A shared token stands for nobody knows how many people, and an event that names nobody for one more
    unit of somebody who may have one already: neither can bound what a person contributes.
    """
    known = people.where("NOT shared").select("person_id").distinct()
    return known.join(build_withdrawn(events, "analytics"), on="person_id", how="left_anti")


def build_private_conversations(conversations: DataFrame, units: DataFrame) -> DataFrame:
    """Conversations of the units, clipped to the declared bounds, at most 32 a person."""
    return (
        conversations.join(units, on="person_id", how="left_semi")
        .withColumns(
            {
                "row_token": F.col("conversation_id"),
                "day": F.to_date("started_at"),
                "handed_over": F.col("handed_over_at").isNotNull(),
                "turns": _clip(F.col("turns"), 0, 200),
                "wait_s": _clip(F.round("first_wait_s"), 0, 3600),
                "satisfaction": _clip(F.col("csat"), 1, 5),
            }
        )
        .transform(_bounded)
        .select(*tables.PRIVATE_CONVERSATIONS.schema.names)
    )


def build_private_journeys(journeys: DataFrame, units: DataFrame) -> DataFrame:
    """Journeys of the units, clipped to the declared bounds, at most 32 a person."""
    minutes = (F.unix_micros("ended_at") - F.unix_micros("started_at")) / F.lit(60e6)
    return (
        journeys.join(units, on="person_id", how="left_semi")
        .withColumns(
            {
                "row_token": F.col("journey_id"),
                "day": F.to_date("started_at"),
                "channels": _clip(F.col("channels"), 1, 7),
                "steps": _clip(F.col("steps"), 1, 200),
                "duration_min": _clip(F.round(minutes), 0, 43_200),
                "amount": _clip(F.round(F.col("amount_minor") / F.lit(100)), 0, 100_000),
            }
        )
        .transform(_bounded)
        .select(*tables.PRIVATE_JOURNEYS.schema.names)
    )


def _clip(number: Column, low: int, high: int) -> Column:
    """The number as an integer inside its bounds; null stays null, where greatest and least would not."""
    return F.when(number.isNotNull(), F.greatest(F.lit(low), F.least(F.lit(high), number)).cast("bigint"))


def _bounded(rows: DataFrame) -> DataFrame:
    by_token = Window.partitionBy("person_id").orderBy("row_token")
    return rows.withColumn("place", F.row_number().over(by_token)).where(F.col("place") <= MAX_ROWS_A_PERSON)


def _reflects(lake: Lake, source: Table) -> Reflected:
    """The version of the identity graph that a table's people are of: that which its own job read, not the newest."""
    people = lake.reflected(source).get(tables.IDENTITY_PEOPLE.name)
    said = {} if people is None else lake.reflected(tables.IDENTITY_PEOPLE, int(people))
    return {name: version for name, version in said.items() if name == IDENTITY_VERSION}


def main(lake: Lake) -> tuple[Changes, ...]:
    """Build both marts, each of which says of which version of the identity graph its people are."""
    people = lake.read(tables.IDENTITY_PEOPLE)
    events = lake.read(tables.SILVER_EVENTS).where("event_type = 'consent_changed'").transform(with_person(people))
    units = build_units(events, people).persist()
    try:
        return (
            lake.sync(
                tables.PRIVATE_CONVERSATIONS,
                build_private_conversations(lake.read(tables.SILVER_CONVERSATIONS), units),
                reflects=_reflects(lake, tables.SILVER_CONVERSATIONS),
            ),
            lake.sync(
                tables.PRIVATE_JOURNEYS,
                build_private_journeys(lake.read(tables.GOLD_JOURNEYS), units),
                reflects=_reflects(lake, tables.GOLD_JOURNEYS),
            ),
        )
    finally:
        units.unpersist()


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("marts", main)
