"""What the collector and the lander need from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa

from privacy.errors import MangroveError
from privacy.masking import MaskedEvent, Refusal


class JournalUnavailable(MangroveError):
    """The journal could not make the batch durable; nothing of it was taken."""

    reason = "JOURNAL_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The events could not be made durable, so nothing was taken. Send the batch again in a moment."
        )


class JournalDamaged(MangroveError):
    """A journal's file or log cannot be read; nothing is skipped silently."""

    reason = "JOURNAL_DAMAGED"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The journal '{name}' is damaged. It was left as it is: docs/operations.md says how to go on from it."
        )


class Overloaded(MangroveError):
    """More events wait than the collector may hold."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__(
            "The collector holds as many events as it may, so nothing was taken. Send the batch again in a moment."
        )


class DiskLow(MangroveError):
    """The journal's disk has less free space than the collector leaves free."""

    reason = "DISK_LOW"

    def __init__(self) -> None:
        super().__init__(
            "The collector's disk is almost full, so nothing was taken. Send the batch again later; the operator "
            "makes room or lets the lander catch up."
        )


class LandedElsewhere(MangroveError):
    """Another lander appended to the table meanwhile; nothing was appended here."""

    reason = "LANDED_ELSEWHERE"

    def __init__(self) -> None:
        super().__init__("Another lander appended to the same table meanwhile. What waits is looked at again.")


class LakeUnavailable(MangroveError):
    """The lake cannot be read or written now; what waits stays in the journals."""

    reason = "LAKE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "The lake cannot be read or written now. What waits stays in the journals and is tried again; see that the "
            "lake's disk has room and its storage is reached."
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a batch is durable: for each event, whether it is new (False: it was there before)."""

    is_new: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A batch in a journal.

    Attributes:
        sequence: Its place in the journal, from 1, growing; numbers may be left out.
        count: How many events and refusals it holds.
        events: Masked events as JSON in UTF-8, one a line, each line ended by a newline.
        refusals: Refused events likewise.
    """

    sequence: int
    count: int
    events: bytes
    refusals: bytes


class Journal(Protocol):
    """The collector's end of a durable queue of masked events."""

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        """Make a batch durable, all or nothing; an event whose id the source sent before is left out.

        That an event was there before is told on a best effort: the lander leaves repeats out of the lake.

        Raises:
            JournalUnavailable: if it cannot be made durable.
            Overloaded, DiskLow: if the journal is full.
        """
        ...

    def close(self) -> None:
        """Write what waits and let go of the journal."""
        ...


class Feed(Protocol):
    """The lander's end of one journal: its records in order."""

    @property
    def name(self) -> str:
        """What operators call the journal."""
        ...

    @property
    def journal_id(self) -> str:
        """A name that no other journal has, also not one that is made after this one is lost."""
        ...

    def read(self, after: int, max_bytes: int) -> list[Record]:
        """Return the oldest records behind a sequence, in order: about `max_bytes` of them, at least one if any waits.

        Raises:
            JournalDamaged: if they cannot be read.
        """
        ...

    def forget(self, through: int) -> None:
        """Drop the records up to and including a sequence: they are in the lake.

        Raises:
            JournalUnavailable, JournalDamaged: if they cannot be dropped now; they are not landed again.
        """
        ...

    def waiting(self) -> tuple[int, float]:
        """Return how many events and refusals wait, and the age of the oldest in seconds; (0, 0.0) if none."""
        ...

    def size(self) -> int:
        """Return how many bytes the journal takes on disk, 0 if it lies elsewhere."""
        ...


class Feeds(Protocol):
    """All journals that this lander is to land now."""

    def assigned(self) -> Sequence[Feed]:
        """Return the feeds; another call may give others, as workers come and partitions move."""
        ...

    def close(self) -> None:
        """Let go of all feeds."""
        ...


class LandedTable(Protocol):
    """A table of the lake that journals' records are appended to exactly once."""

    def landed_through(self, journal_id: str) -> int:
        """Return the sequence up to which a journal's records are in the table, 0 if none."""
        ...

    def append(self, rows: pa.Table, journal_id: str, *, after: int, through: int) -> int:
        """Append rows and, in the same commit, that the journal is in the table through a sequence.

        Rows of events that the table holds already are left out. Returns how many rows were appended. Without rows
        the sequence is said only now and then: reading a few records again costs less than a commit.

        Raises:
            LandedElsewhere: if the journal's records are not in the table exactly through `after` any more, or
                another lander appended meanwhile.
            LakeUnavailable: if it cannot be read or written.
        """
        ...

    def mark(self, journal_id: str, through: int) -> None:
        """Say, without rows, that a journal is in the table through a sequence.

        Raises:
            LandedElsewhere, LakeUnavailable: as in `append`.
        """
        ...

    def compact(self) -> None:
        """Join small files."""
        ...

    def expire(self, column: str, before: date) -> None:
        """Set a column to null in the rows received before a day; nothing to do makes no commit."""
        ...
