"""From bronze rows to the frames that builders take, in memory."""

from dataclasses import dataclass

import polars as pl
from pyspark.sql import DataFrame, SparkSession

from spark_jobs.identity.decisions import STANDING
from spark_jobs.identity.kinds import EXCLUDE
from spark_jobs.identity.lake_state import to_polars
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.identity.sightings import HOLDINGS, TOKEN, observe
from spark_jobs.identity.state import MATCHES, rows_of_all
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import BRONZE_EVENTS, IDENTITY_PEOPLE
from spark_jobs.silver.conversations import build_conversations
from spark_jobs.silver.refine import build_events
from tests.spark.build import EventBuilder, rows_of


@dataclass(frozen=True)
class Flow:
    """Events with their people, and the conversations made of them."""

    events: DataFrame
    people: DataFrame
    conversations: DataFrame


def flow_of(spark: SparkSession, *events: EventBuilder, shared: tuple[str, ...] = ()) -> Flow:
    """Run refine and conversations; each token is a person of its own, those in `shared` are quarantined."""
    silver = build_events(spark.createDataFrame(rows_of(events), spark_schema(BRONZE_EVENTS))).localCheckpoint()
    seen = observe(to_polars(silver.select("event_id", "event_at", "identifiers")))
    excluded = pl.DataFrame([(token, EXCLUDE, token) for token in shared], schema=STANDING, orient="row")
    alone = rows_of_all(seen.filter(pl.col("kind") == TOKEN), HOLDINGS.to_frame(), MATCHES.to_frame(), excluded)
    people = spark.createDataFrame(alone.people.to_arrow().cast(IDENTITY_PEOPLE.schema)).localCheckpoint()
    with_people = silver.transform(with_person(people)).localCheckpoint()
    return Flow(with_people, people, build_conversations(with_people).localCheckpoint())
