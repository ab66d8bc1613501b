"""What is told and recorded of events that are not taken: which rules they broke, nothing of what they held."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from privacy.masking.limits import Violation
from privacy.masking.sealed import micros


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an event was refused as invalid, and which rules it broke; nothing of what it held."""

    source: str
    channel: str | None
    event_type: str | None
    received_at: datetime
    broken: tuple[str, ...]

    def to_bytes(self) -> bytes:
        """Return the columns of `quarantine.events` without the journal's own as JSON in UTF-8."""
        return orjson.dumps(
            {
                "source": self.source,
                "channel": self.channel,
                "event_type": self.event_type,
                "received_at": micros(self.received_at),
                "violations": list(self.broken),
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
