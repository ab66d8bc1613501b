"""From sessions to people: how somebody behaves in a session, on average, and how often they come."""

import pandas as pd
import polars as pl

from spark_jobs.lake.snapshot import read_snapshot
from spark_jobs.lake.tables import GOLD_BEHAVIOUR, GOLD_SESSIONS, IDENTITY_PEOPLE, SILVER_EVENTS

PER_SESSION = (
    "duration_s",
    "pages",
    "page_returns",
    "searches",
    "cart_changes",
    "payment_attempts",
    "payments_failed",
    "customer_messages",
    "bot_messages",
    "agent_messages",
    "repeats",
    "bot_repeats",
    "questions",
    "asks_for_human",
    "handovers",
    "complaints",
    "channel_changes",
)
INPUTS = ("sessions", *PER_SESSION)
TABLES = (GOLD_BEHAVIOUR, GOLD_SESSIONS, SILVER_EVENTS, IDENTITY_PEOPLE)
_LEARNING = "learning"


def build_people(sessions: pl.DataFrame) -> pd.DataFrame:
    """One row a person: person_id, as_of (their first session), sessions, and the mean of each count in a session.

    Args:
        sessions: Columns person_id, started_at and those of `PER_SESSION`, one row a session, in any order.
    """
    return (
        sessions.group_by("person_id")
        .agg(
            # A sum of fractions depends on their order; whole microseconds do not.
            *((pl.col(name) * 1_000_000).round().cast(pl.Int64).sum() / 1_000_000 / pl.len() for name in PER_SESSION),
            as_of=pl.col("started_at").min(),
            sessions=pl.len().cast(pl.Float64),
        )
        .sort("as_of", "person_id")
        .select("person_id", "as_of", *INPUTS)
        .to_pandas()
    )


def read_people(lake_root: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the people who may be learned from, and the Delta versions read.

    Raises:
        TableMissing: if a table was not made yet.
    """
    behaviour = read_snapshot(lake_root, GOLD_BEHAVIOUR, ("session_id", "person_id", *PER_SESSION))
    spans = read_snapshot(lake_root, GOLD_SESSIONS, ("session_id", "started_at"))
    events = read_snapshot(lake_root, SILVER_EVENTS, ("event_id", "identifiers", "purposes", "withdrawn"))
    people = read_snapshot(lake_root, IDENTITY_PEOPLE, ("seen_as", "person_id"))
    barred = build_barred(pl.DataFrame(events.rows), pl.DataFrame(people.rows))
    sessions = pl.DataFrame(behaviour.rows).join(pl.DataFrame(spans.rows), on="session_id", how="inner")
    made = build_people(sessions.join(barred, on="person_id", how="anti"))
    versions = {t.name: s.version for t, s in zip(TABLES, (behaviour, spans, events, people), strict=True)}
    return made, versions


def build_barred(events: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """People (person_id) of whom an event does not allow learning, or who ever withdrew it.

    Whoever held a token of such an event is left out, even where the event may be another's: rather one too many than
    one too few. An event that names nobody is a unit of its own, which no segment needs: it is in no session of a
    person.

    Args:
        events: Columns identifiers, purposes, withdrawn of silver.events.
        people: Columns seen_as and person_id of identity.people.
    """
    denies = ~pl.col("purposes").list.contains(_LEARNING).fill_null(False)
    withdraws = pl.col("withdrawn").list.contains(_LEARNING).fill_null(False)
    tokens = (
        events.filter(denies | withdraws)
        .select(pl.col("identifiers").list.explode(empty_as_null=False))
        .drop_nulls()
        .select(seen_as=pl.col("identifiers").struct.field("token"))
        .unique()
    )
    return people.join(tokens, on="seen_as", how="semi").select("person_id").unique()
