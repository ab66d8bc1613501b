"""Simulated worlds as the tables that journeys are learned from, without collector and Spark."""

from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import write_deltalake

from mangrove.event.v1 import event_pb2 as pb
from services.simulator.evaluation import events_of
from services.simulator.world import World, simulate
from spark_jobs.journeys.tasks import build_people
from spark_jobs.journeys.touches import talks_of, touches
from spark_jobs.journeys.whose import holders, persons
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table

Frames = dict[Table, pl.DataFrame]


def walked(world: World) -> Frames:
    """The tables of a world in which each event names the true person."""
    events = _silver(world)
    people = _filled(tables.IDENTITY_PEOPLE, _people(events))
    known = holders(people)
    built = build_people(touches(events, persons(events, known), talks_of(_talks(events))), known.names)
    steps, journeys = (
        _filled(table, frame)
        for table, frame in ((tables.GOLD_JOURNEY_STEPS, built.steps), (tables.GOLD_JOURNEYS, built.journeys))
    )
    return {
        tables.GOLD_JOURNEY_STEPS: steps,
        tables.GOLD_JOURNEYS: journeys,
        tables.SILVER_EVENTS: events,
        tables.IDENTITY_PEOPLE: people,
    }


def write(root: Path, frames: Frames) -> None:
    """Write tables with delta-rs, replacing what was there."""
    for table, frame in frames.items():
        rows = frame.to_arrow().cast(table.schema)
        write_deltalake(str(root / table.path), rows, mode="overwrite")


def _silver(world: World) -> pl.DataFrame:
    events = events_of(world).with_columns(
        identifiers=pl.concat_list(
            pl.struct(type=pl.lit("customer"), token=pl.format("customer.1.{}", "person_id")),
        ),
    )
    consent = {event.event_id: _consent(event) for event in simulate(world)}
    allowed = pl.DataFrame(
        [(event_id, *lists) for event_id, lists in consent.items()],
        schema={"event_id": pl.String, **dict.fromkeys(("purposes", "granted", "withdrawn"), pl.List(pl.String))},
        orient="row",
    )
    return _filled(tables.SILVER_EVENTS, events.join(allowed, on="event_id", how="left", maintain_order="left"))


def _consent(event: pb.Event) -> tuple[list[str], list[str], list[str]]:
    change = event.consent_changed
    of_each = (event.consent.purposes, change.granted, change.withdrawn)
    granted, *changes = ([pb.Purpose.Name(one).removeprefix("PURPOSE_").lower() for one in some] for some in of_each)
    return (granted, *changes)


def _people(events: pl.DataFrame) -> pl.DataFrame:
    token = events["identifiers"].list.first().struct.field("token").unique().sort()
    return pl.DataFrame({"token": token, "seen_as": token}).with_columns(
        type=pl.lit("customer"),
        person_id=pl.format("person.{}", pl.col("token")),
        shared=pl.lit(value=False),
    )


def _talks(events: pl.DataFrame) -> pl.DataFrame:
    """What journeys read of silver.conversations."""
    talks = events.filter(pl.col("conversation_id").is_not_null()).group_by("conversation_id")
    return talks.agg(
        handed_over_at=pl.col("event_at").filter(pl.col("to_party") == "agent").min(),
        bot_turns=(pl.col("party") == "bot").sum().cast(pl.Int64),
        agent_turns=(pl.col("party") == "agent").sum().cast(pl.Int64),
        outcome=pl.col("end_reason").drop_nulls().last().fill_null("open"),
    ).sort("conversation_id")


def _filled(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """A frame with all columns of a table, null where it has none."""
    schema = pl.DataFrame(pa.Table.from_pylist([], table.schema)).schema
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select(*schema).cast(dict(schema))
