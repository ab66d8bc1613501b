"""What Spark's tasks do for journeys: deal events out by person, then build everything of some people.

Rows never cross to Spark: tasks read the data files themselves and hand over to each other through files in a work
folder below the lake's root, that all of them must reach.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from spark_jobs.journeys.increment import FOUND_COLUMNS, Search, Wanted, found
from spark_jobs.journeys.kernel import ENDS, OUTPUTS, Built, build
from spark_jobs.journeys.runs import NEVER, Numbers
from spark_jobs.journeys.touches import EVENT_COLUMNS, TALK_COLUMNS, in_order, talks_of, touches
from spark_jobs.journeys.whose import (
    NOBODY,
    PEOPLE_COLUMNS,
    Holders,
    holders,
    naming,
    person_ids,
    persons,
    tokens_of,
)
from spark_jobs.lake import tables
from spark_jobs.lake.files import Part, Rows, read_all, read_rows, write_part
from spark_jobs.lake.schemas import Table

SLICE = 125_000
"""Rows of a data file, about: files are slices of time, so that an increment rewrites few of them."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What every task looks up: the data files of identity.people and of silver.conversations, at one version each."""

    people: list[Rows]
    conversations: list[Rows]


@dataclass(frozen=True, slots=True)
class Dealing:
    """Read a share of the events and deal them out to so many buckets of people, into a folder of work."""

    share: list[Rows]
    lists: Lists
    wanted: Wanted | None
    buckets: int
    folder: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """Build everything of the people of a bucket from files with their events.

    `paid_before` as `kernel.build` has it; of `people`, if not None, rows that are settled are not written.
    """

    files: list[str]
    buckets: int
    names: list[Rows]
    paid_before: Mapping[str, int]
    people: pl.DataFrame | None
    root: str


def deal(task: Dealing) -> list[tuple[int, str]]:
    """Deal events out: the buckets that got some, and the file with them, as often as there are files."""
    people = read_all(tables.IDENTITY_PEOPLE, task.lists.people, PEOPLE_COLUMNS)
    talks = talks_of(read_all(tables.SILVER_CONVERSATIONS, task.lists.conversations, TALK_COLUMNS))
    dealt = []
    for events, person in _whole(task.share, people) if task.wanted is None else _some(task.share, people, task.wanted):
        for bucket, rows in _parted(touches(events, person, talks), task.buckets):
            path = f"{task.folder}/{uuid.uuid4()}.arrow"
            rows.lazy().sink_ipc(path, mkdir=True)
            dealt.append((bucket, path))
    return dealt


def _whole(share: list[Rows], people: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, Numbers]]:
    """All events of a share, in stretches, and whose they are."""
    known = holders(people)
    for stretch in share:
        events = read_rows(tables.SILVER_EVENTS, stretch, EVENT_COLUMNS)
        yield events, persons(events, known)


def _some(share: list[Rows], people: pl.DataFrame, wanted: Wanted) -> Iterator[tuple[pl.DataFrame, Numbers]]:
    """The events of a share that are wanted, and whose they are."""
    named = []
    for stretch in share:
        events = read_rows(tables.SILVER_EVENTS, stretch, EVENT_COLUMNS)
        of_nobody = events["event_id"].is_in(wanted.of_nobody.implode()).to_numpy()
        until = events["event_at"].to_physical().max()
        tokens = wanted.tokens.filter(pl.col("since") <= until)["seen_as"]
        named.append(events.filter(pl.Series(of_nobody | naming(events, tokens))))
    events = pl.concat(named)
    known = holders(people, tokens_of(events))
    person = persons(events, known)
    at = events["event_at"].to_physical().to_numpy()
    of_nobody = events["event_id"].is_in(wanted.of_nobody.implode()).to_numpy()
    there = np.where(person == NOBODY, of_nobody, _since(wanted, known)[person] <= at)
    yield events.filter(pl.Series(there)), person[there]


def _since(wanted: Wanted, known: Holders) -> Numbers:
    """Since when events of each person, by number, are wanted."""
    numbers = known.tokens["person"].unique()
    numbered = pl.DataFrame({"n": numbers, "person_id": known.names.gather(numbers)}).join(
        wanted.people, on="person_id"
    )
    since = np.full(len(known.names) + 1, NEVER)
    since[numbered["n"].to_numpy()] = numbered["since"].to_numpy()
    return since


def _parted(rows: pl.DataFrame, buckets: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of each bucket: people by their number, events of nobody by their place."""
    person = rows["person"].to_numpy()
    bucket = np.where(person == NOBODY, np.arange(len(person)), person) % buckets
    for number in range(buckets):
        there = bucket == number
        if there.any():
            yield number, rows.filter(pl.Series(there))


def build_bucket(task: Bucket) -> list[list[Part]]:
    """Build and write everything of a bucket: the data files of each table of `OUTPUTS`."""
    names = read_all(tables.IDENTITY_PEOPLE, task.names, ("person_id",))["person_id"]
    built = build_people(pl.scan_ipc(task.files).collect(), names, task.buckets, task.paid_before)
    frames = [built.sessions, built.journeys, built.steps, built.transitions]
    if task.people is not None:
        frames = [rows.filter(_can_differ(rows, task.people)) for rows in frames]
    return [
        [write_part(task.root, table, part) for part in _slices(rows)]
        for table, rows in zip(OUTPUTS, frames, strict=True)
    ]


def _can_differ(rows: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    settled = rows.select("person_id").join(people, on="person_id", how="left", maintain_order="left")["settled"]
    return (rows[ENDS].to_physical() >= settled).fill_null(False)


def _slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    slices = len(rows) // SLICE
    if slices <= 1:
        if len(rows):
            yield rows
        return
    at = rows[ENDS].to_physical().to_numpy()
    edges = np.quantile(at[:: max(1, len(at) // 10_000)], np.arange(1, slices) / slices)
    place = np.searchsorted(edges, at)
    for number in range(slices):
        there = place == number
        if there.any():
            yield rows.filter(pl.Series(there))


def build_people(
    rows: pl.DataFrame, names: pl.Series, buckets: int = 1, paid_before: Mapping[str, int] | None = None
) -> Built:
    """Build everything of people from their events, in any order.

    Args:
        rows: The events, of `touches`.
        names: The person ids by number.
        buckets: Every how manieth number occurs.
        paid_before: As `kernel.build` has it.
    """
    person = rows["person"].to_numpy()
    nobody = person == NOBODY
    # Numbers must be small for a fast order, and each event of nobody is a person of its own.
    close = np.where(nobody, len(names) // buckets + np.cumsum(nobody), person // buckets)
    ordered = in_order(rows.with_columns(person=pl.Series(close), named=pl.Series(person)))

    def name_of(places: Numbers) -> pl.Series:
        at = pl.Series(places)
        return person_ids(ordered["named"].gather(at).to_numpy(), ordered["event_id"].gather(at), names)

    return build(ordered, name_of, paid_before)


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Take the rows that are built again of people, as `Wanted` has them, out of data files of a table."""

    root: str
    table: Table
    begins: str
    files: list[Rows]
    people: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Data files without some of their rows: those, and the rest as a new file; none if there is no rest."""

    gone: pl.DataFrame
    rest: list[Part]


def rewrite(task: Rewriting) -> Rewritten | None:
    """Write the rest of files anew, as one; None if nothing is to be taken out."""
    rows = read_all(task.table, task.files, task.table.schema.names)
    since = rows.select("person_id").join(task.people, on="person_id", how="left", maintain_order="left")["since"]
    gone = (since <= rows[task.begins].to_physical()).fill_null(False) & _can_differ(rows, task.people)
    if not gone.any():
        return None
    rest = rows.filter(~gone)
    return Rewritten(rows.filter(gone), [write_part(task.root, task.table, rest)] if len(rest) else [])


@dataclass(frozen=True, slots=True)
class Finding:
    """Look through a share of the events."""

    share: list[Rows]
    wanted: Search


def find(task: Finding) -> pl.DataFrame:
    """The events that are looked for."""
    read = (read_rows(tables.SILVER_EVENTS, stretch, FOUND_COLUMNS) for stretch in task.share)
    return pl.concat([found(events, task.wanted) for events in read])
