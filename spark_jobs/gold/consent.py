"""Whose events may be learned from, in polars: silver.events and identity.people → people."""

import polars as pl

from spark_jobs.journeys.whose import PEOPLE_COLUMNS, holders, person_ids, persons

EVENT_COLUMNS = ("event_id", "event_at", "identifiers", "purposes", "language", "granted", "withdrawn")
"""The columns of silver.events that tell it."""


def with_person(events: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Add person_id to events, as the journeys have it.

    Args:
        events: With event_id, event_at and identifiers.
        people: With `whose.PEOPLE_COLUMNS`, all rows of identity.people.
    """
    known = holders(people.select(*PEOPLE_COLUMNS))
    return events.with_columns(person_id=person_ids(persons(events, known), events["event_id"], known.names))


def build_consents(events: pl.DataFrame) -> pl.DataFrame:
    """One row a person who did not withdraw analytics: person_id, language, may_learn; sorted.

    `may_learn` says that all events of the person allow learning and that it was not withdrawn. The last consent
    change about a purpose counts; one that both grants and withdraws is a withdrawal. `language` is that of most of
    the person's events, zh where both are as many.

    `events` must be all events, with `EVENT_COLUMNS`, and have passed `with_person`.
    """
    in_chinese, in_english = ((pl.col("language") == language).sum() for language in ("zh", "en"))
    return (
        events.group_by("person_id")
        .agg(
            pl.when(in_chinese >= in_english).then(pl.lit("zh")).otherwise(pl.lit("en")).alias("language"),
            pl.col("purposes").list.contains("learning").fill_null(value=False).all().alias("allowed"),
            _withdrew("learning").alias("stopped"),
            _withdrew("analytics").alias("gone"),
        )
        .filter(~pl.col("gone"))
        .select("person_id", "language", may_learn=pl.col("allowed") & ~pl.col("stopped"))
        .sort("person_id")
    )


def _withdrew(purpose: str) -> pl.Expr:
    """Whether the last consent change about a purpose withdrew it, as in `people_of_events.build_withdrawn`."""
    withdraws = pl.col("withdrawn").list.contains(purpose).fill_null(value=False)
    grants = pl.col("granted").list.contains(purpose).fill_null(value=False)
    changes = withdraws | grants
    last = withdraws.filter(changes).sort_by(
        pl.col("event_at").filter(changes), withdraws.filter(changes), pl.col("event_id").filter(changes)
    )
    return last.last().fill_null(value=False)
