"""How a record of the journal is written as one Kafka message.

The value holds masked events and then refusals as JSON, one a line; the headers say the format, how many of each
there are, and how many bytes the events take. There is no key, and no header holds a value of an event.
"""

from collections.abc import Sequence

from confluent_kafka import Message

from services.collector.ports import JournalDamaged, Record

Headers = list[tuple[str, str | bytes | None]]

_FORMAT = b"1"


def to_message(events: Sequence[bytes], refusals: Sequence[bytes]) -> tuple[bytes, Headers]:
    """Return the value and the headers of a message that holds these lines."""
    lines, refused = (b"".join([line + b"\n" for line in part]) for part in (events, refusals))
    headers: Headers = [
        ("format", _FORMAT),
        ("events", b"%d" % len(events)),
        ("refusals", b"%d" % len(refusals)),
        ("events-bytes", b"%d" % len(lines)),
    ]
    return lines + refused, headers


def to_record(message: Message, name: str) -> Record:
    """Return what `to_message` made a message of; its sequence is its offset and one, as they begin with one.

    Raises:
        JournalDamaged: if it is another's message, or of a format that is not known.
    """
    headers = dict(message.headers() or [])
    value = message.value() or b""
    offset = message.offset()
    try:
        events, refusals, cut = (int(headers[name] or b"") for name in ("events", "refusals", "events-bytes"))
    except (KeyError, ValueError):
        raise JournalDamaged(name) from None
    lines, refused = value[:cut], value[cut:]
    whole = (lines.count(b"\n"), refused.count(b"\n")) == (events, refusals)
    if headers.get("format") != _FORMAT or not whole or offset is None:
        raise JournalDamaged(name)
    return Record(offset + 1, events + refusals, lines, refused)
