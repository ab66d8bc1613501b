"""Types of documented JSON payloads: what is named is checked, what is not is left alone."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.adapters.webhooks.delivery import PayloadMalformed

_LATEST_S = 4_102_444_800
"""2100-01-01: no event may be later."""


class Part(BaseModel):
    """A JSON object of a payload."""

    model_config = ConfigDict(extra="ignore", frozen=True)


PartT = TypeVar("PartT", bound=Part)


def json_of(content: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        PayloadMalformed: if the content is not UTF-8, not JSON, nested too deep, or no object.
    """
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise PayloadMalformed from None
    if not isinstance(parsed, dict):
        raise PayloadMalformed
    return parsed


def part_of(kind: type[PartT], parsed: dict[str, Any]) -> PartT:
    """Return a JSON object as what it is documented to be.

    Raises:
        PayloadMalformed: if it is something else.
    """
    try:
        return kind.model_validate(parsed)
    except ValueError:
        raise PayloadMalformed from None


def _id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _seconds_to_ns(value: object) -> object:
    """Unix seconds, or a time as text in ISO 8601 or as `2020-03-03 13:05:57 UTC`, as nanoseconds."""
    if isinstance(value, str):
        at = datetime.fromisoformat(value.replace(" UTC", "+00:00"))
        value = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a time")
    if not math.isfinite(value) or not 0 <= value <= _LATEST_S:
        raise ValueError("not a time of these days")
    return round(value * 1000) * 1_000_000


Id = Annotated[str, BeforeValidator(_id), Field(min_length=1, max_length=512)]
"""A platform's id of something, text or number."""

TimeInSeconds = Annotated[int, BeforeValidator(_seconds_to_ns)]
"""A time that comes in seconds or as text, in nanoseconds since the Unix epoch."""

Milliseconds = Annotated[int, Field(ge=0, le=_LATEST_S * 1000)]
"""A time in milliseconds since the Unix epoch."""
