"""silver.events → identity.*: which token belongs to whom."""

from dataclasses import dataclass

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.decisions import build_standing
from spark_jobs.identity.guards import PERSON_TYPES, UNIQUE, build_quarantine, build_usable_links, enforce_uniqueness
from spark_jobs.identity.holdings import build_holdings, with_holdings
from spark_jobs.identity.people_of_events import person_id_of
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake

INPUTS = (tables.SILVER_EVENTS, tables.IDENTITY_DECISIONS)
OUTPUTS = (
    tables.IDENTITY_LINKS,
    tables.IDENTITY_QUARANTINE,
    tables.IDENTITY_HISTORY,
    tables.IDENTITY_VERSIONS,
    tables.IDENTITY_PEOPLE,
)


def build_sightings(events: DataFrame) -> DataFrame:
    """One row an event that names somebody: event_id, event_at and `tokens`, its distinct person tokens, sorted.

    Null and empty tokens, and types that name no person, are left out: they must never join people.
    """
    person_tokens = F.filter(
        "identifiers", lambda i: i["type"].isin(*PERSON_TYPES) & i["token"].isNotNull() & (i["token"] != "")
    )
    by_token = F.transform(person_tokens, lambda i: F.struct(i["token"].alias("token"), i["type"].alias("type")))
    tokens = F.sort_array(F.array_distinct(by_token)).alias("tokens")
    return events.select("event_id", "event_at", tokens).where("size(tokens) > 0")


def build_tokens(sightings: DataFrame) -> DataFrame:
    """One row a token: token, type, first_seen_at."""
    return (
        sightings.select("event_at", F.inline("tokens"))
        .groupBy("token")
        .agg(F.min("type").alias("type"), F.min("event_at").alias("first_seen_at"))
        .select("token", "type", "first_seen_at")
    )


def build_links(sightings: DataFrame) -> DataFrame:
    """One row a pair of tokens seen together: the smaller first, since when and in how many events."""
    return (
        sightings.where("size(tokens) > 1")
        .select("event_at", "tokens", F.inline("tokens").alias("token_a", "type_a"))
        .select("event_at", "token_a", "type_a", F.inline("tokens").alias("token_b", "type_b"))
        .where("token_a < token_b")
        .groupBy("token_a", "token_b")
        .agg(
            F.min("type_a").alias("type_a"),
            F.min("type_b").alias("type_b"),
            F.min("event_at").alias("first_seen_at"),
            F.count("*").alias("events"),
        )
    )


def build_marked_links(links: DataFrame, used: DataFrame) -> DataFrame:
    """The links, with whether the guards let each join people."""
    return (
        links.join(used.withColumn("used", F.lit(True)), on=["token_a", "token_b"], how="left")
        .withColumn("used", F.coalesce("used", F.lit(False)))
        .select(*tables.IDENTITY_LINKS.schema.names)
    )


def build_people(tokens: DataFrame, components: DataFrame, quarantine: DataFrame, holdings: DataFrame) -> DataFrame:
    """One row a token, or a holding of one that changed hands.

    The person's id comes from the earliest token by (first_seen_at, token). So the id depends on the events alone,
    and survives a rerun, another order and a rebuild. A quarantined token is a person of its own.
    """
    group = Window.partitionBy("component")
    earliest = F.min(F.struct("first_seen_at", "token")).over(group)
    shared = quarantine.select("token", F.lit(True).alias("shared"))
    return (
        tokens.join(components, on="token", how="left")
        .join(shared, on="token", how="left")
        .withColumn("component", F.coalesce("component", "token"))
        .withColumn("person_id", person_id_of(earliest["token"]))
        .withColumn("shared", F.coalesce("shared", F.lit(False)))
        .join(holdings.withColumnsRenamed({"token": "held", "holding": "token"}), on="token", how="left")
        .withColumn("seen_as", F.coalesce("held", "token"))
        .select(*tables.IDENTITY_PEOPLE.schema.names)
    )


def build_history(history: DataFrame, people: DataFrame) -> DataFrame:
    """The history so far and, if a token belongs to somebody else than it says, one version more.

    The state before is folded from the history itself and not taken from identity.people, so that a run
    that stopped between the two writes is made good by the next one.
    """
    latest = Window.partitionBy("token").orderBy(F.desc("version"))
    before = history.withColumn("age", F.row_number().over(latest)).where("age = 1 AND person_id IS NOT NULL")
    next_version = history.agg((F.coalesce(F.max("version"), F.lit(0)) + 1).cast("bigint").alias("version"))
    moved = (
        before.select("token", F.col("person_id").alias("previous_person_id"))
        .join(people.select("token", "person_id"), on="token", how="full")
        .where("NOT (previous_person_id <=> person_id)")
        .crossJoin(F.broadcast(next_version))
    )
    return history.unionByName(moved.select(*history.columns)).select(*tables.IDENTITY_HISTORY.schema.names)


def build_versions(versions: DataFrame, history: DataFrame, events: DataFrame) -> DataFrame:
    """The versions so far and, if the history has one more, since when that one is known.

    That is when its newest event was received: so it depends on no clock of the run.
    """
    known_at = events.agg(F.max("received_at").alias("known_at"))
    fresh = (
        history.groupBy("version")
        .agg(F.count("*").alias("moved"))
        .join(versions, on="version", how="left_anti")
        .crossJoin(F.broadcast(known_at))
    )
    return versions.unionByName(fresh).select(*tables.IDENTITY_VERSIONS.schema.names)


@dataclass(frozen=True, slots=True)
class Graph:
    """The identity graph: rows of identity.links, identity.quarantine and identity.people."""

    links: DataFrame
    quarantine: DataFrame
    people: DataFrame


def resolve(events: DataFrame, decisions: DataFrame) -> Graph:
    """Resolve all tokens of events as the decisions (rows of identity.decisions) want it.

    It acts, because the components do.
    """
    seen = build_sightings(events)
    holdings = build_holdings(seen, UNIQUE).localCheckpoint()
    sightings = seen.transform(lambda seen: with_holdings(seen, holdings))
    standing = build_standing(decisions).localCheckpoint()
    tokens = build_tokens(sightings).localCheckpoint()
    links = build_links(sightings).localCheckpoint()
    quarantine = build_quarantine(links, tokens, standing).localCheckpoint()
    used, components = enforce_uniqueness(build_usable_links(links, quarantine, standing).localCheckpoint(), standing)
    people = build_people(tokens, components, quarantine, holdings).localCheckpoint()
    return Graph(build_marked_links(links, used), quarantine, people)


def main(lake: Lake) -> tuple[Changes, ...]:
    """Resolve all tokens. The history is written before the people, see `build_history`."""
    events = lake.read(tables.SILVER_EVENTS)
    graph = resolve(events, lake.read(tables.IDENTITY_DECISIONS))
    history = build_history(lake.read(tables.IDENTITY_HISTORY), graph.people).localCheckpoint()
    versions = build_versions(lake.read(tables.IDENTITY_VERSIONS), history, events)
    return (
        lake.sync(tables.IDENTITY_LINKS, graph.links),
        lake.sync(tables.IDENTITY_QUARANTINE, graph.quarantine),
        lake.sync(tables.IDENTITY_HISTORY, history),
        lake.sync(tables.IDENTITY_VERSIONS, versions),
        lake.sync(tables.IDENTITY_PEOPLE, graph.people),
    )


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("resolve", main)
