"""From bronze rows to the frames that builders take, in memory."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from spark_jobs.identity.guards import UNIQUE
from spark_jobs.identity.holdings import build_holdings
from spark_jobs.identity.people_of_events import with_person
from spark_jobs.identity.resolve import build_people, build_sightings, build_tokens
from spark_jobs.lake.io import spark_schema
from spark_jobs.lake.tables import BRONZE_EVENTS, IDENTITY_QUARANTINE
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
    quarantine = spark.createDataFrame(
        [(token, token.split(".")[0], "", 2) for token in shared], spark_schema(IDENTITY_QUARANTINE)
    )
    nobody_joins = spark.createDataFrame([], "token STRING, component STRING")
    sightings = build_sightings(silver)
    holdings = build_holdings(sightings.limit(0), UNIQUE)
    people = build_people(build_tokens(sightings), nobody_joins, quarantine, holdings).localCheckpoint()
    with_people = silver.transform(with_person(people)).localCheckpoint()
    return Flow(with_people, people, build_conversations(with_people).localCheckpoint())
