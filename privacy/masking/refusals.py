"""What is told and recorded of events that are not taken: which rules they broke, nothing of what they held."""

from dataclasses import dataclass, field
from datetime import datetime

import orjson

from privacy.masking.limits import Violation
from privacy.masking.sealed import micros


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an event was refused as invalid, and which rules it broke; nothing raw of what it held.

    Attributes:
        source: Who sent it.
        channel: Its channel, if it names one that is known.
        event_type: Its body, if it has one that is known.
        received_at: The collector's clock, UTC.
        broken: The rules that it broke, as field:RULE.
        event_id: The pseudonym of its id, if it has one and may be stored.
        occurred_at: When it happened, microseconds since the Unix epoch, if it says so within bounds and may be stored.
        content: Its masked fields as JSON in UTF-8, from which it can be restored; None if they are not kept.
    """

    source: str
    channel: str | None
    event_type: str | None
    received_at: datetime
    broken: tuple[str, ...]
    event_id: str | None = None
    occurred_at: int | None = None
    content: bytes | None = field(default=None, repr=False)

    def to_bytes(self) -> bytes:
        """Return the columns of `quarantine.events` without the journal's own as JSON in UTF-8."""
        return orjson.dumps(
            {
                "source": self.source,
                "event_id": self.event_id,
                "channel": self.channel,
                "event_type": self.event_type,
                "occurred_at": self.occurred_at,
                "received_at": micros(self.received_at),
                "violations": list(self.broken),
                "content": self.content.decode() if self.content is not None else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Unmaskable:
    """That an event cannot be taken because a detector failed on one of its fields."""

    path: str

    @property
    def violation(self) -> Violation:
        """The broken rule, as it is told to the sender and recorded."""
        return Violation(
            self.path, "MASKING_FAILED", "It could not be searched for personal data. Send it again later."
        )


@dataclass(frozen=True, slots=True)
class Invalid:
    """That an event cannot be taken because it breaks rules of the schema."""

    violations: tuple[Violation, ...]
