"""Reads single values of JSON messages that anybody may have written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from privacy.errors import MangroveError

_EPOCH = datetime.fromtimestamp(0, UTC)
_EXACT_BELOW = 2**53
# A message nested deeper could not be parsed from the wire; the collector itself refuses much less, and says so.
_DEEPEST = 24
_LATEST_NANO = 2**63 - 1


class MessageMalformed(MangroveError):
    """A message has a shape that no library sends: nothing of it can be kept."""

    reason = "MESSAGE_MALFORMED"

    def __init__(self) -> None:
        super().__init__("A message has a part of the wrong type. See docs/edge.md for what messages look like.")


def as_text(value: object) -> str:
    """Return a text; numbers are written out, nothing is empty.

    Raises:
        MessageMalformed: if it is neither.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MessageMalformed
    return str(int(value)) if value == int(value) else repr(value)


def as_object(value: object) -> dict[str, Any]:
    """Return an object; nothing is empty.

    Raises:
        MessageMalformed: if it is another value.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MessageMalformed
    return value


def text_in(values: object, *keys: str) -> str:
    """Return the first text or number that is not empty under one of the keys of an object; empty if there is none."""
    if isinstance(values, dict):
        for key in keys:
            value = values.get(key)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and (text := as_text(value)):
                return text
    return ""


def as_number(value: object) -> float | None:
    """Return a number, also one that is written as text, as some libraries send them; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < _EXACT_BELOW else None


def as_time(value: object) -> datetime | None:
    """Return an ISO 8601 time, read as UTC if it has no zone; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def unix_nano(at: datetime) -> int:
    """Return a time in nanoseconds since the Unix epoch; before it 0, which the collector refuses as unknown."""
    since = at - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return min(max(micros * 1000, 0), _LATEST_NANO)


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as a Struct can hold it: numbers that a double cannot tell apart become text.

    Raises:
        MessageMalformed: if it is nested deeper than the wire carries.
    """
    return {key: _plain(item, 1) for key, item in value.items()}


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        raise MessageMalformed
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT_BELOW:
        return str(value)
    return value
