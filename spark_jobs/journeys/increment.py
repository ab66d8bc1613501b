"""Whose journeys must be built again, and since when, after events, people or conversations changed.

What a person did before the journey in which something changed stays as it was: journeys are parted by what lies
before their border, and only a purchase of an earlier journey is looked at, whose time is kept with it. And a row that
ended longer before the change than the longest pause in a journey comes out as it was: nothing that changed belongs to
it, or follows it in its journey at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from spark_jobs.journeys.rules import PAUSE, PAUSE_OF_CHANNEL
from spark_jobs.journeys.sessionisation import micros
from spark_jobs.journeys.touches import EVENT_COLUMNS, TALK_COLUMNS
from spark_jobs.journeys.whose import NOBODY, PEOPLE_COLUMNS, holders, naming, person_ids, persons, tokens_of
from spark_jobs.lake import tables
from spark_jobs.lake.files import Difference

ALWAYS = -(2**62)
"""A moment before all others, in microseconds since 1970."""
FOUND_COLUMNS = ("event_id", "event_at", "identifiers", "conversation_id")
JOURNEY_COLUMNS = ("person_id", "started_at", "ended_at", "paid_at")

_COLUMNS = (EVENT_COLUMNS, PEOPLE_COLUMNS, ("conversation_id", "started_at", *TALK_COLUMNS[1:]))
COLUMNS = {
    table.name: columns
    for table, columns in zip(
        (tables.SILVER_EVENTS, tables.IDENTITY_PEOPLE, tables.SILVER_CONVERSATIONS), _COLUMNS, strict=True
    )
}
"""The columns of each source that journeys are made of."""

_LONGEST_PAUSE = micros(max(PAUSE, *PAUSE_OF_CHANNEL.values()))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose events are wanted, as identity.people has them, and those of nobody, by their ids.

    `people` has person_id; since, the moment since which their events are wanted; and settled: their rows that ended
    before that moment come out as they were. Both are microseconds since 1970. `tokens` has all that these people hold,
    seen_as, and since.
    """

    people: pl.DataFrame
    tokens: pl.DataFrame
    of_nobody: pl.Series


@dataclass(frozen=True, slots=True)
class Search:
    """Events to look for, since a moment, because what is known of them changed: by token and by conversation."""

    tokens: pl.Series
    conversations: pl.Series
    since: int


@dataclass(frozen=True, slots=True)
class Affected:
    """What must be built again, and when these people paid last before that."""

    wanted: Wanted
    paid_before: dict[str, int]


def search(people: Difference, talks: Difference, *, tokens_known: bool, talks_known: bool) -> Search | None:
    """What events to look for; None if only events that are new themselves can be concerned.

    Args:
        people: What changed in identity.people.
        talks: What changed in silver.conversations.
        tokens_known: Whether identity.people had every token of the events that were built before; then tokens that
            are new concern new events only.
        talks_known: Whether silver.conversations had every conversation of these events.
    """
    moved = people.gone if tokens_known else pl.concat([people.gone, people.new])
    changed = talks.gone if talks_known else pl.concat([talks.gone, talks.new])
    if moved.is_empty() and changed.is_empty():
        return None
    since = changed["started_at"].min() if moved.is_empty() else None
    at = ALWAYS if since is None else pl.Series([since]).cast(pl.Datetime("us", "UTC")).to_physical()[0]
    return Search(moved["seen_as"].unique(), changed["conversation_id"].unique(), at)


def found(events: pl.DataFrame, wanted: Search) -> pl.DataFrame:
    """The events that are looked for, with `FOUND_COLUMNS`."""
    in_talk = pl.col("conversation_id").is_in(wanted.conversations.implode()).fill_null(False)
    return events.filter(in_talk | pl.Series(naming(events, wanted.tokens)))


def owners(events: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Whose events are by an identity graph: person_id, at (microseconds) and of nobody's event its event_id."""
    known = holders(people, tokens_of(events))
    person = persons(events, known)
    return pl.DataFrame(
        {
            "person_id": person_ids(person, events["event_id"], known.names),
            "at": events["event_at"].to_physical(),
            "event_id": events["event_id"].set(pl.Series(person != NOBODY), None),
        },
        schema={"person_id": pl.String, "at": pl.Int64, "event_id": pl.String},
    )


def affected(
    changed: Sequence[pl.DataFrame], journeys: Callable[[pl.Series], pl.DataFrame], graph: pl.DataFrame
) -> Affected:
    """Whose journeys must be built again: since the beginning of that in which the first change falls.

    Args:
        changed: Owners of changed events, before and after.
        journeys: Gives the journeys so far of people, with `JOURNEY_COLUMNS`.
        graph: identity.people as it is now, with `PEOPLE_COLUMNS`.
    """
    rows = pl.concat(changed)
    first = rows.group_by("person_id").agg(pl.col("at").min())
    theirs = journeys(first["person_id"]).with_columns(pl.col("started_at", "ended_at", "paid_at").to_physical())
    theirs = theirs.join(first, on="person_id")
    settled = pl.col("at") - _LONGEST_PAUSE
    reached = theirs.filter((pl.col("started_at") <= pl.col("at")) & (pl.col("ended_at") > settled))
    cut = reached.group_by("person_id").agg(since=pl.max("started_at"))
    # Without a journey that reaches so far, everything that changes is since the first change.
    people = first.join(cut, on="person_id", how="left").select(
        "person_id", pl.coalesce("since", "at").alias("since"), settled.alias("settled")
    )
    paid = (
        theirs.join(people, on="person_id")
        .filter(pl.col("started_at") < pl.col("since"))
        .group_by("person_id")
        .agg(pl.col("paid_at").max())
        .drop_nulls()
    )
    theirs_now = graph.filter(pl.col("person_id").is_in(people["person_id"].implode()))
    tokens = theirs_now.join(people, on="person_id").select("seen_as", "since")
    of_nobody = rows["event_id"].drop_nulls().unique()
    return Affected(Wanted(people, tokens, of_nobody), dict(paid.iter_rows()))
