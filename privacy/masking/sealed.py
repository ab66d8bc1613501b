"""What may be stored: masked events as lines of JSON. Nothing outside of masking can make one."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from privacy.errors import MangroveError

_SEAL = object()


class NotMasked(MangroveError):
    """Code outside `privacy.masking` tried to build a masked event, or raw events were to be masked that are broken."""

    reason = "NOT_MASKED"


@dataclass(frozen=True, slots=True)
class MaskedEvent:
    """An event without raw personal data: what its treatments promise holds for every field.

    `event_id` is a pseudonym; `line` holds the columns of `bronze.events` without the journal's own as JSON.
    """

    event_id: str
    line: bytes = field(repr=False)
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise NotMasked("Only privacy.masking can build a masked event.")

    @property
    def record(self) -> dict[str, Any]:
        """The columns by name."""
        columns: dict[str, Any] = orjson.loads(self.line)
        return columns

    def to_bytes(self) -> bytes:
        """Return the columns as JSON in UTF-8."""
        return self.line


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the events of a batch have in common: their source, and when the collector took them."""

    source: str
    received_at: int
    received_date: str

    @staticmethod
    def of(source: str, received_at: datetime) -> "Stamp":
        """Return the stamp of what a source sent at a moment."""
        return Stamp(source, micros(received_at), received_at.astimezone(UTC).date().isoformat())


def seal(columns: dict[str, Any], stamp: Stamp) -> MaskedEvent:
    """Make a masked event.

    Args:
        columns: Its masked fields, in the shape of `COLUMNS`; `body` says which one holds the body.
        stamp: Who sent it when.
    """
    event_id, event_type, get = columns["event_id"], columns["body"], columns.get
    body = columns[event_type]
    emotion = body.pop("emotion", None)
    line = orjson.dumps(
        {
            "source": stamp.source,
            "received_at": stamp.received_at,
            "received_date": stamp.received_date,
            "event_id": event_id,
            "channel": columns["channel"],
            "event_type": event_type,
            "occurred_at": columns["occurred_at_unix_nano"] // 1000,
            "identifiers": get("identifiers", ()),
            "conversation_id": get("conversation_id"),
            "purposes": get("consent", ()),
            "context": get("context") or None,
            "body": orjson.dumps(body).decode(),
            "emotion": orjson.dumps(emotion).decode() if emotion else None,
        }
    )
    return MaskedEvent(event_id, line, _SEAL)


def _of_identifier(fields: dict[str, Any]) -> object:
    """Return an identifier as JSON that is made once; nothing for a value that names nobody."""
    token = fields["value"]
    return orjson.Fragment(orjson.dumps({"type": fields["type"], "token": token})) if token else ""


def _of_consent(fields: dict[str, Any]) -> object:
    return fields.get("purposes", [])


def _of_context(fields: dict[str, Any]) -> object:
    return orjson.dumps(fields).decode() if fields else ""


COLUMNS = {"identifiers": _of_identifier, "consent": _of_consent, "context": _of_context}
"""How messages of the envelope stand in their columns; what is empty is left out of lists."""


def columns_of(fields: dict[str, Any], event_type: str) -> dict[str, Any]:
    """Return the fields of an event's tree in the shape of `COLUMNS`."""
    columns = {**fields, "body": event_type}
    for name, shape in COLUMNS.items():
        value = fields.get(name)
        if isinstance(value, list):
            columns[name] = [shaped for shaped in map(shape, value) if shaped]
        elif value is not None:
            columns[name] = shape(value)
    return columns


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since the Unix epoch."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
