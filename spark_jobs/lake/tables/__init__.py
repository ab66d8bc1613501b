"""Every table of the lake, declared once. `docs/data-model.md` is generated from here."""

from spark_jobs.lake.schemas import Table
from spark_jobs.lake.tables.events import BRONZE_EVENTS, QUARANTINE_EVENTS, SILVER_EVENTS
from spark_jobs.lake.tables.identity import (
    IDENTITY_DECISIONS,
    IDENTITY_HISTORY,
    IDENTITY_LINKS,
    IDENTITY_PEOPLE,
    IDENTITY_QUARANTINE,
    IDENTITY_VERSIONS,
)
from spark_jobs.lake.tables.journeys import (
    GOLD_JOURNEY_STEPS,
    GOLD_JOURNEYS,
    GOLD_SESSIONS,
    GOLD_TRANSITIONS,
    SILVER_CONVERSATIONS,
)
from spark_jobs.lake.tables.learning import GOLD_FEATURES, GOLD_PREDICTIONS
from spark_jobs.lake.tables.marts import PRIVATE_CONVERSATIONS, PRIVATE_JOURNEYS

__all__ = [
    "ALL",
    "BRONZE_EVENTS",
    "BY_NAME",
    "GOLD_FEATURES",
    "GOLD_JOURNEYS",
    "GOLD_JOURNEY_STEPS",
    "GOLD_PREDICTIONS",
    "GOLD_SESSIONS",
    "GOLD_TRANSITIONS",
    "IDENTITY_DECISIONS",
    "IDENTITY_HISTORY",
    "IDENTITY_LINKS",
    "IDENTITY_PEOPLE",
    "IDENTITY_QUARANTINE",
    "IDENTITY_VERSIONS",
    "PRIVATE_CONVERSATIONS",
    "PRIVATE_JOURNEYS",
    "QUARANTINE_EVENTS",
    "SILVER_CONVERSATIONS",
    "SILVER_EVENTS",
]

ALL: tuple[Table, ...] = (
    BRONZE_EVENTS,
    QUARANTINE_EVENTS,
    SILVER_EVENTS,
    IDENTITY_LINKS,
    IDENTITY_QUARANTINE,
    IDENTITY_PEOPLE,
    IDENTITY_HISTORY,
    IDENTITY_VERSIONS,
    IDENTITY_DECISIONS,
    SILVER_CONVERSATIONS,
    GOLD_SESSIONS,
    GOLD_JOURNEYS,
    GOLD_JOURNEY_STEPS,
    GOLD_TRANSITIONS,
    GOLD_FEATURES,
    GOLD_PREDICTIONS,
    PRIVATE_CONVERSATIONS,
    PRIVATE_JOURNEYS,
)

BY_NAME = {table.name: table for table in ALL}
