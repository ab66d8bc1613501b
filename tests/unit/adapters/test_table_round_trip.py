"""Whatever an event says, a table can say it and the mapping reads it back."""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mangrove.event.v1 import event_pb2 as pb
from services.adapters.account import Mapped
from services.adapters.tables.cells import enum_names
from services.adapters.tables.mapping import TableMapping
from tests.generated import an_event, emails, identifier, mobiles
from tests.unit.adapters.tables import a_mapping, outcomes

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
moments_us = st.integers(946_684_800_000_000, 4_000_000_000_000_000)
ZONE = ZoneInfo("Asia/Shanghai")

bodies = st.one_of(
    st.builds(pb.Searched, query=texts, result_count=st.integers(0, 10**6)).map(lambda b: {"searched": b}),
    st.builds(
        pb.MessageSent,
        party=st.sampled_from([pb.PARTY_CUSTOMER, pb.PARTY_BOT, pb.PARTY_AGENT]),
        text=texts,
        turn=st.integers(0, 100_000),
        emotion=st.builds(pb.Emotion, sentiment=st.floats(-1, 1, allow_subnormal=False).filter(bool)),
    ).map(lambda b: {"message_sent": b}),
    st.builds(
        pb.CartChanged,
        product=names,
        quantity=st.integers(-1000, 1000),
        price=st.builds(pb.Money, amount_minor=st.integers(1, 10**9), currency=st.just("CNY")),
    ).map(lambda b: {"cart_changed": b}),
    st.builds(pb.ConversationStarted).map(lambda b: {"conversation_started": b}),
    st.builds(
        pb.ConsentChanged, granted=st.lists(st.sampled_from([pb.PURPOSE_SERVICE, pb.PURPOSE_LEARNING]), unique=True)
    ).map(lambda b: {"consent_changed": b}),
    st.builds(lambda a, b: pb.Custom(name="n", labels={"a": a, "b": b}), names, names).map(lambda b: {"custom": b}),
)


@st.composite
def events(draw: Callable[..., Any]) -> pb.Event:
    purposes = [pb.PURPOSE_SERVICE, pb.PURPOSE_ANALYTICS, pb.PURPOSE_LEARNING]
    return an_event(
        event_id=draw(names),
        channel=draw(st.sampled_from([pb.CHANNEL_WEB, pb.CHANNEL_CHAT, pb.CHANNEL_STORE])),
        occurred_at_unix_nano=draw(moments_us) * 1000,
        identifiers=[identifier("phone", draw(mobiles)), identifier("email", draw(emails))],
        consent=pb.Consent(purposes=draw(st.lists(st.sampled_from(purposes), min_size=1, unique=True))),
        conversation_id=draw(st.just("") | names),
        context=pb.Context(ip="203.0.113.9", location=pb.Location(latitude=draw(st.floats(1, 90)), longitude=1)),
        **draw(bodies),
    )


FIELDS = {
    "context.ip": "ip",
    "context.location.latitude": "north",
    "context.location.longitude": "east",
    "searched.query": "text",
    "searched.result_count": "count",
    "message_sent.party": {"column": "who", "values": {"Kunde": "customer", "机器人": "bot", "Mensch": "agent"}},
    "message_sent.text": "text",
    "message_sent.turn": "count",
    "message_sent.emotion.sentiment": "mood",
    "cart_changed.product": "text",
    "cart_changed.quantity": "count",
    "cart_changed.price.amount_minor": {"column": "price", "times": 100},
    "cart_changed.price.currency": {"fixed": "CNY"},
    "consent_changed.granted": "granted",
    "custom.name": {"fixed": "n"},
    "custom.labels": {"columns": {"a": "label_a", "b": "label_b"}},
}
PARTIES = {pb.PARTY_CUSTOMER: "Kunde", pb.PARTY_BOT: "机器人", pb.PARTY_AGENT: "Mensch"}
CHANNEL_NAMES = {number: name for name, number in enum_names(pb.Channel.DESCRIPTOR).items()}
PURPOSE_NAMES = {number: name for name, number in enum_names(pb.Purpose.DESCRIPTOR).items()}


def mapping(form: dict[str, str], time_format: str) -> TableMapping:
    unused = {"message_sent", "searched", "cart_changed", "conversation_started", "consent_changed", "custom"}
    return a_mapping(
        format=form,
        occurred_at={"column": "at", "format": time_format, "time_zone": "" if "unix" in time_format else ZONE.key},
        channel={"column": "channel"},
        event=[{"body": body, "when": {"column": "kind", "equals": body}} for body in sorted(unused)],
        identifiers={"phone": "phone", "email": "email"},
        conversation="thread",
        consent={"column": "allowed", "separator": "|"},
        fields=FIELDS,
    )


def row_of(event: pb.Event, time_format: str) -> dict[str, str]:
    """What a foreign system would write of an event."""
    body = event.WhichOneof("body") or ""
    told = getattr(event, body)
    at = datetime.fromtimestamp(0, UTC) + (event.occurred_at_unix_nano // 1000) * (datetime.resolution)
    local = at.astimezone(ZONE).replace(tzinfo=None)
    micros = event.occurred_at_unix_nano // 1000
    written = {"iso": local.isoformat(), "unix_ms": f"{micros / 1000:.3f}" if micros < 2**52 else f"{micros}e-3"}
    return {
        "id": event.event_id,
        "at": written.get(time_format) or local.strftime(time_format),
        "channel": CHANNEL_NAMES[event.channel],
        "kind": body,
        "phone": event.identifiers[0].value,
        "email": event.identifiers[1].value,
        "thread": event.conversation_id,
        "allowed": "|".join(PURPOSE_NAMES[purpose] for purpose in event.consent.purposes),
        "ip": event.context.ip,
        "north": repr(event.context.location.latitude),
        "east": "1",
        "who": PARTIES.get(getattr(told, "party", 0), ""),
        "text": getattr(told, "text", "") or getattr(told, "query", "") or getattr(told, "product", ""),
        "count": str(getattr(told, "turn", 0) or getattr(told, "result_count", 0) or getattr(told, "quantity", 0)),
        "mood": repr(told.emotion.sentiment) if body == "message_sent" else "",
        "price": f"{told.price.amount_minor / 100:.2f}" if body == "cart_changed" else "",
        "granted": ",".join(PURPOSE_NAMES[purpose] for purpose in getattr(told, "granted", ())),
        "label_a": told.labels["a"] if body == "custom" else "",
        "label_b": told.labels["b"] if body == "custom" else "",
    }


def read_back(path: Path, form: dict[str, str], time_format: str) -> list[pb.Event]:
    return [e for outcome in outcomes(path, mapping(form, time_format)) for e in _events(outcome)]


def _events(outcome: object) -> tuple[pb.Event, ...]:
    assert isinstance(outcome, Mapped), outcome
    return outcome.events


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=st.lists(events(), min_size=1, max_size=5))
def test_events_written_as_csv_come_back(tmp_path: Path, encoding: str, delimiter: str, wanted: list[pb.Event]) -> None:
    path = tmp_path / "events.csv"
    form = {"kind": "csv", "encoding": encoding, "delimiter": delimiter}
    time_format = "%Y-%m-%d %H:%M:%S.%f"
    rows = [row_of(event, time_format) for event in wanted]
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    assert read_back(path, form, time_format) == wanted


@pytest.mark.parametrize("time_format", ["iso", "unix_ms"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=st.lists(events(), min_size=1, max_size=5))
def test_events_written_as_gzipped_json_lines_come_back(
    tmp_path: Path, time_format: str, wanted: list[pb.Event]
) -> None:
    path = tmp_path / "events.jsonl.gz"
    lines = "\n".join(json.dumps(row_of(event, time_format)) for event in wanted)
    path.write_bytes(gzip.compress(lines.encode()))
    assert read_back(path, {"kind": "jsonl"}, time_format) == wanted
