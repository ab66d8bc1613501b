"""What may be stored: masked events as lines of JSON. Nothing outside of masking can make one."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from privacy.errors import MangroveError
from privacy.masking.envelope import Envelope
from privacy.masking.plan import TRAITS, UNKNOWN
from privacy.pseudonyms import Token

_SEAL = object()


class NotMasked(MangroveError):
    """Code outside `privacy.masking` tried to build a masked event, or raw events were to be masked that are broken."""

    reason = "NOT_MASKED"


class MaskedEvent:
    """An event without raw personal data: what its treatments promise holds for every field.

    A plain class, for there is one an event: a frozen dataclass takes three times as long to make.

    Attributes:
        event_id: The pseudonym of its id.

    Raises:
        NotMasked: if anything but `seal` makes one.
    """

    __slots__ = ("_line", "event_id")

    def __init__(self, event_id: str, line: bytes, seal: object) -> None:
        if seal is not _SEAL:
            raise NotMasked("Only privacy.masking can build a masked event.")
        self.event_id: Final = event_id
        self._line: Final = line

    @property
    def record(self) -> dict[str, Any]:
        """The columns of `bronze.events` without the journal's own."""
        columns: dict[str, Any] = orjson.loads(self._line)
        return columns

    def to_bytes(self) -> bytes:
        """Return the record as JSON in UTF-8."""
        return self._line

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MaskedEvent) and other._line == self._line

    def __hash__(self) -> int:
        return hash(self._line)

    def __repr__(self) -> str:
        return f"MaskedEvent({self.event_id!r})"


def blank_of(source: str, received_at: datetime) -> dict[str, Any]:
    """Return the record of an event of which nothing is known yet but who sent it and when it was received.

    Args:
        source: The name of the source.
        received_at: The collector's clock, UTC.
    """
    return {
        "source": source,
        "received_at": micros(received_at),
        "received_date": received_at.astimezone(UTC).date().isoformat(),
        "event_id": None,
        "channel": None,
        "event_type": None,
        "occurred_at": None,
        "identifiers": (),
        "conversation_id": None,
        "purposes": (),
        "context": None,
        "body": None,
        "emotion": None,
        "aliases": None,
        "traits": None,
    }


def seal(record: dict[str, Any], event_id: str) -> MaskedEvent:
    """Make a masked event.

    Args:
        record: Its masked fields in their columns, as `ENVELOPE` says, and its id as it is; it is used up.
        event_id: The pseudonym of its id.
    """
    body = record["body"]
    record["traits"] = body.pop(TRAITS, None) or None
    if emotion := body.pop("emotion", None):
        record["emotion"] = orjson.dumps(emotion).decode()
    record["event_id"] = event_id
    record["context"] = record["context"] or None
    record["occurred_at"] //= 1000
    record["body"] = orjson.dumps(body).decode()
    return MaskedEvent(event_id, orjson.dumps(record), _SEAL)


def name_aliases(record: dict[str, Any]) -> None:
    """Say of the tokens of people in a record what they were under keys whose window is open when it is received."""
    named = [one["token"] for one in record["identifiers"]] + list(record["body"].values())
    tokens = dict.fromkeys(token for token in named if isinstance(token, Token))
    at = record["received_at"]
    record["aliases"] = [{"token": t, "previous": previous} for t in tokens for previous in t.previous(at)] or None


def _of_identifier(fields: dict[str, Any]) -> object:
    """Return nothing for a value that names nobody."""
    token = fields["value"]
    return {"type": fields["type"], "token": token} if token else ""


def _of_consent(fields: dict[str, Any]) -> object:
    return fields.get("purposes", [])


def _of_context(fields: dict[str, Any]) -> object:
    return orjson.dumps(fields).decode() if fields else ""


ENVELOPE = Envelope(
    event_id="event_id",
    columns={"occurred_at_unix_nano": "occurred_at", "consent": "purposes", "body": "event_type"},
    shapes={"identifiers": _of_identifier, "consent": _of_consent, "context": _of_context},
)
"""How an event stands in its record, before it is sealed."""


def record_of(fields: dict[str, Any], event_type: str, blank: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an event, before it is sealed.

    Args:
        fields: The event's tree.
        event_type: Which field is its body; fields that the schema does not have are kept in there.
        blank: See `blank_of`.
    """
    body = fields[event_type]
    if UNKNOWN in fields:
        body[UNKNOWN] = fields[UNKNOWN]
    record = {**blank, "event_type": event_type}
    for name, value in fields.items():
        shape = ENVELOPE.shapes.get(name)
        if shape is None:
            shaped = value
        else:
            shaped = list(filter(None, map(shape, value))) if isinstance(value, list) else shape(value)
        if name not in (event_type, UNKNOWN):
            record[ENVELOPE.columns.get(name, name)] = shaped
    return {**record, "body": body}


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since the Unix epoch."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
