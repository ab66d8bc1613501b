"""What partners ask about."""

from spark_jobs.lake.schemas import BOOL, DATE, INT, STRING, Column, Table
from spark_jobs.lake.tables.person import PERSON

PRIVATE_CONVERSATIONS = Table(
    name="private.conversations",
    meaning="One row a conversation of a known privacy unit, at most 32 a person: what partners ask about.",
    key=("row_token",),
    writer="marts",
    columns=(
        PERSON,
        Column(
            "row_token",
            STRING,
            "the conversation's pseudonym: no sender can choose its order",
            pseudonym=True,
        ),
        Column("day", DATE, "the day it began, UTC"),
        Column("channel", STRING, "the channel it began on"),
        Column("language", STRING, "zh or en"),
        Column("outcome", STRING, "resolved, abandoned, escalated, or open"),
        Column("handed_over", BOOL, "whether a human took over from a bot"),
        Column("turns", INT, "messages, 0 to 200"),
        Column("wait_s", INT, "seconds until the first answer, 0 to 3600; null if none came"),
        Column("satisfaction", INT, "CSAT, 1 to 5; null if not given"),
    ),
)

PRIVATE_JOURNEYS = Table(
    name="private.journeys",
    meaning="One row a journey of a known privacy unit, at most 32 a person: what partners ask about.",
    key=("row_token",),
    writer="marts",
    columns=(
        PERSON,
        Column("row_token", STRING, "the journey's id: no sender can choose its order", pseudonym=True),
        Column("day", DATE, "the day it began, UTC"),
        Column("first_channel", STRING, "the channel it began on"),
        Column("last_channel", STRING, "the channel it ended on"),
        Column("outcome", STRING, "bought, resolved, transferred, escalated or abandoned"),
        Column("channels", INT, "distinct channels, 1 to 7"),
        Column("steps", INT, "steps, 1 to 200"),
        Column("duration_min", INT, "minutes from first to last event, 0 to 43200"),
        Column("amount", INT, "what was paid, whole units of the currency, 0 to 100000; null if nothing"),
    ),
)
