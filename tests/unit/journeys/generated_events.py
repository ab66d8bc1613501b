"""Random events, people and conversations for the kernel, and the same rows in any order."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa

from spark_jobs.journeys.kernel import Built
from spark_jobs.journeys.tasks import build_people
from spark_jobs.journeys.touches import EVENT_COLUMNS, TALK_COLUMNS, talks_of, touches
from spark_jobs.journeys.whose import PEOPLE_COLUMNS, holders, person_ids, persons
from spark_jobs.lake import tables
from spark_jobs.lake.schemas import Table

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CHANNELS = ("web", "app", "chat", "voice", "email", "social", "store")
TYPES = (
    "page_viewed", "clicked", "searched", "cart_changed", "order_placed", "payment_made", "message_sent",
    "conversation_ended", "conversation_transferred", "complaint_filed", "feedback_given", "custom",
)  # fmt: skip


def rows_of(table: Table, rows: list[dict], columns: tuple[str, ...]) -> pl.DataFrame:
    schema = pa.schema([table.schema.field(name) for name in columns])
    return pl.DataFrame(pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema))


def an_event(number: int, at: datetime = START, **more) -> dict:
    """A page view of the customer `a`."""
    blank = {"event_id": f"event.1.{number:06d}", "event_at": at, "channel": "web", "event_type": "page_viewed"}
    return {**blank, "identifiers": [{"type": "customer", "token": "customer.1.a"}], **more}


def a_token(token: str, person: str | None = None, **more) -> dict:
    type_ = token.split(".", maxsplit=1)[0]
    return {"type": type_, "token": token, "seen_as": token, "shared": False, "person_id": person or token, **more}


def some_events(count: int, chance: random.Random, fortnights: int = 1) -> list[dict]:
    """Events of a few people over some fortnights; many fall on the same second, some name nobody."""
    return [_some_event(number, chance, fortnights) for number in range(count)]


def _some_event(number: int, chance: random.Random, fortnights: int) -> dict:
    kind = chance.choice(TYPES)
    names = chance.sample("abcdefg", chance.choice((0, 1, 1, 1, 2)))
    tokens = [{"type": t, "token": f"{t}.1.{name}"} for name in names for t in chance.sample(("customer", "phone"), 1)]
    return an_event(
        number,
        START + timedelta(minutes=15 * chance.randrange(1400 * fortnights)),
        channel=chance.choice(CHANNELS),
        event_type=kind,
        identifiers=sorted(tokens, key=lambda one: (one["type"], one["token"])) or chance.choice(([], None)),
        conversation_id=f"conversation.1.{chance.randrange(9)}" if chance.random() < 0.4 else None,
        party=chance.choice(("customer", "bot", "agent")) if kind == "message_sent" else None,
        end_reason=chance.choice(("resolved", "abandoned", "escalated")) if kind == "conversation_ended" else None,
        payment_status=chance.choice(("succeeded", "failed")) if kind == "payment_made" else None,
        amount_minor=chance.choice((None, 100, 250)) if kind == "payment_made" else None,
    )


def some_people() -> list[dict]:
    """Whose tokens are: two belong to one person, one is shared, one has changed hands."""
    middle = START + timedelta(days=7)
    people = [a_token(f"customer.1.{name}", f"person.{'b' if name == 'a' else name}") for name in "abcdef"]
    people += [a_token(f"phone.1.{name}", f"person.{name}", shared=name == "c") for name in "abce"]
    people.append(a_token("phone.1.d", "person.d", held_until=middle))
    return [*people, {**a_token("phone.1.d", "person.e", held_from=middle), "token": "phone.1.d#2"}]


def some_talks() -> list[dict]:
    return [
        {"conversation_id": f"conversation.1.{n}", "outcome": ("resolved", "open")[n % 2], "bot_turns": n % 3,
         "agent_turns": n % 2, "handed_over_at": START + timedelta(days=n) if n % 4 == 1 else None}
        for n in range(7)
    ]  # fmt: skip


def built_of(
    events: list[dict],
    people: list[dict] | None = None,
    talks: list[dict] | None = None,
    paid_before: dict[str, int] | None = None,
) -> Built:
    """What the kernel builds of rows."""
    known = holders(rows_of(tables.IDENTITY_PEOPLE, people or [a_token("customer.1.a")], PEOPLE_COLUMNS))
    of_talks = talks_of(rows_of(tables.SILVER_CONVERSATIONS, talks or [], TALK_COLUMNS))
    rows = rows_of(tables.SILVER_EVENTS, events, EVENT_COLUMNS)
    touched = touches(rows, persons(rows, known), of_talks)
    return build_people(touched, known.names, paid_before=paid_before)


def owners_of(events: list[dict], people: list[dict]) -> dict[str, str]:
    """Whose each event is, by event id."""
    known = holders(rows_of(tables.IDENTITY_PEOPLE, people, PEOPLE_COLUMNS))
    rows = rows_of(tables.SILVER_EVENTS, events, EVENT_COLUMNS)
    return dict(zip(rows["event_id"], person_ids(persons(rows, known), rows["event_id"], known.names), strict=True))


def content(built: Built) -> dict[str, list[tuple]]:
    """All rows of all tables, in one order whatever the order they were built in."""
    frames = {name: getattr(built, name) for name in ("sessions", "journeys", "steps", "transitions")}
    return {name: sorted(frame.cast({pl.List: pl.List(pl.String)}).rows(), key=repr) for name, frame in frames.items()}
