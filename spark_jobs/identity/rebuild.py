"""Resolving everything: Spark says what all events show, one task holds the graph and writes it."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from spark_jobs.identity.decisions import build_standing
from spark_jobs.identity.guards import UNIQUE
from spark_jobs.identity.holdings import HANDED_ON
from spark_jobs.identity.lake_state import event_columns, to_polars
from spark_jobs.identity.sightings import ALIAS, HOLDINGS, LINK, OBSERVED, TOKEN, combine, observe
from spark_jobs.identity.state import find_holdings, find_versions, rows_of_all
from spark_jobs.lake import tables
from spark_jobs.lake.files import Part, write_part
from spark_jobs.lake.io import Lake
from spark_jobs.lake.work import work_folder

_AT_ONCE = 200_000
"""How many events are looked at at once: enough that a frame's cost does not count, little beside the memory."""
_ROWS_OF_FILE = 500_000
_MATCH = "match"


@dataclass(frozen=True, slots=True)
class Graph:
    """The identity graph: data files of identity.links, identity.quarantine and identity.people, in no version yet."""

    links: list[Part]
    quarantine: list[Part]
    people: list[Part]


def resolve(lake: Lake, events: DataFrame, decisions: DataFrame, matches: DataFrame | None = None) -> Graph:
    """Resolve all tokens of events as the decisions (rows of identity.decisions) want it.

    The graph is held in one task.

    Args:
        lake: A lake in which the tables of the graph were made.
        events: Rows of silver.events.
        decisions: Rows of identity.decisions.
        matches: Rows of identity.matches.
    """
    plain = build_observed(events).localCheckpoint()
    holdings = _find_holdings(plain)
    observed = plain if holdings.is_empty() else _as_held(plain, events, holdings).localCheckpoint()
    given = observed.withColumn("weight", F.lit(None).cast("double"))
    if matches is not None:
        given = given.unionByName(
            matches.select(
                F.lit(_MATCH).alias("kind"), F.col("token_a").alias("a"), F.col("token_b").alias("b"), "weight"
            ),
            allowMissingColumns=True,
        )
    return write_graph(lake, given, holdings, build_standing(to_polars(decisions)))


def build_observed(events: DataFrame, holdings: pl.DataFrame | None = None, only: pl.Series | None = None) -> DataFrame:
    """What events show, as rows of `OBSERVED`; see `observe`."""

    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = combine(observe(part, holdings, only) for part in _parts(batches))
        yield from found.to_arrow().cast(schema).to_batches()

    schema = _plain_schema(OBSERVED)
    shown = events.select(*event_columns(events)).mapInArrow(look, from_arrow_schema(schema))
    return shown.groupBy("kind", "a", "b").agg(
        *(F.min(name).alias(name) for name in ("type_a", "type_b", "first_at")),
        F.max("last_at").alias("last_at"),
        F.sum("events").alias("events"),
    )


def write_graph(lake: Lake, observed: DataFrame, holdings: pl.DataFrame, standing: pl.DataFrame) -> Graph:
    """Run the kernel in one task, and write what it gives.

    All tasks hand over to it through files: a row at a time would take as long as the kernel.

    Args:
        lake: A lake in which the tables of the graph were made.
        observed: Rows of `OBSERVED` with `weight`, their tokens called by `holdings`; and matches.
        holdings: Rows of `HOLDINGS`.
        standing: The decisions that count.
    """
    with work_folder(lake, "identity") as folder:

        def spill(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for part in _parts(batches):
                path = f"{folder}/{uuid.uuid4()}.arrow"
                part.lazy().sink_ipc(path, mkdir=True)
                yield pa.RecordBatch.from_pydict({"path": [path]})

        files = [row["path"] for row in observed.mapInArrow(spill, "path STRING").collect()]
        task = _Kernel(lake.root, files, holdings, standing)
        found: list[Graph] = lake.spark.sparkContext.parallelize([task], 1).map(_run).collect()
    return found[0]


@dataclass(frozen=True, slots=True)
class _Kernel:
    """Resolve what files hold, and write it."""

    root: str
    files: list[str]
    holdings: pl.DataFrame
    standing: pl.DataFrame


def _run(task: _Kernel) -> Graph:
    empty = pl.DataFrame(schema={**OBSERVED, "weight": pl.Float64()})
    given = pl.concat([empty, pl.scan_ipc(task.files).collect()]) if task.files else empty
    matched = given.filter(pl.col("kind") == _MATCH).select(
        "weight", pl.col("a").alias("token_a"), pl.col("b").alias("token_b")
    )
    rows = rows_of_all(given.filter(pl.col("kind") != _MATCH).drop("weight"), task.holdings, matched, task.standing)
    outputs = (tables.IDENTITY_LINKS, tables.IDENTITY_QUARANTINE, tables.IDENTITY_PEOPLE)
    return Graph(
        *(
            [write_part(task.root, table, some) for some in found.iter_slices(_ROWS_OF_FILE)] if len(found) else []
            for table, found in zip(outputs, (rows.links, rows.quarantine, rows.people), strict=True)
        )
    )


def build_history(history: pl.DataFrame, people: pl.DataFrame, newest: int) -> pl.DataFrame:
    """The rows of one version more, if a token belongs to somebody else than the history says; else none.

    The state before is folded from the history itself and not taken from identity.people, so that a run
    that stopped between the two writes is made good by the next one.

    Args:
        history: Rows of identity.history: all, or all of some tokens.
        people: Whom the same tokens belong to now (token, person_id); those not in it are gone.
        newest: The newest version there is, 0 if there is none.
    """
    latest = history.sort("version").unique("token", keep="last").filter(pl.col("person_id").is_not_null())
    was = latest.select("token", previous_person_id="person_id")
    return (
        was.join(people.select("token", "person_id"), on="token", how="full", coalesce=True)
        .filter(~pl.col("previous_person_id").eq_missing(pl.col("person_id")))
        .select(pl.lit(newest + 1, pl.Int64).alias("version"), "token", "previous_person_id", "person_id")
    )


def build_versions(versions: pl.DataFrame, history: pl.DataFrame, known_at: datetime) -> pl.DataFrame:
    """The rows that are missing: versions that the history has, and since when they are known.

    That is when the newest event was received: so it depends on no clock of the run.
    """
    return (
        history.join(versions, on="version", how="anti")
        .group_by("version")
        .agg(moved=pl.len().cast(pl.Int64))
        .select("version", pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("known_at"), "moved")
    )


def known_until(events: DataFrame) -> datetime:
    """When the newest of the events was received; 1970 if there is none."""
    newest = to_polars(events.agg(F.max("received_at").alias("at")))["at"].max()
    return newest if isinstance(newest, datetime) else datetime(1970, 1, 1, tzinfo=UTC)


def _find_holdings(plain: DataFrame) -> pl.DataFrame:
    schema = _plain_schema(HOLDINGS)

    def find(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        shown = _frame(batches, _plain_schema(OBSERVED))
        yield from find_holdings(shown, find_versions(shown)).to_arrow().cast(schema).to_batches()

    held = [(F.col(f"type_{one}") == UNIQUE) & F.col(f"type_{other}").isin(*HANDED_ON) for one, other in ("ab", "ba")]
    of_use = plain.where((F.col("kind") == ALIAS) | ((F.col("kind") == LINK) & (held[0] | held[1])))
    found = to_polars(of_use.coalesce(1).mapInArrow(find, from_arrow_schema(schema)))
    return pl.concat([HOLDINGS.to_frame(), found.cast(HOLDINGS)])


def _as_held(plain: DataFrame, events: DataFrame, holdings: pl.DataFrame) -> DataFrame:
    """What events show, with what changed hands called by its holdings."""
    again = holdings["token"].unique()
    tokens = plain.sparkSession.createDataFrame(pa.table({"token": again.to_arrow().cast(pa.string())}))
    seen = plain.where(F.col("kind").isin(TOKEN, LINK))
    for end in ("a", "b"):
        seen = seen.join(F.broadcast(tokens.withColumnRenamed("token", end)), on=end, how="left_anti")
    rest = plain.where(~F.col("kind").isin(TOKEN, LINK))
    return rest.unionByName(seen).unionByName(build_observed(events, holdings, again))


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pl.DataFrame]:
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        if sum(len(one) for one in kept) >= _AT_ONCE:
            yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches(kept)))
            kept = []
    if kept:
        yield pl.DataFrame(pl.from_arrow(pa.Table.from_batches(kept)))


def _frame(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches(list(batches), schema)))


def _plain_schema(schema: Mapping[str, pl.DataType]) -> pa.Schema:
    """The schema as Spark has it: no large strings."""
    arrow = pl.Schema(schema).to_frame().to_arrow().schema
    plain = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in arrow]
    return pa.schema(list(zip(arrow.names, plain, strict=True)))
