"""Builders of bronze rows, as the lander writes them: `an_event().in_chat("c").saying("…").row()`."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from spark_jobs.lake.tables import BRONZE_EVENTS

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Row = dict[str, Any]


def token(type_: str, name: str) -> dict[str, str]:
    """A token as the collector would make one; `name` stands for the keyed hash."""
    return {"type": type_, "token": f"{type_}.1.{name}"}


@dataclass(frozen=True)
class EventBuilder:
    """An event of a web page view at `START`, changed by its methods; each returns a new builder."""

    event_id: str
    channel: str = "web"
    event_type: str = "page_viewed"
    at: datetime = START
    received_after: timedelta = timedelta(seconds=1)
    identifiers: tuple[dict[str, str], ...] = ()
    conversation: str | None = None
    purposes: tuple[str, ...] = ("service", "analytics", "learning")
    context: Row = field(default_factory=dict)
    body: Row = field(default_factory=lambda: {"url": "https://shop.example/start"})

    def by(self, **tokens: str) -> "EventBuilder":
        """Names the customer: by(customer="a", phone="b")."""
        return replace(self, identifiers=tuple(token(t, name) for t, name in tokens.items()))

    def after(self, **delta: float) -> "EventBuilder":
        """At `START` plus a time: after(minutes=3)."""
        return replace(self, at=START + timedelta(**delta))

    def on(self, channel: str) -> "EventBuilder":
        return replace(self, channel=channel)

    def allowing(self, *purposes: str) -> "EventBuilder":
        return replace(self, purposes=purposes)

    def of(self, event_type: str, **body: Any) -> "EventBuilder":
        return replace(self, event_type=event_type, body=body)

    def in_chat(self, conversation: str, channel: str = "chat") -> "EventBuilder":
        return replace(self, conversation=f"conversation.1.{conversation}", channel=channel)

    def saying(self, text: str, party: str = "customer", **more: Any) -> "EventBuilder":
        return self.of("message_sent", party=party, text=text, **more)

    def row(self, journal_id: str = "journal-1", sequence: int = 1) -> Row:
        """The bronze row."""
        received_at = self.at + self.received_after
        return {
            "event_id": f"event.1.{self.event_id}",
            "source": "tests",
            "channel": self.channel,
            "event_type": self.event_type,
            "occurred_at": self.at,
            "received_at": received_at,
            "received_date": received_at.date(),
            "identifiers": list(self.identifiers),
            "conversation_id": self.conversation,
            "purposes": list(self.purposes),
            "context": json.dumps(self.context),
            "body": json.dumps(self.body, ensure_ascii=False),
            "emotion": None,
            "journal_id": journal_id,
            "sequence": sequence,
        }


_numbers = iter(range(1_000_000_000))


def an_event(event_id: str | None = None) -> EventBuilder:
    """An event with an id of its own, or the given one."""
    return EventBuilder(event_id or f"e{next(_numbers):09d}")


def rows_of(events: Iterable[EventBuilder]) -> list[Row]:
    """Bronze rows in one journal, in the order given."""
    return [event.row(sequence=number) for number, event in enumerate(events, start=1)]


def write_bronze(root: Path | str, rows: list[Row], batches: int = 1) -> None:
    """Append rows to bronze the way the lander does: with delta-rs, in batches."""
    for start in range(batches):
        batch = pa.Table.from_pylist(rows[start::batches], BRONZE_EVENTS.schema)
        write_deltalake(
            f"{root}/{BRONZE_EVENTS.path}",
            batch,
            mode="append",
            partition_by=list(BRONZE_EVENTS.partition_by),
            configuration=BRONZE_EVENTS.properties,
        )


def a_busy_month(people: int, seed: int = 1) -> list[EventBuilder]:
    """About 12 events a person: browsing, buying, chats with a bot that some leave for a human, surveys.

    A tenth share a phone with a neighbour; cookies come before the log-in that names the customer.
    """
    chance = random.Random(seed)
    return [event for number in range(people) for event in _a_persons_month(number, chance)]


def _a_persons_month(number: int, chance: random.Random) -> Iterable[EventBuilder]:
    name = f"p{number:06d}"
    phone = f"p{number - number % 2:06d}" if chance.random() < 0.1 else name
    ids = iter(range(1000))
    hour = chance.random() * 24 * 28

    def event(minutes: float) -> EventBuilder:
        return an_event(f"{name}-{next(ids):03d}").after(hours=hour, minutes=minutes)

    yield event(0).by(cookie=name)
    yield event(2).by(cookie=name, customer=name)
    yield event(3).by(customer=name).of("searched", query="shoes")
    if chance.random() < 0.5:
        yield event(9).by(customer=name, device=name).on("app").of("order_placed", order_id="order.1.x")
        yield (
            event(10).by(device=name).on("app").of("payment_made", status="succeeded", amount={"amount_minor": 19900})
        )
    for chat in range(chance.choice((1, 1, 2))):
        yield from _a_chat(f"{name}-{chat}", event, 60.0 + 4000 * chat, (name, phone), chance)
    if chance.random() < 0.05:
        yield event(9000).by(customer=name).of("consent_changed", withdrawn=["analytics"])


def _a_chat(name: str, event: Any, start: float, who: tuple[str, str], chance: random.Random) -> Iterable[EventBuilder]:
    chinese = chance.random() < 0.6
    upset = chance.random() < 0.35
    said = (
        ("我要投诉，太慢了，转人工！" if upset else "请问什么时候发货？")
        if chinese
        else ("this is useless, let me talk to an agent" if upset else "when does it ship?")
    )
    minute = start
    for turn in range(chance.randint(1, 3)):
        yield event(minute).in_chat(name).by(customer=who[0], phone=who[1]).saying(said, turn=2 * turn + 1)
        minute += chance.random() * 2 + (2 if upset else 0)
        yield (
            event(minute)
            .in_chat(name)
            .by(customer=who[0])
            .saying("好的" if chinese else "ok", "bot", turn=2 * turn + 2)
        )
        minute += 1
    if chance.random() < (0.8 if upset else 0.1):
        yield event(minute).in_chat(name).by(customer=who[0]).of("conversation_transferred", to_party="agent")
        yield event(minute + 1).in_chat(name).by(customer=who[0]).saying("我来帮您", "agent")
    yield event(minute + 4).in_chat(name).by(customer=who[0]).of("conversation_ended", reason="resolved")
    yield (
        event(minute + 5).in_chat(name).by(customer=who[0]).of("feedback_given", kind="csat", score=2 if upset else 5)
    )
