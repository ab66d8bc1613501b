"""Exact counts of friction: changes of channel, ways back and forth, drop-off, attribution; and of identity."""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from services.demo.facts import read_rows
from spark_jobs.lake import tables

_READ = {
    tables.GOLD_TRANSITIONS: ("journey_id", "step", "from_channel", "to_channel", "gap_s"),
    tables.GOLD_JOURNEYS: ("journey_id", "outcome", "loops"),
    tables.GOLD_FUNNEL: ("position", "stage", "journeys", "dropped", "median_s"),
    tables.GOLD_ATTRIBUTION: ("model", "channel", "credit", "share"),
    tables.IDENTITY_PEOPLE: ("person_id", "shared"),
    tables.IDENTITY_QUARANTINE: ("reason", "type"),
}
_JOURNEYS = "SELECT count(*) FROM journeys"
_CHANGES = """
    SELECT from_channel, to_channel, count(*) AS changes, median(gap_s) FROM transitions
    GROUP BY ALL ORDER BY changes DESC, from_channel, to_channel
"""
# Left, entered, and back at once: one row a journey and pair, however often it swings.
_SWINGS = """
    CREATE TEMP TABLE swings AS
    SELECT DISTINCT journey_id, from_channel AS home, to_channel AS away FROM (
        SELECT *, lead(to_channel) OVER (PARTITION BY journey_id ORDER BY step) AS next_channel FROM transitions
    ) WHERE next_channel = from_channel
"""
_BACK_AND_FORTH = """
    SELECT home, away, outcome, count(*) FROM swings JOIN journeys USING (journey_id) GROUP BY ALL ORDER BY ALL
"""
_SWINGING = """
    SELECT outcome, count(*) FROM journeys SEMI JOIN swings USING (journey_id) GROUP BY ALL ORDER BY ALL
"""
_STRAIGHT = "SELECT outcome, count(*) FROM journeys WHERE loops = 0 GROUP BY ALL ORDER BY ALL"
_FUNNEL = "SELECT stage, journeys, dropped, median_s FROM funnel ORDER BY position"
_ATTRIBUTION = "SELECT model, channel, credit, share FROM attribution ORDER BY ALL"
_SIZES = """
    SELECT tokens, count(*) FROM (SELECT count(*) AS tokens FROM people WHERE NOT shared GROUP BY person_id)
    GROUP BY ALL ORDER BY ALL
"""
_QUARANTINED = "SELECT type, reason, count(*) AS tokens FROM quarantine GROUP BY ALL ORDER BY tokens DESC, type, reason"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of channel: how often it was made, and the median of the seconds that lay between."""

    left: str
    entered: str
    count: int
    median_gap_s: float


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """A stage of the way to a purchase: journeys that reached it after all before, and those lost since the last.

    `median_s` is the median of the seconds from the stage before, None for the first or where nobody came.
    """

    stage: str
    journeys: int
    dropped: int
    median_s: float | None


@dataclass(frozen=True, slots=True)
class Movement:
    """Exact counts of one lake; a table that is missing counts as empty.

    `back_and_forth` maps (home, away) to the outcomes of the journeys that left a channel for another one and came
    straight back; `swinging` has the outcomes of all of these, each journey once, `straight` those of journeys
    without any loop. `attribution` maps (model, channel) to (purchases, share); `sizes` maps tokens of a person to
    people; `quarantined` maps (type, reason) to tokens.
    """

    journeys: int = 0
    changes: tuple[Change, ...] = ()
    back_and_forth: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    swinging: dict[str, int] = field(default_factory=dict)
    straight: dict[str, int] = field(default_factory=dict)
    funnel: tuple[FunnelRow, ...] = ()
    attribution: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    quarantined: dict[tuple[str, str], int] = field(default_factory=dict)


def read_movement(lake_root: str) -> Movement:
    """Count what the report draws of friction and identity.

    Args:
        lake_root: The lake's root: a local folder or an s3a:// URL.
    """
    with duckdb.connect(":memory:") as database:
        for table, columns in _READ.items():
            database.register(table.path.partition("/")[2], read_rows(lake_root, table, columns))
        database.execute(_SWINGS)

        def rows(query: str) -> list[tuple[Any, ...]]:
            return list(database.execute(query).fetchall())

        pairs: dict[tuple[str, str], dict[str, int]] = {}
        for home, away, outcome, count in rows(_BACK_AND_FORTH):
            pairs.setdefault((home, away), {})[outcome] = count
        return Movement(
            journeys=rows(_JOURNEYS)[0][0],
            changes=tuple(Change(*row) for row in rows(_CHANGES)),
            back_and_forth=pairs,
            swinging=dict(rows(_SWINGING)),
            straight=dict(rows(_STRAIGHT)),
            funnel=tuple(FunnelRow(*row) for row in rows(_FUNNEL)),
            attribution={(model, channel): (credit, share) for model, channel, credit, share in rows(_ATTRIBUTION)},
            sizes=dict(rows(_SIZES)),
            quarantined={(type_, reason): count for type_, reason, count in rows(_QUARANTINED)},
        )
