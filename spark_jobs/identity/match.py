"""silver.events → identity.matches: who is likely one person by what the profiles say, from their encodings alone."""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.identity.fuzzy.resolve import resolve_records
from spark_jobs.identity.guards import PERSON_TYPES
from spark_jobs.lake import tables
from spark_jobs.lake.io import Changes, Lake, spark_schema
from spark_jobs.lake.snapshot import rows_of

INPUTS = (tables.SILVER_EVENTS,)
OUTPUTS = (tables.IDENTITY_MATCHES, tables.IDENTITY_MATCH_RUNS)

FEWEST_PROFILES = 100
"""With fewer profiles there are too few pairs of one person to learn from, and no matches are made."""

_METHOD = 1
"""To be raised when profiles are matched in another way: then all are matched again."""

_SILVER = tables.SILVER_EVENTS.name


def build_traits(events: DataFrame) -> DataFrame:
    """One row an encoding: token (the event's strongest, null if it names nobody), type, name, version, order, code.

    `order` says which event is the later one, `code` holds token and filter in base64.
    """
    order = F.struct("event_at", "received_at", "event_id").alias("order")
    named = events.where("traits IS NOT NULL").select(_strongest().alias("who"), order, "traits")
    return named.select("who.token", "who.type", "order", F.inline("traits").alias("name", "version", "code", "filter"))


def _strongest() -> Column:
    """The identifier of the strongest type, of those the smallest token."""
    types = F.array(*map(F.lit, PERSON_TYPES))
    ranked = F.transform(
        F.filter("identifiers", lambda i: i["type"].isin(*PERSON_TYPES)),
        lambda i: F.struct(F.array_position(types, i["type"]).alias("rank"), i["token"], i["type"]),
    )
    return F.array_min(ranked)


def build_profiles(traits: DataFrame) -> DataFrame:
    """One row a token: token, type, version, and entries (name, code, filter): the latest value of each trait.

    An event need not say all that is known. Of several versions of the key only a token's newest counts.
    """
    trait = F.substring_index("name", ".", 1).alias("trait")
    told = (
        traits.where("token IS NOT NULL")
        .groupBy("token", "type", "version", trait, "order")
        .agg(F.collect_list(F.struct("name", "code", "filter")).alias("entries"))
    )
    return (
        told.groupBy("token", "type", "version", "trait")
        .agg(F.max_by("entries", "order").alias("entries"))
        .groupBy("token", "type", "version")
        .agg(F.sort_array(F.flatten(F.collect_list("entries"))).alias("entries"))
        .groupBy("token", "type")
        .agg(F.max_by(F.struct("version", "entries"), "version").alias("newest"))
        .select("token", "type", "newest.version", "newest.entries")
    )


def build_runs(profiles: DataFrame, traits: DataFrame) -> DataFrame:
    """One row a version of the key: what there is to match under it, see `identity.match_runs`."""
    unnamed = traits.where("token IS NULL").groupBy("version").agg(F.count_distinct("order").alias("unnamed"))
    return (
        profiles.groupBy("version")
        .agg(
            F.count("*").alias("profiles"),
            F.bit_xor(F.xxhash64(F.lit(_METHOD), "token", "entries")).alias("fingerprint"),
        )
        .join(unnamed, on="version", how="full")
        .select(
            F.col("version").alias("key_version"),
            F.coalesce("profiles", F.lit(0)).alias("profiles"),
            F.coalesce("unnamed", F.lit(0)).alias("unnamed"),
            (F.coalesce("profiles", F.lit(0)) >= FEWEST_PROFILES).alias("enough"),
            F.coalesce("fingerprint", F.lit(0)).alias("fingerprint"),
        )
    )


def build_records(profiles: DataFrame) -> DataFrame:
    """Profiles as `fuzzy.records.SCHEMA` has them; a record is called by its token."""

    def entries(value: str) -> Column:
        there = F.filter("entries", lambda entry: entry[value].isNotNull())
        return F.map_from_entries(F.transform(there, lambda e: F.struct(e["name"], F.unbase64(e[value]))))

    return profiles.select(
        F.col("token").alias("record_id"), entries("code").alias("tokens"), entries("filter").alias("filters")
    )


def build_matches(groups: DataFrame, profiles: DataFrame) -> DataFrame:
    """One row a token that is not the smallest of its group: the two, their types and the weight."""
    types = profiles.select("token", "type")
    return (
        groups.where("record_id != cluster")
        .selectExpr("cluster AS token_a", "record_id AS token_b", "weight")
        .join(types.withColumnsRenamed({"token": "token_a", "type": "type_a"}), on="token_a", how="inner")
        .join(types.withColumnsRenamed({"token": "token_b", "type": "type_b"}), on="token_b", how="inner")
        .select(*tables.IDENTITY_MATCHES.schema.names)
    )


def match(profiles: DataFrame, versions: Iterable[int]) -> DataFrame:
    """Match the profiles under each of some versions of the key, never those of two. It acts."""
    found = profiles.sparkSession.createDataFrame([], spark_schema(tables.IDENTITY_MATCHES))
    for version in versions:
        of_version = profiles.where(F.col("version") == version)
        found = found.unionByName(build_matches(resolve_records(build_records(of_version)), of_version))
    return found


def main(lake: Lake) -> tuple[Changes, ...]:
    """Match all profiles, unless they are those that were matched last.

    What they are is written last, so that a run that stopped before is made good by the next one.
    """
    made, version = all(map(lake.exists, OUTPUTS)), lake.version(tables.SILVER_EVENTS)
    traits = build_traits(lake.read(tables.SILVER_EVENTS))
    known = lake.read(tables.IDENTITY_MATCH_RUNS)
    if made and (_nothing_told_since(lake) or (known.isEmpty() and traits.select("name").isEmpty())):
        return _unchanged(lake)
    profiles = build_profiles(traits)
    runs = build_runs(profiles, traits).localCheckpoint()
    if made and sorted(runs.collect()) == sorted(known.collect()):
        return _unchanged(lake)
    versions = [run["key_version"] for run in runs.where("enough").orderBy("key_version").collect()]
    matches = match(profiles.localCheckpoint() if versions else profiles, versions)
    return (
        lake.sync(tables.IDENTITY_MATCHES, matches),
        lake.sync(tables.IDENTITY_MATCH_RUNS, runs, reflects={_SILVER: version or 0, "method": _METHOD}),
    )


def _nothing_told_since(lake: Lake) -> bool:
    """Whether no event with traits came or went since the profiles were matched; false if that is not known."""
    reflected = lake.reflected(tables.IDENTITY_MATCH_RUNS)
    if reflected.get("method") != _METHOD:
        return False
    changes = lake.changes(tables.SILVER_EVENTS, int(reflected[_SILVER]))
    return changes is not None and changes.where("traits IS NOT NULL").isEmpty()


def _unchanged(lake: Lake) -> tuple[Changes, ...]:
    return tuple(Changes(table.name, 0, 0, 0, rows_of(lake.root, table)) for table in OUTPUTS)


if __name__ == "__main__":
    from spark_jobs.submit import run_as_script

    run_as_script("match", main)
