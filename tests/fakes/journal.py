"""A journal in memory."""

import time
import uuid
from collections.abc import Sequence

from privacy.masking import MaskedEvent, Refusal
from services.collector.ports import Feed, Feeds, Journal, Overloaded, Receipt, Record


class InMemoryJournal(Journal, Feed):
    """Both ends of a journal; durable for as long as the test runs."""

    def __init__(self, max_waiting_events: int = 1_000_000) -> None:
        self._id = uuid.uuid4().hex
        self._max_waiting_events = max_waiting_events
        self._records: list[tuple[float, Record]] = []
        self._seen: set[tuple[str, str]] = set()
        self._last = 0

    @property
    def name(self) -> str:
        return "memory"

    @property
    def journal_id(self) -> str:
        return self._id

    async def append(self, source: str, events: Sequence[MaskedEvent], refusals: Sequence[Refusal]) -> Receipt:
        if self.waiting()[0] >= self._max_waiting_events:
            raise Overloaded
        is_new = []
        lines = []
        for event in events:
            key = (source, event.event_id)
            is_new.append(key not in self._seen)
            if key not in self._seen:
                self._seen.add(key)
                lines.append(event.to_bytes() + b"\n")
        refused = [refusal.to_bytes() + b"\n" for refusal in refusals]
        if lines or refused:
            self._last += 1
            record = Record(self._last, len(lines) + len(refused), b"".join(lines), b"".join(refused))
            self._records.append((time.time(), record))
        return Receipt(tuple(is_new))

    def read(self, after: int, max_bytes: int) -> list[Record]:
        found: list[Record] = []
        size = 0
        for _, record in self._records:
            if record.sequence > after and (not found or size < max_bytes):
                found.append(record)
                size += len(record.events) + len(record.refusals)
        return found

    def forget(self, through: int) -> None:
        self._records = [(at, record) for at, record in self._records if record.sequence > through]

    def waiting(self) -> tuple[int, float]:
        oldest = self._records[0][0] if self._records else time.time()
        return sum(record.count for _, record in self._records), time.time() - oldest

    def size(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


class InMemoryFeeds(Feeds):
    """Feeds that a test hands in."""

    def __init__(self, *feeds: Feed) -> None:
        self.feeds = list(feeds)

    def assigned(self) -> Sequence[Feed]:
        return self.feeds

    def close(self) -> None:
        """Nothing is held."""
