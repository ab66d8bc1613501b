"""What the collector and the lander need from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

import pyarrow as pa

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal

RecordKind = Literal["event", "refusal"]


class JournalUnavailable(MangroveError):
    """The journal could not make the batch durable; nothing of it was taken."""

    reason = "JOURNAL_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The events could not be made durable, so nothing was taken. Send the batch again in a moment."
        )


class Overloaded(MangroveError):
    """More events wait than the collector may hold."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__(
            "The collector holds as many events as it may, so nothing was taken. Send the batch again in a moment."
        )


class LandedElsewhere(MangroveError):
    """Another lander appended the same journal's records meanwhile; nothing was appended here."""

    reason = "LANDED_ELSEWHERE"

    def __init__(self) -> None:
        super().__init__("Another lander lands the same journal. Run one lander for a journal.")


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a batch is durable: for each event, whether it is new (False: it was there before)."""

    is_new: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a journal: its place from 1, its kind, and masked JSON in UTF-8."""

    sequence: int
    kind: RecordKind
    payload: bytes


class Journal(Protocol):
    """A durable queue of masked events between the collector and the lander."""

    @property
    def journal_id(self) -> str:
        """A name that no other journal has, also not one that is made after this one is lost."""
        ...

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        """Make a batch durable, all or nothing; an event whose id the source sent before is left out.

        Raises:
            JournalUnavailable: if it cannot be made durable.
            Overloaded: if the journal is full.
        """
        ...

    def read(self, limit: int) -> list[Record]:
        """Return the oldest records, at most `limit`, in order."""
        ...

    def forget(self, through: int) -> None:
        """Drop the records up to and including a sequence: they are in the lake."""
        ...


class LandedTable(Protocol):
    """A table of the lake that one journal's records are appended to exactly once."""

    def landed_through(self, journal_id: str) -> int:
        """Return the sequence up to which a journal's records are in the table, 0 if none."""
        ...

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> None:
        """Append rows and, in the same commit, that the journal is in the table through a sequence.

        Raises:
            LandedElsewhere: if the journal's records are not in the table exactly through `after` any more.
        """
        ...

    def compact(self) -> None:
        """Join small files."""
        ...

    def expire(self, column: str, before: date) -> None:
        """Set a column to null in the rows received before a day; nothing to do makes no commit."""
        ...
